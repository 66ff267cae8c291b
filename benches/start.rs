//! What a kubectl call pays: signing, and the whole start of `get-token` with keys in the environment.
//!
//! `cargo bench --bench start`; read the medians. `start_version` is the floor: loader, arguments, one line.
#![expect(clippy::expect_used, reason = "a bench that cannot run fails by panicking")]

use std::hint::black_box;
use std::process::{Command, Stdio};

use aws_credential_types::Credentials;
use divan::{Bencher, counter::ItemsCount};
use iam_bridge::clock::UnixSeconds;
use iam_bridge::get_token::{ApiVersion, EndpointForm, Shape, StsEndpoint, render, sign};
use iam_bridge::token::ClusterId;

fn main() {
    divan::main();
}

#[divan::bench]
fn sign_and_render(bencher: Bencher<'_, '_>) {
    let keys = Credentials::new("AKIAEXAMPLEEXAMPLE", "secret", Some("session".repeat(100)), None, "bench");
    let endpoint = StsEndpoint::of_region("eu-central-1", EndpointForm::default()).expect("a region");
    let cluster_id = ClusterId::parse("bench").expect("a cluster id");
    bencher.counter(ItemsCount::new(1_u32)).bench_local(|| {
        let signed = sign(&keys, &endpoint, &cluster_id, UnixSeconds(black_box(1_767_225_600))).expect("signed");
        render(&signed, ApiVersion::V1, Shape::Json).expect("rendered")
    });
}

#[divan::bench(sample_count = 200, sample_size = 1)]
fn start_get_token(bencher: Bencher<'_, '_>) {
    bencher.bench_local(|| run(&["get-token", "--cluster-name", "bench", "--region", "eu-central-1"]));
}

#[divan::bench(sample_count = 200, sample_size = 1)]
fn start_version(bencher: Bencher<'_, '_>) {
    bencher.bench_local(|| run(&["version"]));
}

fn run(args: &[&str]) {
    let status = Command::new(env!("CARGO_BIN_EXE_iam-bridge"))
        .args(args)
        .env_clear()
        .env("AWS_ACCESS_KEY_ID", "AKIAEXAMPLEEXAMPLE")
        .env("AWS_SECRET_ACCESS_KEY", "secret")
        .stdout(Stdio::null())
        .status()
        .expect("the binary runs");
    assert!(status.success());
}
