//! The AWS that tests run against is such that the AWS CLI takes it for AWS.

use std::process::Command;

use crate::harness::aws::{ACCOUNT, Aws, Cluster, Instance, REGION, START_URL, SsoLogin};
use crate::harness::process::{clean, run, run_ok, say_aloud};

fn aws_cli() -> Option<Command> {
    let installed = clean("aws").arg("--version").output().is_ok_and(|output| output.status.success());
    if !installed {
        say_aloud("end-to-end test NOT RUN: the AWS CLI is not installed");
    }
    installed.then(|| clean("aws"))
}

/// The AWS CLI led to `aws`; it knows `AWS_CA_BUNDLE` only, and version 1 `AWS_DEFAULT_REGION`.
fn asking(aws: &Aws, arguments: &[&str]) -> Command {
    let mut command = clean("aws");
    aws.steer(&mut command);
    command.env("AWS_CA_BUNDLE", aws.at("sts-ca.pem")).env("NO_PROXY", "127.0.0.1");
    command.env("AWS_DEFAULT_REGION", REGION).env("AWS_MAX_ATTEMPTS", "1").args(arguments).args(["--output", "json"]);
    command
}

#[test]
fn e2e_the_aws_cli_describes_and_lists_clusters() {
    let Some(_) = aws_cli() else { return };
    let aws = Aws::start();
    let dev = aws.user("dev");
    for name in ["a", "b", "c", "d", "e"] {
        aws.add_cluster(Cluster::active(name, "https://127.0.0.1:6443", "pem"));
    }
    aws.add_cluster(Cluster::creating("new"));
    let listed = run_ok(aws.with_keys(&dev, &mut asking(&aws, &["eks", "list-clusters"])));
    let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(listed["clusters"], serde_json::json!(["a", "b", "c", "d", "e", "new"]));
    let told = run_ok(aws.with_keys(&dev, &mut asking(&aws, &["eks", "describe-cluster", "--name", "new"])));
    assert!(told.contains("CREATING"), "{told}");
    let said = run(aws.with_keys(&dev, &mut asking(&aws, &["eks", "describe-cluster", "--name", "none"])));
    assert!(said.stderr.contains("ResourceNotFoundException"), "{said:?}");
    aws.deny_eks(&dev);
    let said = run(aws.with_keys(&dev, &mut asking(&aws, &["eks", "describe-cluster", "--name", "a"])));
    assert!(said.stderr.contains("AccessDeniedException"), "{said:?}");
    let mut command = asking(&aws, &["eks", "describe-cluster", "--name", "a"]);
    aws.with_keys(&dev, &mut command).env("AWS_SECRET_ACCESS_KEY", "another");
    assert!(run(&mut command).stderr.contains("InvalidSignatureException"));
}

#[test]
fn e2e_the_aws_cli_logs_in_by_the_same_files_and_services() {
    let Some(_) = aws_cli() else { return };
    let aws = Aws::start();
    aws.write_config(&format!(
        "[profile people]\nsso_session = corp\nsso_account_id = {ACCOUNT}\nsso_role_name = Admin\n\
         [sso-session corp]\nsso_region = eu-central-1\nsso_start_url = {START_URL}\n"
    ));
    let who = ["sts", "get-caller-identity"];
    let login = SsoLogin { identifier: "corp", role: "Admin", lives: 28_000, refreshes: false };
    let (admin, _) = aws.log_in_by_sso(login);
    let told = run_ok(asking(&aws, &who).env("AWS_PROFILE", "people"));
    assert!(told.contains(&admin.arn), "{told}");

    let node = aws.role_session("Node", "i-0123456789abcdef0");
    let told = run_ok(aws.on_instance(Instance::Role(node.clone()), &mut asking(&aws, &who)));
    assert!(told.contains(&node.arn), "{told}");

    let pod = aws.role_session("Pod", "eks-pod");
    let told = run_ok(aws.in_container(&pod, &mut asking(&aws, &who)));
    assert!(told.contains(&pod.arn), "{told}");
}
