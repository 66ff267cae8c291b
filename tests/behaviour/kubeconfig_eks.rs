//! `kubeconfig --eks`: the real binary asks an EKS on loopback.

use crate::harness::aws::{ACCOUNT, Aws, Cluster, REGION};
use crate::harness::process::{Said, run};
use iam_bridge::demo::sts::Principal;
use iam_bridge::kubeconfig::Kubeconfig;

const SERVER: &str = "https://ABC.gr7.eu-central-1.eks.amazonaws.com";

fn asked(aws: &Aws, who: &Principal, arguments: &[&str]) -> Said {
    let mut command = aws.iam_bridge(&[&["kubeconfig"], arguments].concat());
    run(aws.with_keys(who, &mut command))
}

fn written(aws: &Aws) -> Kubeconfig {
    Kubeconfig::parse("f", &std::fs::read_to_string(aws.at(".kube/config")).unwrap()).unwrap()
}

fn arn(name: &str) -> String {
    format!("arn:aws:eks:{REGION}:{ACCOUNT}:cluster/{name}")
}

#[test]
fn a_context_of_an_eks_cluster_has_its_endpoint_its_ca_and_its_arn() {
    let aws = Aws::start();
    let alice = aws.user("alice");
    aws.add_cluster(Cluster::active("prod", SERVER, "-----BEGIN CERTIFICATE-----\n"));
    let said = asked(&aws, &alice, &["--eks", "prod"]);
    let file = aws.at(".kube/config");
    assert_eq!(said.stdout, format!("Added context prod in {}\n", file.display()), "{}", said.stderr);
    assert_eq!(said.code, Some(0));
    assert!(said.stderr.contains("kubectl --context prod get ns"), "{}", said.stderr);
    let kubeconfig = written(&aws);
    let context = kubeconfig.context("prod").unwrap();
    assert_eq!((context.cluster.as_str(), context.user.as_str()), (arn("prod").as_str(), "prod"));
    assert_eq!(kubeconfig.server(&arn("prod")).unwrap(), SERVER);
    let exec = kubeconfig.exec("prod").unwrap();
    assert_eq!(exec.args, ["get-token", "--cluster-id", "prod", "--region", REGION]);
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains("certificate-authority-data: LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCg=="), "{text}");
    assert!(!text.contains("current-context"), "{text}");
    // By its ARN it is the same.
    let said = asked(&aws, &alice, &["--eks", &arn("prod")]);
    assert_eq!(said.stdout, format!("Unchanged context prod in {}\n", file.display()), "{}", said.stderr);
    let said = asked(&aws, &alice, &["--eks", "prod", "--use", "--namespace", "team"]);
    assert_eq!(said.stdout, format!("Updated context prod in {}\n", file.display()), "{}", said.stderr);
    assert!(std::fs::read_to_string(&file).unwrap().contains("current-context: prod\n"));
}

#[test]
fn a_local_cluster_on_outposts_signs_its_id() {
    let aws = Aws::start();
    let alice = aws.user("alice");
    let id = "0a1b2c3d-0000-1111-2222-333344445555";
    aws.add_cluster(Cluster { local_id: Some(id.to_owned()), ..Cluster::active("edge", SERVER, "CA") });
    assert_eq!(asked(&aws, &alice, &["--eks", "edge"]).code, Some(0));
    assert_eq!(written(&aws).exec("edge").unwrap().args, ["get-token", "--cluster-id", id, "--region", REGION]);
}

#[test]
fn what_eks_refuses_is_told_with_its_code_and_what_to_do() {
    let aws = Aws::start();
    let (alice, bob) = (aws.user("alice"), aws.user("bob"));
    aws.add_cluster(Cluster::active("prod", SERVER, "CA"));
    aws.add_cluster(Cluster::creating("new"));
    aws.add_cluster(Cluster { status: "UPDATING", ..Cluster::active("busy", SERVER, "CA") });
    aws.add_cluster(Cluster { endpoint: None, ..Cluster::active("mute", SERVER, "CA") });
    aws.deny_eks(&bob);
    assert_eq!(asked(&aws, &alice, &["--eks", "busy"]).code, Some(0));
    let file = std::fs::read_to_string(aws.at(".kube/config")).unwrap();
    for (who, name, what, remedy) in [
        (&alice, "new", "cluster `new` in `eu-central-1` is CREATING", "aws eks wait cluster-active --name new"),
        (&alice, "none", "(ResourceNotFoundException)", "aws eks list-clusters --region eu-central-1"),
        (&alice, "mute", "has no endpoint", "aws eks wait cluster-active --name mute"),
        (&bob, "prod", "(AccessDeniedException)", "eks:DescribeCluster"),
    ] {
        let said = asked(&aws, who, &["--eks", name]);
        assert_eq!((said.code, said.stdout.as_str()), (Some(1), ""), "{}", said.stderr);
        let lines: Vec<&str> = said.stderr.lines().filter(|line| !line.starts_with("warning")).collect();
        assert!(lines[0].starts_with("error: ") && lines[0].contains(what), "{}", said.stderr);
        assert!(lines[1].starts_with("hint: ") && lines[1].contains(remedy), "{}", said.stderr);
    }
    assert_eq!(std::fs::read_to_string(aws.at(".kube/config")).unwrap(), file, "nothing is written");
}

