//! What a server proves itself with to the API server, where it goes, and what its errors do not show.

use std::fs;
use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Request;
use iam_bridge::kubernetes::{ClusterAccess, connect};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::harness::authority::Authority;

/// Stands where an API server would, and keeps the head of the one request it answers.
struct Ear {
    url: String,
    head: JoinHandle<String>,
}

impl Ear {
    async fn listen() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let head = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}").await.unwrap();
            String::from_utf8(head).unwrap().to_ascii_lowercase()
        });
        Self { url, head }
    }
}

/// A kubeconfig for `server` with this user, in flow style.
fn kubeconfig(folder: &TempDir, server: &str, user: &str) -> PathBuf {
    let path = folder.path().join("kubeconfig");
    let text = format!(
        "clusters:\n- {{name: c, cluster: {{server: '{server}'}}}}\ncontexts:\n- {{name: x, context: {{cluster: c, user: u}}}}\n\
         - {{name: nobody, context: {{cluster: c}}}}\ncurrent-context: x\nusers:\n- name: u\n  user: {user}\n"
    );
    fs::write(&path, text).unwrap();
    path
}

fn at(path: PathBuf) -> ClusterAccess {
    ClusterAccess { kubeconfig: Some(path), ..ClusterAccess::default() }
}

/// The head of a request that is sent so.
async fn heard(access: &ClusterAccess, ear: Ear) -> String {
    let client = connect(access).await.unwrap();
    client.request_text(Request::get("/version").body(Vec::new()).unwrap()).await.unwrap();
    ear.head.await.unwrap()
}

#[tokio::test]
async fn every_kind_of_credential_of_a_kubeconfig_is_used() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("token"), "from-a-file\n").unwrap();
    fs::write(
        folder.path().join("plugin"),
        "#!/bin/sh\necho '{\"apiVersion\": \"client.authentication.k8s.io/v1\", \"kind\": \"ExecCredential\", \
         \"status\": {\"token\": \"from-a-plugin\"}}'\n",
    )
    .unwrap();
    crate::harness::process::run(std::process::Command::new("chmod").arg("+x").arg(folder.path().join("plugin")));
    for (user, credential) in [
        ("{token: as-it-is}", "authorization: bearer as-it-is\r\n"),
        ("{tokenFile: token}", "authorization: bearer from-a-file\r\n"),
        (
            "{exec: {apiVersion: client.authentication.k8s.io/v1, command: ./plugin}}",
            "authorization: bearer from-a-plugin\r\n",
        ),
        ("{username: jo, password: doe}", "authorization: basic am86zg9l\r\n"),
    ] {
        let ear = Ear::listen().await;
        let head = heard(&at(kubeconfig(&folder, &ear.url, user)), ear).await;
        assert!(head.contains(credential), "{user}: {head}");
        let ours = format!("user-agent: iam-bridge/{}\r\n", env!("CARGO_PKG_VERSION"));
        assert!(head.contains(&ours), "{head}");
    }
}

#[tokio::test]
async fn a_context_without_a_user_and_a_master_without_a_kubeconfig_are_nobodys() {
    let folder = TempDir::new().unwrap();
    let ear = Ear::listen().await;
    let path = kubeconfig(&folder, &ear.url, "{token: canary}");
    let head = heard(&ClusterAccess { context: Some("nobody".to_owned()), ..at(path) }, ear).await;
    assert!(!head.contains("authorization"), "{head}");
    let ear = Ear::listen().await;
    let head = heard(&ClusterAccess { master: Some(ear.url.clone()), ..ClusterAccess::default() }, ear).await;
    assert!(!head.contains("authorization"), "{head}");
}

#[tokio::test]
async fn master_replaces_the_server_and_leaves_the_credentials() {
    let folder = TempDir::new().unwrap();
    let ear = Ear::listen().await;
    let path = kubeconfig(&folder, "https://elsewhere.example", "{token: as-it-is}");
    let head = heard(&ClusterAccess { master: Some(ear.url.clone()), ..at(path) }, ear).await;
    assert!(head.contains("bearer as-it-is"), "{head}");
}

#[tokio::test]
async fn what_cannot_be_used_is_told_without_a_byte_of_the_credentials() {
    let folder = TempDir::new().unwrap();
    let (certificate, key) = Authority::new("a CA").leaf("somebody");
    let [certificate, key] = [certificate, key].map(|pem| STANDARD.encode(pem));
    let canary = STANDARD.encode("-----BEGIN PRIVATE KEY canary");
    for (name, script) in [("fails", "echo canary; echo canary >&2; exit 3"), ("babbles", "echo 'token: [canary'")] {
        fs::write(folder.path().join(name), format!("#!/bin/sh\n{script}\n")).unwrap();
        crate::harness::process::run(std::process::Command::new("chmod").arg("+x").arg(folder.path().join(name)));
    }
    for (user, words) in [
        ("[canary".to_owned(), "kubeconfig"),
        (
            format!("{{client-certificate-data: {certificate}, client-key-data: {canary}}}"),
            "client certificate and key",
        ),
        (
            format!("{{client-certificate-data: {certificate}, client-key-data: '!canary'}}"),
            "client-key-data is not base64",
        ),
        (format!("{{client-key-data: {key}}}"), "client key has no certificate"),
        (format!("{{client-certificate-data: {certificate}}}"), "client certificate has no key"),
        ("{client-certificate: absent, client-key: absent}".to_owned(), "client-certificate file"),
        ("{exec: {command: ./fails, args: [canary]}}".to_owned(), "its exec plugin failed (exit status: 3)"),
        ("{exec: {command: ./babbles}}".to_owned(), "its exec plugin says something else than an ExecCredential"),
        ("{exec: {command: ./absent}}".to_owned(), "its exec plugin cannot be run"),
        ("{exec: {command: ./fails, interactiveMode: Always}}".to_owned(), "wants a terminal"),
        ("{tokenFile: absent}".to_owned(), "its token file"),
        ("{token: \"canary\\n1\"}".to_owned(), "characters that cannot be sent"),
    ] {
        let path = kubeconfig(&folder, "https://api.example", &user);
        let error = match connect(&at(path)).await {
            Err(error) => error.to_string(),
            Ok(_) => panic!("{user} is used"),
        };
        assert!(error.contains(words), "{user}: {error}");
        assert!(!error.contains("canary") && !error.contains(&canary) && !error.contains(&key), "{error}");
    }
    let absent = connect(&at(folder.path().join("absent"))).await.err().unwrap().to_string();
    assert!(absent.contains("absent` cannot be used") && absent.contains("No such file"), "{absent}");
    let nowhere = connect(&ClusterAccess::default()).await.err().unwrap().to_string();
    assert!(nowhere.contains("no pod of the cluster") && nowhere.contains("set server.kubeconfig"), "{nowhere}");
}
