//! `entries convert` where it asks: IAM about principals, a cluster about its mappings.

use std::sync::Arc;

use serde_json::{Value, json};

use super::entries_convert::aws_auth;
use crate::harness::aws::Aws;
use crate::harness::aws::iam::{Iam, Known};
use crate::harness::object_server::{AWS_AUTH, IDENTITY_MAPPINGS, Manners, ObjectServer};
use crate::harness::process::{Said, iam_bridge, run};

const DEV: &str = "AROADEV1111111111111";

#[test]
fn iam_tells_path_and_id_and_whom_it_does_not_have() {
    let aws = Aws::start();
    let iam = aws.block_on(Iam::start(Arc::clone(&aws.sts)));
    iam.put(Known::role("arn:aws:iam::111122223333:role/team/Dev", DEV));
    let operator = aws.role_session("Operator", "me");
    let role = |name: &str, account: &str| {
        format!("- rolearn: arn:aws:iam::{account}:role/{name}\n  username: x:{{{{SessionName}}}}\n  groups: [g]\n")
    };
    let roles = [role("Dev", "111122223333"), role("Gone", "111122223333"), role("Theirs", "444455556666")].concat();
    let file = aws.write("aws-auth.yaml", &aws_auth(&roles)).display().to_string();
    let convert = |more: &[&str]| {
        let mut command = aws.iam_bridge(&[&["entries", "convert", &file, "--iam"], more].concat());
        let command = aws.with_keys(&operator, &mut command).env("AWS_ENDPOINT_URL_IAM", iam.url());
        let said = run(command);
        aws.assert_no_secret(&said);
        said
    };
    let said = convert(&["-o", "json"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    let json: Value = serde_json::from_str(&said.stdout).unwrap();
    let spec = &json["entries"][0]["spec"];
    assert_eq!(
        (spec["principalArn"].as_str(), spec["principalId"].as_str()),
        (Some("arn:aws:iam::111122223333:role/team/Dev"), Some(DEV))
    );
    let outcomes: Vec<&str> =
        json["lines"].as_array().unwrap().iter().map(|line| line["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["converted", "not-carried", "converted"]);
    assert!(json["lines"][1]["why"].as_str().unwrap().contains("IAM has no principal"), "{json}");
    assert!(json["lines"][2]["notes"].to_string().contains("the keys are of account 111122223333"), "{json}");
    assert!(json["entries"][1]["spec"].get("principalId").is_none());
    // EKS wants the path and has no pins.
    let said = convert(&["--to", "aws", "--cluster-name", "prod"]);
    let first = said.stdout.lines().next().unwrap();
    assert!(first.contains("--principal-arn arn:aws:iam::111122223333:role/team/Dev --type STANDARD"), "{said:?}");
    assert!(!said.stdout.contains(DEV), "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clusters_mappings_are_read_as_they_are_now() {
    let (server, folder) = (ObjectServer::start().await, tempfile::tempdir().unwrap());
    let kubeconfig = server.kubeconfig(folder.path());
    let context = context_of(&std::fs::read_to_string(&kubeconfig).unwrap());
    let convert = || -> Said {
        let mut command = iam_bridge();
        command.args(["entries", "convert", "--context", &context, "-o", "json", "--kubeconfig"]).arg(&kubeconfig);
        tokio::task::block_in_place(|| run(&mut command))
    };
    let said = convert();
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(
        said.stderr.contains("no ConfigMap kube-system/aws-auth") && said.stderr.contains("no kind IAMIdentityMapping"),
        "{said:?}"
    );
    let data = "- rolearn: arn:aws:iam::111122223333:role/Dev\n  username: dev:{{SessionName}}\n  groups: [devs]\n";
    server.put(AWS_AUTH, json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "aws-auth", "namespace": "kube-system"}, "data": {"mapRoles": data}}));
    server.open(IDENTITY_MAPPINGS);
    for name in ["bob", "eve", "ann"] {
        let spec = json!({"arn": format!("arn:aws:iam::111122223333:user/{name}"), "username": name, "groups": ["g"]});
        server.put(IDENTITY_MAPPINGS, json!({"apiVersion": "iamauthenticator.k8s.aws/v1alpha1", "kind": "IAMIdentityMapping", "metadata": {"name": name}, "spec": spec}));
    }
    server.behave(Manners { page: Some(2), ..Manners::default() });
    let said = convert();
    assert_eq!(said.code, Some(0), "{said:?}");
    let json: Value = serde_json::from_str(&said.stdout).unwrap();
    let mut places: Vec<String> =
        json["lines"].as_array().unwrap().iter().map(|line| line["place"].as_str().unwrap().to_owned()).collect();
    places.sort();
    assert_eq!(
        places,
        [
            "iamidentitymappings/ann",
            "iamidentitymappings/bob",
            "iamidentitymappings/eve",
            "kube-system/aws-auth/mapRoles:1"
        ]
    );
    server.behave(Manners { refuse: Some(403), ..Manners::default() });
    let said = convert();
    assert_eq!((said.code, said.stdout.as_str()), (Some(1), ""), "{said:?}");
}

fn context_of(kubeconfig: &str) -> String {
    let line = kubeconfig.lines().find_map(|line| line.trim().strip_prefix("current-context:"));
    line.unwrap().trim().trim_matches('"').to_owned()
}