#[test]
fn a_role_that_may_not_describe_clusters_is_written_all_the_same() {
    let aws = Aws::start();
    let alice = aws.user("alice");
    aws.add_cluster(Cluster::active("prod", SERVER, "CA"));
    let role = format!("arn:aws:iam::{ACCOUNT}:role/Dev");
    aws.deny_eks(&Principal::role_session(ACCOUNT, "Dev", "alice").unwrap());
    let said = asked(&aws, &alice, &["--eks", "prod", "--role", &role]);
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    assert!(
        said.stderr.contains("note: the role may not describe the cluster (AccessDeniedException)"),
        "{}",
        said.stderr
    );
    assert_eq!(aws.calls("DescribeCluster"), 2);
    assert_eq!(written(&aws).exec("prod").unwrap().args[5..], ["--role", &role]);
}

#[test]
fn no_region_is_guessed() {
    let aws = Aws::start();
    let alice = aws.user("alice");
    let mut command = aws.iam_bridge(&["kubeconfig", "--eks", "prod"]);
    let said = run(aws.with_keys(&alice, &mut command).env_remove("AWS_REGION"));
    assert_eq!(said.code, Some(2), "{}", said.stderr);
    assert!(said.stderr.contains("no region is set, and none is guessed"), "{}", said.stderr);
    assert_eq!(aws.calls("DescribeCluster"), 0);
}

#[test]
fn a_context_of_another_cluster_is_not_taken_over_by_its_default_name() {
    let aws = Aws::start();
    let alice = aws.user("alice");
    aws.add_cluster(Cluster::active("prod", SERVER, "CA"));
    let other =
        "contexts:\n- name: prod\n  context: {cluster: kind, user: kind}\nusers:\n- name: prod\n  user: {token: t}\n";
    aws.write(".kube/config", other);
    let said = asked(&aws, &alice, &["--eks", "prod"]);
    assert_eq!(said.code, Some(1));
    assert!(said.stderr.contains("context `prod` is there already, for cluster `kind`"), "{}", said.stderr);
    let said = asked(&aws, &alice, &["--eks", "prod", "--context", "prod"]);
    assert!(said.stderr.contains("user `prod` is there already, and gets in by other means"), "{}", said.stderr);
    assert_eq!(std::fs::read_to_string(aws.at(".kube/config")).unwrap(), other);
    let said = asked(&aws, &alice, &["--eks", "prod", "--context", "prod", "--user", "prod-aws"]);
    assert_eq!(said.code, Some(0), "{}", said.stderr);
}

#[test]
fn a_profile_with_mfa_gets_a_terminal_and_the_credential_cache() {
    let aws = Aws::start();
    aws.write_config(&format!(
        "[profile base]\nregion = eu-west-3\naws_access_key_id = AKIAEXAMPLE\naws_secret_access_key = x\n\
         [profile dev]\nregion = eu-west-2\nrole_arn = arn:aws:iam::{ACCOUNT}:role/Dev\nsource_profile = base\n\
         mfa_serial = arn:aws:iam::{ACCOUNT}:mfa/alice\n"
    ));
    let arguments = ["kubeconfig", "--server", "https://127.0.0.1:1", "--cluster-id", "prod", "--profile", "dev"];
    let said = run(aws.iam_bridge(&arguments).env_remove("AWS_REGION"));
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    let args = written(&aws).exec("prod").unwrap().args;
    assert_eq!(args, ["get-token", "--cluster-id", "prod", "--region", "eu-west-2", "--profile", "dev", "--cache"]);
    let text = std::fs::read_to_string(aws.at(".kube/config")).unwrap();
    assert!(text.contains("interactiveMode: IfAvailable\n"), "{text}");
}
