//! A cluster of a test's own for access entries: its API server asks our server, which has the rights of the manifests
//! that the test names and no others.
//!
//! ```text
//! init ──▶ API server ──▶ manifests of deploy/ ──▶ our server ──▶ kubectl with tokens of get-token's own code
//! ```
//!
//! Access policies are objects of the whole cluster, so tests of them do not share one.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use iam_bridge::clock::Clock;
use iam_bridge::demo::sts::Principal;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::rig::{ACCOUNT, CLUSTER_ID, apply};
use super::source_rig::{SEEN, apply_shipped, role_arn, source_keys};
use crate::harness::bridge::token;
use crate::harness::cluster::{Cluster, binaries};
use crate::harness::process::{Said, run, run_ok};
use crate::harness::waiting::until_ok;
use crate::harness::webhook_server::WebhookServer;

/// What the account and the people of most tests stand on.
pub(super) const BASE: &str = "example.yaml";
/// For [`BASE`]: objects are read, and their statuses written.
pub(super) const ENTRIES: [&str; 2] = ["accessentry.yaml", "rbac-accessentry.yaml"];
/// For [`BASE`]: access policies are kept.
pub(super) const POLICIES: [&str; 2] = ["access-policies.yaml", "rbac-accesspolicies.yaml"];

/// The name of the objects of `AmazonEKSViewPolicy`.
pub(super) const VIEW: &str = "iam-bridge.dev:AmazonEKSViewPolicy";

/// All of it, running. Dropping it ends every process.
pub(super) struct EntryRig {
    pub(super) cluster: Cluster,
    pub(super) server: WebhookServer,
    port: String,
}

impl EntryRig {
    /// Starts it with these manifests, these sources and more keys below `server:`; `None` where there is no Kubernetes
    /// to run.
    pub(super) fn start(manifests: &[&str], modes: &str, keys: &str) -> Option<Self> {
        Self::start_with(manifests, modes, keys, &[])
    }

    /// The same with more variables in the server's environment.
    pub(super) fn start_with(
        manifests: &[&str],
        modes: &str,
        keys: &str,
        environment: &[(&str, &str)],
    ) -> Option<Self> {
        let mut rig = Self::prepare(modes, keys)?;
        apply_shipped(&rig.cluster, manifests);
        rig.launch(environment);
        Some(rig)
    }

    /// All but our server, of which the API server knows where it is to be.
    pub(super) fn prepare(modes: &str, keys: &str) -> Option<Self> {
        let binaries = binaries()?;
        let server = WebhookServer::prepare(CLUSTER_ID, "");
        let cluster = Cluster::prepare(&binaries, &server.at("webhook.kubeconfig"));
        let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port().to_string();
        let rig = Self { cluster, server, port };
        rig.configure(modes, keys);
        let mut init = rig.server.iam_bridge();
        init.args(["init", "--feature-gates", "ConfiguredInitDirectories=true", "--port", &rig.port, "--config"]);
        run_ok(init.arg(rig.server.at("config.yaml")));
        rig.cluster.start_api_server();
        Some(rig)
    }

    /// Starts our server, in the place of the one that runs.
    pub(super) fn launch(&mut self, environment: &[(&str, &str)]) {
        let flags = ["--port", self.port.as_str(), "--kubeconfig-pregenerated"];
        self.server.launch_with(&flags, environment);
    }

    /// Writes the server's config anew.
    pub(super) fn configure(&self, modes: &str, keys: &str) {
        self.server.rewrite_config(CLUSTER_ID, &source_keys(&self.account(), modes, keys));
    }

    /// The kubeconfig of the account that `deploy/` gives its rights to, and nobody else does.
    pub(super) fn account(&self) -> String {
        self.cluster.kubeconfig("bridge").display().to_string()
    }

    /// One more server of the same account, which no API server asks.
    pub(super) fn another_server(&self, modes: &str, keys: &str) -> WebhookServer {
        WebhookServer::start(CLUSTER_ID, &source_keys(&self.account(), modes, keys), &[])
    }

    /// A session of a role that STS knows.
    pub(super) fn introduce(&self, role: &str, session: &str) -> Principal {
        self.server.introduce(ACCOUNT, role, session)
    }

    /// Runs kubectl under a token that the principal signs now: one of another second is asked about anew.
    pub(super) fn kubectl(&self, principal: &Principal, arguments: &[&str]) -> Said {
        let token = token(principal, CLUSTER_ID, Clock::system().now());
        self.cluster.write_kubeconfig("person", &format!("    token: {}\n", token.expose_secret()));
        run(self.cluster.as_user("person").args(arguments))
    }

    /// Waits until kubectl does as a principal what it is told; yields what it printed.
    pub(super) fn until_may(&self, principal: &Principal, arguments: &[&str]) -> String {
        self.until(&format!("{} may {arguments:?}", principal.arn), || {
            let said = self.kubectl(principal, arguments);
            if said.code == Some(0) { Ok(said.stdout) } else { Err(said.stderr) }
        })
    }

    /// Waits until kubectl is refused it: as nobody (`Unauthorized`), or for want of a right (`forbidden`).
    pub(super) fn until_refused(&self, principal: &Principal, arguments: &[&str], why: &str) {
        self.until(&format!("{} is refused {arguments:?}: {why}", principal.arn), || {
            let said = self.kubectl(principal, arguments);
            let nobody = why == "Unauthorized" && said.stderr.contains("must be logged in");
            let refused = said.code != Some(0) && (nobody || said.stderr.contains(why));
            if refused { Ok(()) } else { Err(format!("{said:?}")) }
        });
    }

