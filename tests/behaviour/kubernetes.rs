//! The room `kubernetes`: which files make a context, what of them is shown, and which way leads to the API server.

use std::path::{Path, PathBuf};

use iam_bridge::kubernetes::{Client, KubeconfigFiles};
use secrecy::SecretString;
use serde_json::Value;

use super::whoami::exec_user;
use crate::harness::aws::Aws;
use crate::harness::process::run;
use crate::harness::proxy::Proxy;
use crate::harness::review_server::ReviewServer;

const KUBECONFIG: &str = "
clusters:
- {name: c, cluster: {server: 'https://user:canary@api.example/prefix/', proxy-url: 'http://user:canary@proxy.example'}}
contexts:
- {name: b, context: {cluster: c, user: u, namespace: team}}
- {name: a, context: {cluster: gone, user: u}}
- {name: x, context: {cluster: c, user: gone}}
users:
- name: u
  user:
    token: canary
    exec: {apiVersion: v, command: tools/plugin, args: [canary], env: [{name: SECRET, value: canary}], interactiveMode: Never}
";

#[test]
fn files_are_chosen_as_kubectl_chooses_them() {
    let home = Path::new("/home/me");
    let list = std::env::join_paths(["a", "", "b", "a"]).unwrap().into_string().unwrap();
    for (flag, list, home, paths, named) in [
        (Some("f"), Some(list.as_str()), Some(home), vec!["f"], true),
        (None, Some(&list), Some(home), vec!["a", "b"], false),
        (None, Some(""), Some(home), vec!["/home/me/.kube/config"], false),
        (None, None, Some(home), vec!["/home/me/.kube/config"], false),
        (None, None, None, vec![], false),
    ] {
        let files = KubeconfigFiles::choose(flag.map(Path::new), list, home);
        let paths = paths.into_iter().map(PathBuf::from).collect();
        assert_eq!(files, KubeconfigFiles { paths, named }, "{flag:?} {list:?}");
    }
}

#[tokio::test]
async fn what_is_not_there_is_told_with_what_is_and_no_secret_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config");
    std::fs::write(&file, KUBECONFIG).unwrap();
    let files = KubeconfigFiles::choose(Some(&file), None, None);
    for (name, words) in [
        (None, "no context is current; name one of `a`, `b`, `x`"),
        (Some("z"), "context `z` is not in the kubeconfig; it holds `a`, `b`, `x`"),
        (Some("a"), "cluster `gone` is not in the kubeconfig; it holds `c`"),
        (Some("x"), "user `gone` is not in the kubeconfig; it holds `u`"),
    ] {
        assert_eq!(files.context(name).unwrap_err().to_string(), words);
    }
    let context = files.context(Some("b")).unwrap();
    let entry = context.exec.as_ref().unwrap();
    assert_eq!(Path::new(&entry.command), folder.path().join("tools/plugin"), "relative to the kubeconfig");
    assert_eq!(
        (entry.env.as_slice(), context.namespace.as_deref()),
        (&[("SECRET".into(), "canary".into())][..], Some("team"))
    );
    let client = Client::new(&context, Some(&SecretString::from("canary"))).unwrap();
    assert_eq!(client.server(), "https://api.example/prefix");
    let shown = format!("{context:?} {client:?} {:?}", context.exec);
    assert!(!shown.contains("canary"), "{shown}");
}

/// Who the API server takes the person for, asked through these proxy variables.
fn subject(aws: &Aws, variables: &[(&str, &str)]) -> (Value, String) {
    let alice = aws.user("alice");
    let mut command = aws.iam_bridge(&["whoami", "--kubeconfig"]);
    command.arg(aws.at("config")).args(["-o", "json"]).envs(variables.iter().copied());
    let said = run(aws.with_keys(&alice, &mut command));
    let answer: Value = serde_json::from_str(&said.stdout).unwrap_or_else(|_| panic!("{said:?}"));
    (answer["cluster"]["subject"]["username"].clone(), said.stdout + &said.stderr)
}

#[test]
fn proxy_variables_lead_to_far_servers_and_never_to_this_machine() {
    let aws = Aws::start();
    let server = ReviewServer::start(&aws, "prod.example");
    server.map("arn:aws:iam::111122223333:user/alice", "alice");
    let address: std::net::SocketAddr = server.url().strip_prefix("https://").unwrap().parse().unwrap();
    let proxy = aws.block_on(Proxy::start(address));
    let near = server.kubeconfig(&exec_user("", &[]));
    let far = near.replace(&server.url(), "https://api.example:6443\n    tls-server-name: 127.0.0.1");
    let url = proxy.url().replace("http://", "http://user:canary@");

    aws.write("config", &far);
    let (username, text) = subject(&aws, &[("HTTPS_PROXY", &url)]);
    assert_eq!(username, "alice", "{text}");
    assert!(proxy.asked().contains(&"api.example:6443".to_owned()), "{:?}", proxy.asked());
    assert!(!text.contains("canary"), "{text}");
    let before = proxy.asked().len();
    let (username, text) = subject(&aws, &[("HTTPS_PROXY", &url), ("NO_PROXY", "amazonaws.com,api.example")]);
    assert_eq!((username, proxy.asked().len()), (Value::Null, before), "{text}");

    aws.write("config", &near);
    let (username, text) = subject(&aws, &[("HTTPS_PROXY", &url), ("NO_PROXY", "amazonaws.com")]);
    assert_eq!((username, proxy.asked().len()), (Value::from("alice"), before), "{text}");
}
