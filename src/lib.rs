//! iam-bridge: proves which AWS IAM principal sent a Kubernetes request, and tells what it may do.
//!
//! The library exists for the binary, its tests and benches; it makes no promise of stability.
//! A module uses only modules of lower levels, or its own; `tests/behaviour/architecture.rs` holds it to that.
//!
//! ```text
//! 8  main  cli                        command line, printing, exit codes
//! 7  check  doctor                    every parser the server starts with, over files | why kubectl does not get in
//! 6  config  demo  whoami             flags + environment + file → Settings | the whole path on loopback | both ends
//! 5  server  get_token  explain  convert     what people run
//! 4  authenticator  sources  policy   one caller across | where mappings come from | access policies → RBAC objects
//! 3  aws  kubernetes  kubeconfig      every call to AWS | to the API server | kubeconfig files, written
//! 2  token  mapping                   text ⇄ token | identity → Kubernetes user      pure
//! 1  iam  rbac                        principals and ARNs | rules of roles            pure
//! 0  clock  diagnostic  document  live  private_file  replaced_file  telemetry     tools; each may use those named before it
//! ```

pub mod authenticator;
pub mod aws;
pub mod check;
pub mod cli;
pub mod clock;
pub mod config;
pub mod convert;
pub mod demo;
pub mod diagnostic;
pub mod doctor;
pub mod document;
pub mod explain;
pub mod get_token;
pub mod iam;
pub mod kubeconfig;
pub mod kubernetes;
pub mod live;
pub mod mapping;
pub mod policy;
pub mod private_file;
pub mod rbac;
pub mod replaced_file;
pub mod server;
pub mod sources;
pub mod telemetry;
pub mod token;
pub mod whoami;
