//! `whoami`: the real binary, a fake AWS and a small API server.

use iam_bridge::demo::sts::Principal;
use secrecy::ExposeSecret;
use serde_json::Value;

use crate::harness::aws::{ACCOUNT, Aws};
use crate::harness::process::{Said, binary, run};
use crate::harness::review_server::{Manners, ReviewServer};

const CLUSTER_ID: &str = "prod.example";
const ROLE: &str = "arn:aws:iam::111122223333:role/Dev";

/// The user entry of a kubeconfig that runs our plugin with these arguments and variables.
pub(super) fn exec_user(arguments: &str, variables: &[(&str, &str)]) -> String {
    let mut user = format!(
        "    exec:\n      apiVersion: client.authentication.k8s.io/v1\n      interactiveMode: IfAvailable\n      \
         command: {}\n      args: [get-token, --cluster-id, {CLUSTER_ID}{arguments}]\n",
        binary().display(),
    );
    if !variables.is_empty() {
        user.push_str("      env:\n");
        for (name, value) in variables {
            user.push_str(&format!("      - {{name: {name}, value: \"{value}\"}}\n"));
        }
    }
    user
}

/// What differs from run to run, replaced by words.
pub(super) fn steady(text: &str, replaced: &[(&str, &str)]) -> String {
    let mut text = text.to_owned();
    for (value, word) in replaced {
        text = text.replace(value, word);
    }
    text
}

/// First and last four characters, as key ids are shown.
pub(super) fn short(id: &str) -> String {
    let (first, rest) = id.split_at(4);
    format!("{first}…{}", rest.split_at(rest.len() - 4).1)
}

pub(super) fn assert_no_secret(said: &Said, principal: &Principal) {
    let session = principal.session_token.as_ref().map(|token| token.expose_secret().to_owned()).unwrap_or_default();
    let secrets = [principal.secret_access_key.expose_secret(), &session, &principal.access_key_id, "k8s-aws-v1."];
    for secret in secrets.into_iter().filter(|secret| !secret.is_empty()) {
        assert!(!said.stdout.contains(secret) && !said.stderr.contains(secret), "{secret}: {said:?}");
    }
}

#[test]
fn whoami_shows_the_keys_and_whom_they_belong_to() {
    let aws = Aws::start();
    let alice = aws.role_session("Dev", "alice@example.com");
    let said = run(aws.with_keys(&alice, &mut aws.iam_bridge(&["whoami", "-o", "json"])));
    assert_eq!(said.code, Some(0), "{said:?}");
    let answer: Value = serde_json::from_str(&said.stdout).unwrap();
    for (key, value) in [
        ("credentialSource", "environment"),
        ("accessKeyId", &short(&alice.access_key_id)),
        ("account", ACCOUNT),
        ("arn", &alice.arn),
        ("canonicalArn", ROLE),
        ("sessionName", "alice@example.com"),
        ("userId", &alice.user_id),
        ("region", "eu-central-1"),
    ] {
        assert_eq!(answer["aws"][key], value, "{key}");
    }
    assert_eq!((&answer["aws"]["expiresAt"], &answer["cluster"]), (&Value::Null, &Value::Null));
    assert_no_secret(&said, &alice);
    assert_eq!(aws.calls("GetCallerIdentity"), 1);
}

#[test]
fn whoami_of_a_user_has_no_session_name_and_yaml_says_the_same() {
    let aws = Aws::start();
    let bob = aws.user("bob");
    let said = run(aws.with_keys(&bob, &mut aws.iam_bridge(&["whoami", "-o", "yaml"])));
    assert_eq!(said.code, Some(0), "{said:?}");
    for line in ["  canonicalArn: arn:aws:iam::111122223333:user/bob\n", "  sessionName: null\n", "cluster: null\n"] {
        assert!(said.stdout.contains(line), "{line}{}", said.stdout);
    }
}

