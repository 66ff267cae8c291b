//! What a kubectl call pays: signing, and whole runs of `get-token` with a cached token, with keys in the environment
//! and with keys of a profile, beside a bare Rust program that reads a file and prints it.
//!
//! `cargo bench --bench start`; read the medians. After divan's table comes one with the programs run in turn, so that
//! all of them see the same machine, and their processor time. `version` is the floor of our own binary.
#![expect(clippy::expect_used, reason = "a bench that cannot run fails by panicking")]

use std::fmt::{self, Display, Formatter};
use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use aws_credential_types::Credentials;
use divan::{Bencher, counter::ItemsCount};
use iam_bridge::clock::UnixSeconds;
use iam_bridge::get_token::{ApiVersion, EndpointForm, Shape, StsEndpoint, render, sign};
use iam_bridge::token::ClusterId;
use tempfile::TempDir;

/// Runs of each program.
const RUNS: u32 = 200;

/// A bare program: what no program of this size can be faster than.
const BARE: &str = "fn main() { print!(\"{}\", std::fs::read_to_string(std::env::args().nth(1).unwrap()).unwrap()) }";

/// Home, AWS config and the bare program.
static DESK: LazyLock<TempDir> = LazyLock::new(|| {
    let desk = tempfile::tempdir().expect("a directory");
    let home = desk.path();
    fs::create_dir(home.join(".aws")).expect("a directory");
    let profile =
        "[profile bench]\nregion = eu-central-1\naws_access_key_id = AKIAEXAMPLEEXAMPLE\naws_secret_access_key = s\n";
    fs::write(home.join(".aws/config"), profile).expect("a config file");
    fs::write(home.join("bare.rs"), BARE).expect("a source file");
    let built = Command::new("rustc").args(["-O", "-o"]).arg(home.join("bare")).arg(home.join("bare.rs")).status();
    assert!(built.expect("rustc runs").success());
    desk
});

fn main() {
    divan::main();
    if !std::env::args().skip(1).any(|argument| argument != "--bench") {
        in_turn();
    }
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

/// A program to run.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Program {
    /// Reads as many bytes as a cached token's file has, and prints them.
    Bare,
    Version,
    /// The token is there.
    Cached,
    /// Keys in the environment, no cache.
    Environment,
    /// The same, and the token is kept.
    EnvironmentKept,
    /// Keys of a profile, no cache.
    StaticProfile,
}

const PROGRAMS: [Program; 6] = [
    Program::Bare,
    Program::Version,
    Program::Cached,
    Program::Environment,
    Program::EnvironmentKept,
    Program::StaticProfile,
];

#[divan::bench(args = PROGRAMS, sample_count = RUNS, sample_size = 1)]
fn start(bencher: Bencher<'_, '_>, program: Program) {
    program.run();
    bencher.bench_local(|| program.run());
}

impl Program {
    fn run(self) {
        let mut command = self.command(DESK.path());
        let status = command.env("HOME", DESK.path()).stdout(Stdio::null()).status().expect("the program runs");
        assert!(status.success());
    }

    fn command(self, home: &Path) -> Command {
        const GET_TOKEN: [&str; 5] = ["get-token", "--cluster-name", "bench", "--region", "eu-central-1"];
        let more: &[&str] = match self {
            Self::Bare => {
                let mut bare = Command::new(home.join("bare"));
                bare.arg(home.join(".aws/config")).env_clear();
                return bare;
            }
            Self::Version => &[],
            Self::Cached => &[],
            Self::Environment => &["--no-cache"],
            Self::EnvironmentKept => &["--force-refresh"],
            Self::StaticProfile => &["--no-cache", "--profile", "bench"],
        };
        let mut ours = Command::new(env!("CARGO_BIN_EXE_iam-bridge"));
        ours.args(if self == Self::Version { &["version"][..] } else { &GET_TOKEN }).args(more).env_clear();
        if self != Self::StaticProfile {
            ours.env("AWS_ACCESS_KEY_ID", "AKIAEXAMPLEEXAMPLE").env("AWS_SECRET_ACCESS_KEY", "secret");
        }
        ours
    }
}

impl Display for Program {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Bare => "bare program",
            Self::Version => "version",
            Self::Cached => "cached token",
            Self::Environment => "environment keys",
            Self::EnvironmentKept => "environment keys, kept",
            Self::StaticProfile => "static profile",
        })
    }
}

/// All programs in turn, and then each for its processor time.
#[expect(clippy::print_stdout, reason = "the table is the bench's result")]
fn in_turn() {
    let mut walls = PROGRAMS.map(|_| Vec::new());
    for _ in 0..RUNS {
        for (program, walls) in PROGRAMS.iter().zip(&mut walls) {
            let began = Instant::now();
            program.run();
            walls.push(began.elapsed());
        }
    }
    println!("\n{:<24}{:>12}{:>12}{:>12}{:>12}", "in turn", "median", "p95", "user", "system");
    for (program, mut walls) in PROGRAMS.into_iter().zip(walls) {
        walls.sort_unstable();
        let at = |percent: usize| walls.get(walls.len() * percent / 100).copied().unwrap_or_default();
        let before = processor_time();
        (0..RUNS).for_each(|_| program.run());
        let [user, system] = processor_time().map(|after| after / RUNS);
        let [was_user, was_system] = before.map(|before| before / RUNS);
        println!(
            "{program:<24}{:>12.2?}{:>12.2?}{:>12.2?}{:>12.2?}",
            at(50),
            at(95),
            user - was_user,
            system - was_system
        );
    }
}

/// User and system time of all children so far, as Linux counts it; nothing elsewhere.
fn processor_time() -> [Duration; 2] {
    let stat = fs::read_to_string(PathBuf::from("/proc/self/stat")).unwrap_or_default();
    // Fields 16 and 17, in ticks of 10 ms; the second one, the name, ends with a parenthesis.
    let mut fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(13);
    [(); 2].map(|()| Duration::from_millis(10 * fields.next().and_then(|ticks| ticks.parse().ok()).unwrap_or(0)))
}
