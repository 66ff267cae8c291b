//! Commands that meet STS or stay up: get-token, verify and explain hand in hand, and a server's signals.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use iam_bridge::demo::sts::{Principal, Sts};
use secrecy::ExposeSecret;
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::harness::process::{iam_bridge, run, run_ok};
use crate::harness::proxy::Proxy;

#[test]
fn a_token_of_get_token_is_verified_and_explained() {
    let runtime = Runtime::new().unwrap();
    let (sts, proxy) = runtime.block_on(async {
        let sts = Sts::start().await.unwrap();
        let proxy = Proxy::start(sts.address()).await;
        (sts, proxy)
    });
    let alice = Principal::role_session("111122223333", "Dev", "alice").unwrap();
    sts.add(alice.clone());
    let folder = TempDir::new().unwrap();
    let (roots, config) = (folder.path().join("roots.pem"), folder.path().join("config.yaml"));
    std::fs::write(&roots, sts.ca_pem()).unwrap();
    let mapping = "{rolearn: arn:aws:iam::111122223333:role/Dev, username: 'dev:{{SessionName}}'}";
    std::fs::write(&config, format!("clusterID: c\nserver: {{mapRoles: [{mapping}]}}\n")).unwrap();

    let mut command = iam_bridge();
    command.env("AWS_ACCESS_KEY_ID", &alice.access_key_id);
    command.env("AWS_SECRET_ACCESS_KEY", alice.secret_access_key.expose_secret());
    command.env("AWS_SESSION_TOKEN", alice.session_token.as_ref().unwrap().expose_secret());
    let token = run_ok(command.args(["get-token", "-i", "c", "--region", "eu-central-1", "--token-only"]));
    let ask = |args: &[&str]| {
        let mut command = iam_bridge();
        command.env("HTTPS_PROXY", proxy.url()).env("SSL_CERT_FILE", &roots);
        run(command.arg("-c").arg(&config).args(args))
    };

    let said = ask(&["verify", "-t", token.trim(), "-o", "json"]);
    assert!(said.stdout.starts_with("{\n    \"ARN\": \""), "{said:?}");
    let seen: Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(seen["CanonicalARN"], "arn:aws:iam::111122223333:role/Dev");
    assert_eq!((&seen["SessionName"], &seen["AccessKeyID"]), (&"alice".into(), &alice.access_key_id.as_str().into()));
    assert_eq!(seen["STSEndpoint"], "sts.eu-central-1.amazonaws.com");
    let said = ask(&["verify", "-t", token.trim()]);
    let expected =
        format!("&{{ARN:{} CanonicalARN:arn:aws:iam::111122223333:role/Dev AccountID:111122223333 ", alice.arn);
    assert!(said.stdout.starts_with(&expected) && said.stdout.ends_with("}\n"), "{said:?}");

    let said = ask(&["explain", token.trim(), "-o", "json"]);
    let seen: Value = serde_json::from_str(&said.stdout).expect(&said.stderr);
    assert_eq!((said.code, &seen["user"]["username"]), (Some(0), &"dev:alice".into()));

    // For another cluster the same token proves nothing.
    let said = ask(&["-i", "other", "verify", "-t", token.trim()]);
    assert_eq!(said.code, Some(1));
    assert!(said.stderr.starts_with("could not verify token: sts getCallerIdentity failed: "), "{said:?}");
    assert!(!said.stderr.contains(token.trim()), "{said:?}");
}

#[test]
fn the_first_signal_drains_a_server_and_exits_0() {
    for signal in ["-TERM", "-INT"] {
        let folder = TempDir::new().unwrap();
        let config = folder.path().join("config.yaml");
        let here = folder.path().display();
        let text = format!(
            "clusterID: c\nserver: {{port: 0, healthAddress: '127.0.0.1:0', stateDir: '{here}', \
             generateKubeconfig: '{here}/kubeconfig.yaml'}}\n"
        );
        std::fs::write(&config, text).unwrap();
        let mut command = iam_bridge();
        command.env("AWS_EC2_METADATA_DISABLED", "true").args(["server", "-c"]).arg(&config);
        let mut server = Guarded(command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap());
        let mut log = BufReader::new(server.0.stderr.take().unwrap());
        wait_for("listening", &mut log);
        kill("-HUP", &server);
        wait_for("hang-up", &mut log);
        kill(signal, &server);
        wait_for("draining", &mut log);
        assert_eq!(server.0.wait().unwrap().code(), Some(0), "{signal}");
    }
}

/// A process that does not outlive its test.
struct Guarded(Child);

impl Drop for Guarded {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn kill(signal: &str, process: &Guarded) {
    assert!(Command::new("kill").arg(signal).arg(process.0.id().to_string()).status().unwrap().success());
}

/// Reads the log until a line has `words`; its end is a failure.
fn wait_for(words: &str, log: &mut impl BufRead) {
    let mut line = String::new();
    while !line.contains(words) {
        line.clear();
        assert!(log.read_line(&mut line).unwrap() > 0, "the log ended before `{words}`");
    }
}