#[test]
fn whoami_with_a_context_shows_both_ends_side_by_side_with_the_keys_of_its_plugin() {
    let aws = Aws::start();
    let server = ReviewServer::start(&aws, CLUSTER_ID);
    server.map(ROLE, "dev:alice");
    let alice = aws.user("alice");
    let stranger = aws.user("stranger");
    let session = alice.secret_access_key.expose_secret().to_owned();
    let variables = [("AWS_ACCESS_KEY_ID", alice.access_key_id.as_str()), ("AWS_SECRET_ACCESS_KEY", &session)];
    let user = exec_user(&format!(", --role, \"{ROLE}\", --session-name, alice"), &variables);
    let kubeconfig = aws.write("kubeconfig", &server.kubeconfig(&user));
    let ask = |format: &str| {
        let mut command = aws.iam_bridge(&["whoami", "--context", "prod", "-o", format]);
        run(aws.with_keys(&stranger, &mut command).arg("--kubeconfig").arg(&kubeconfig))
    };
    let said = ask("json");
    assert_eq!(said.code, Some(0), "{said:?}");
    let answer: Value = serde_json::from_str(&said.stdout).unwrap();
    let subject = &answer["cluster"]["subject"];
    assert_eq!(answer["aws"]["arn"], format!("arn:aws:sts::{ACCOUNT}:assumed-role/Dev/alice"));
    assert_eq!(subject["username"], "dev:alice");
    assert_eq!(subject["groups"], serde_json::json!(["people", "system:authenticated"]));
    assert_eq!(subject["extra"]["sessionName"], serde_json::json!(["alice"]));
    assert_eq!(subject["extra"]["accessKeyId"], serde_json::json!([answer["aws"]["accessKeyId"]]));
    assert_eq!(answer["cluster"]["clusterId"], CLUSTER_ID);
    assert!(!aws.at(".kube/cache").exists(), "the token must be kept nowhere");

    let table = ask("table");
    assert_eq!(table.code, Some(0), "{table:?}");
    let answer: Value = serde_json::from_str(&ask("json").stdout).unwrap();
    let id = answer["aws"]["userId"].as_str().unwrap().split(':').next().unwrap();
    let table: String = table.stdout.lines().filter(|line| !line.contains("keys end")).map(varying).collect();
    insta::assert_snapshot!(steady(&table, &[(id, "AROAEXAMPLEEXAMPLE00")]));
    assert_no_secret(&said, &alice);
}

/// A line with the shortened key id, of which each run has another, made alike.
fn varying(line: &str) -> String {
    let mut words: Vec<String> = line.split(' ').map(str::to_owned).collect();
    for word in &mut words {
        if word.contains('…') {
            *word = "ASIA…KEY1".to_owned();
        }
    }
    words.join(" ") + "\n"
}

#[test]
fn whoami_says_that_a_cluster_does_not_know_one_and_exits_1() {
    let aws = Aws::start();
    let server = ReviewServer::start(&aws, CLUSTER_ID);
    let alice = aws.role_session("Dev", "alice");
    let kubeconfig = aws.write(".kube/config", &server.kubeconfig(&exec_user("", &[])));
    let ask =
        |aws: &Aws| run(aws.with_keys(&alice, &mut aws.iam_bridge(&["whoami", "--context", "prod", "-o", "json"])));
    assert!(kubeconfig.exists());
    let said = ask(&aws);
    let answer: Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!((said.code, &answer["aws"]["canonicalArn"]), (Some(1), &Value::from(ROLE)));
    assert_eq!(answer["cluster"]["subject"], Value::Null);
    for words in ["does not accept the token (401)", "no mapping of the cluster names", ROLE, "iam-bridge doctor prod"]
    {
        assert!(said.stderr.contains(words), "{words}: {}", said.stderr);
    }
    assert_no_secret(&said, &alice);
    // Another answer than the API's own is told apart from a refusal.
    server.behave(Manners { says: Some((200, "<html>hotel</html>")), ..Manners::default() });
    let said = ask(&aws);
    assert_eq!(said.code, Some(1));
    assert!(said.stderr.contains("not what a Kubernetes API server says"), "{}", said.stderr);
}

#[test]
fn whoami_still_asks_the_cluster_when_sts_cannot_be_reached() {
    let aws = Aws::start();
    let server = ReviewServer::start(&aws, CLUSTER_ID);
    server.map("arn:aws:iam::111122223333:user/alice", "alice");
    let alice = aws.user("alice");
    aws.write(".kube/config", &server.kubeconfig(&exec_user("", &[])));
    let mut command = aws.iam_bridge(&["whoami", "--context", "prod", "-o", "json"]);
    // The way to STS is closed for this machine, not for the cluster.
    command.env("HTTPS_PROXY", crate::harness::aws::closed_port_url());
    let said = run(aws.with_keys(&alice, &mut command));
    let answer: Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!((said.code, &answer["cluster"]["subject"]["username"]), (Some(1), &Value::from("alice")));
    assert!(answer["aws"]["refusal"].is_string() && answer["aws"]["arn"].is_null(), "{answer}");
    assert!(said.stderr.contains("hint: "), "{}", said.stderr);
}

