//! Every test of the project: one binary, one link.
//!
//! `behaviour` needs no outside program; `e2e` runs a real etcd, kube-apiserver and kubectl.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking; clippy's test allowances cover #[test] functions only"
)]

mod behaviour;
mod e2e;
mod harness;