    /// Fails unless kubectl is refused it for want of a right.
    pub(super) fn assert_forbidden(&self, principal: &Principal, arguments: &[&str]) {
        let said = self.kubectl(principal, arguments);
        assert!(said.code != Some(0) && said.stderr.contains("forbidden"), "{arguments:?}: {said:?}");
    }

    /// Who the API server takes a principal for.
    pub(super) fn whoami(&self, principal: &Principal) -> Value {
        let said = self.kubectl(principal, &["auth", "whoami", "--output", "json"]);
        let review: Value = serde_json::from_str(&said.stdout).unwrap_or_else(|_| panic!("{said:?}"));
        review["status"]["userInfo"].clone()
    }

    /// Runs kubectl as the administrator; yields what it printed.
    pub(super) fn admin(&self, arguments: &[&str]) -> String {
        run_ok(self.cluster.as_user("admin").args(arguments))
    }

    /// An object, or a list of them, as it stands; null when it is not there.
    pub(super) fn object(&self, arguments: &[&str]) -> Value {
        let mut command = self.cluster.as_user("admin");
        let said = run(command.arg("get").args(arguments).args(["--ignore-not-found", "--output", "json"]));
        assert_eq!(said.code, Some(0), "{said:?}");
        if said.stdout.trim().is_empty() { Value::Null } else { serde_json::from_str(&said.stdout).unwrap() }
    }

    /// Creates namespaces.
    pub(super) fn namespaces(&self, names: &[&str]) {
        for name in names {
            self.admin(&["create", "namespace", name]);
        }
    }

    /// Creates or changes an AccessEntry.
    pub(super) fn apply_entry(&self, name: &str, spec: &Value) {
        apply(&self.cluster, &entry(name, spec).to_string());
    }

    /// Deletes an AccessEntry.
    pub(super) fn delete_entry(&self, name: &str) {
        self.admin(&["delete", "accessentries.iam-bridge.dev", name]);
    }

    /// A condition of an AccessEntry: status and reason.
    pub(super) fn condition(&self, name: &str, kind: &str) -> Option<(String, String, String)> {
        let entry = self.object(&["accessentries.iam-bridge.dev", name]);
        let conditions = entry["status"]["conditions"].as_array()?;
        let condition = conditions.iter().find(|condition| condition["type"] == kind)?;
        let text = |key: &str| condition[key].as_str().unwrap_or_default().to_owned();
        Some((text("status"), text("reason"), text("message")))
    }

    /// Waits until a condition of an AccessEntry has this status and reason; yields its message.
    pub(super) fn until_condition(&self, name: &str, kind: &str, status: &str, reason: &str) -> String {
        self.until(&format!("{name}: {kind} is {status} {reason}"), || match self.condition(name, kind) {
            Some((of, why, message)) if of == status && why == reason => Ok(message),
            other => Err(format!("{other:?}")),
        })
    }

    /// The groups of a RoleBinding's subjects; `None` when it is not there.
    pub(super) fn bound(&self, namespace: &str, name: &str) -> Option<Vec<String>> {
        let binding = self.object(&["rolebinding", name, "--namespace", namespace]);
        let subjects = binding["subjects"].as_array()?;
        Some(subjects.iter().map(|subject| subject["name"].as_str().unwrap().to_owned()).collect())
    }

    /// Waits until a RoleBinding has these subjects, or is not there.
    pub(super) fn until_bound(&self, namespace: &str, name: &str, wanted: Option<&[&str]>) {
        let wanted = wanted.map(|groups| groups.iter().map(|group| (*group).to_owned()).collect::<Vec<_>>());
        self.until(&format!("{namespace}/{name} binds {wanted:?}"), || match self.bound(namespace, name) {
            bound if bound == wanted => Ok(()),
            bound => Err(format!("{bound:?}")),
        });
    }

    /// Waits for something; when it does not come, the server's log is told too.
    pub(super) fn until<T>(&self, what: &str, mut look: impl FnMut() -> Result<T, String>) -> T {
        let began = Instant::now();
        until_ok(what, SEEN + Duration::from_secs(10), || {
            look().map_err(|missing| {
                let log = if began.elapsed() > SEEN { self.server.quiet_log() } else { String::new() };
                format!("{missing}\n{log}")
            })
        })
    }
}

/// An AccessEntry as a manifest.
pub(super) fn entry(name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": "iam-bridge.dev/v1alpha1", "kind": "AccessEntry", "metadata": {"name": name}, "spec": spec,
    })
}

/// The spec of a role with one policy for namespaces, or for the cluster where there are none.
pub(super) fn with_policy(role: &str, policy: &str, namespaces: &[&str]) -> Value {
    json!({"principalArn": role_arn(role), "policyAssociations": [association(policy, namespaces)]})
}

/// One of `policyAssociations`: for namespaces, or for the cluster where there are none.
pub(super) fn association(policy: &str, namespaces: &[&str]) -> Value {
    let scope = match namespaces {
        [] => json!({"type": "cluster"}),
        names => json!({"type": "namespace", "namespaces": names}),
    };
    json!({"policy": policy, "accessScope": scope})
}

/// The group of a policy in namespaces.
pub(super) fn group(policy: &str, scope: &str) -> String {
    format!("iam-bridge.dev:policy:{policy}:{scope}")
}