#[test]
fn whoami_flags_win_over_those_of_the_plugin() {
    let aws = Aws::start();
    let server = ReviewServer::start(&aws, CLUSTER_ID);
    server.map("arn:aws:iam::111122223333:role/Ops", "ops");
    let alice = aws.user("alice");
    aws.write(".kube/config", &server.kubeconfig(&exec_user(&format!(", --role, \"{ROLE}\""), &[])));
    let arguments = ["whoami", "--context", "prod", "--role", "arn:aws:iam::111122223333:role/Ops", "-o", "json"];
    let said = run(aws.with_keys(&alice, &mut aws.iam_bridge(&arguments)));
    let answer: Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!((said.code, &answer["cluster"]["subject"]["username"]), (Some(0), &Value::from("ops")), "{said:?}");
}

#[test]
fn whoami_without_keys_or_context_says_what_to_do() {
    let aws = Aws::start();
    let said = run(&mut aws.iam_bridge(&["whoami"]));
    assert_eq!((said.code, said.stdout.as_str()), (Some(1), ""));
    assert!(
        said.stderr.contains("error: no AWS credentials were found") && said.stderr.contains("\nhint: "),
        "{said:?}"
    );

    let user = aws.user("bob");
    let server = ReviewServer::start(&aws, CLUSTER_ID);
    aws.write(".kube/config", &server.kubeconfig("    exec: {apiVersion: v1, command: gke-gcloud-auth-plugin}\n"));
    for (arguments, words) in [
        (vec!["whoami", "--context", "dev"], "context `dev` is not in the kubeconfig; it holds `prod`"),
        (vec!["whoami", "--context", "prod"], "`gke-gcloud-auth-plugin` is not a plugin for AWS that is known here"),
        (
            vec!["whoami", "--context", "prod", "--kubeconfig", "/nonexistent"],
            "kubeconfig `/nonexistent` cannot be used",
        ),
    ] {
        let said = run(aws.with_keys(&user, &mut aws.iam_bridge(&arguments)));
        assert_eq!((said.code, said.stdout.as_str()), (Some(1), ""), "{arguments:?}");
        assert!(said.stderr.contains(words), "{words}: {}", said.stderr);
    }
}

#[test]
fn a_broken_kubeconfig_is_told_by_line_and_without_its_text() {
    let aws = Aws::start();
    let user = aws.user("bob");
    aws.write(
        ".kube/config",
        "apiVersion: v1\nusers:\n- name: me\n  user:\n    token: canary-token\n    exec: [canary\n",
    );
    let said = run(aws.with_keys(&user, &mut aws.iam_bridge(&["whoami", "--context", "prod"])));
    assert_eq!(said.code, Some(1));
    assert!(said.stderr.contains(".kube/config` cannot be used: line ") && !said.stderr.contains("canary"), "{said:?}");
}

#[test]
fn kubeconfigs_are_merged_as_kubectl_merges_them() {
    let aws = Aws::start();
    let server = ReviewServer::start(&aws, CLUSTER_ID);
    server.map("arn:aws:iam::111122223333:user/alice", "alice");
    let alice = aws.user("alice");
    let whole = server.kubeconfig(&exec_user("", &[]));
    let (clusters, users) = whole.split_once("users:\n").unwrap();
    let first = aws.write("first", "apiVersion: v1\nkind: Config\ncurrent-context: \"\"\nusers: null\n");
    let second = aws.write("second", clusters);
    let third = aws.write("third", &format!("apiVersion: v1\nkind: Config\nusers:\n{users}"));
    // The second of two users with one name does not count.
    let fourth = aws.write("fourth", "users:\n- name: me\n  user: {token: other}\n");
    let missing = aws.at("missing");
    let list = std::env::join_paths([&first, &missing, &second, &third, &fourth]).unwrap();
    let mut command = aws.iam_bridge(&["whoami", "--context", "prod", "-o", "json"]);
    let said = run(aws.with_keys(&alice, &mut command).env("KUBECONFIG", list));
    let answer: Value = serde_json::from_str(&said.stdout).unwrap_or_else(|_| panic!("{said:?}"));
    assert_eq!(answer["cluster"]["subject"]["username"], "alice");
}

#[test]
fn no_other_credential_of_the_user_goes_to_the_server() {
    let aws = Aws::start();
    let server = ReviewServer::start(&aws, CLUSTER_ID);
    server.map("arn:aws:iam::111122223333:user/alice", "alice");
    let alice = aws.user("alice");
    let user = exec_user("", &[])
        + "    token: static-token\n    client-certificate-data: bm9uZQ==\n    client-key-data: bm9uZQ==\n";
    aws.write(".kube/config", &server.kubeconfig(&user));
    let said = run(aws.with_keys(&alice, &mut aws.iam_bridge(&["whoami", "--context", "prod"])));
    assert_eq!(said.code, Some(0), "{said:?}");
    for (path, token) in server.asked() {
        assert!(token.is_some_and(|token| token.starts_with("k8s-aws-v1.")), "{path}");
    }
}
