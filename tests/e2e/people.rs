//! `whoami` and `doctor` against a real kube-apiserver that asks our webhook.

use serde_json::Value;

use super::rig::{ACCOUNT, Rig, SEEN};
use crate::harness::process::{Said, run};
use crate::harness::waiting::until;

/// Runs our binary with a session's kubeconfig, whose plugin entry holds the keys.
fn ask(rig: &Rig, session: &str, arguments: &[&str]) -> (Said, Value) {
    let mut command = rig.webhook.iam_bridge();
    command.args(arguments).args(["-o", "json", "--kubeconfig"]).arg(rig.cluster.kubeconfig(session));
    let said = run(command.env("HOME", rig.webhook.at(".")));
    let answer = serde_json::from_str(&said.stdout).unwrap_or_else(|_| panic!("{said:?}"));
    (said, answer)
}

fn check<'r>(report: &'r Value, name: &str) -> &'r Value {
    report["checks"].as_array().unwrap().iter().find(|check| check["name"] == name).expect(name)
}

#[test]
fn e2e_whoami_and_doctor_know_a_mapped_person() {
    let Some(rig) = Rig::get() else { return };
    let principal = rig.introduce("Walker", "wanda", "v1");
    rig.map_role("Walker", "walkers");
    rig.until_known("wanda");
    let canonical = format!("arn:aws:iam::{ACCOUNT}:role/Walker");

    let (said, answer) = ask(&rig, "wanda", &["whoami", "--context", "e2e"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!(answer["aws"]["arn"], principal.arn);
    assert_eq!(answer["aws"]["canonicalArn"], canonical);
    let subject = &answer["cluster"]["subject"];
    assert_eq!(subject["username"], "Walker:wanda");
    assert_eq!(subject["groups"], serde_json::json!(["walkers", "system:authenticated"]));
    assert_eq!(subject["extra"]["canonicalArn"], serde_json::json!([canonical]));

    let (said, report) = ask(&rig, "wanda", &["doctor", "e2e"]);
    assert_eq!(said.code, Some(0), "{}", said.stdout);
    for name in ["kubeconfig", "exec-info", "credentials", "clock", "token", "api-server", "identity"] {
        assert_eq!(check(&report, name)["verdict"], "good", "{}", said.stdout);
    }
    assert!(check(&report, "api-server")["found"].as_str().unwrap().contains("Kubernetes v1."), "{}", said.stdout);
    assert_eq!(check(&report, "permissions")["verdict"], "warn", "nothing is bound yet: {}", said.stdout);

    rig.apply(
        "apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: walkers, namespace: default}
rules:
- {apiGroups: [''], resources: [configmaps], verbs: [get, list]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: walkers, namespace: default}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: walkers}
subjects:
- {apiGroup: rbac.authorization.k8s.io, kind: Group, name: walkers}
",
    );
    until("the binding is seen", SEEN, || {
        let (said, report) = ask(&rig, "wanda", &["doctor"]);
        assert_eq!(said.code, Some(0), "{}", said.stdout);
        (check(&report, "permissions")["verdict"] == "good").then_some(())
    });
}

#[test]
fn e2e_whoami_and_doctor_tell_an_unmapped_person_what_to_map() {
    let Some(rig) = Rig::get() else { return };
    rig.introduce("Passerby", "pat", "v1beta1");
    let canonical = format!("arn:aws:iam::{ACCOUNT}:role/Passerby");

    let (said, answer) = ask(&rig, "pat", &["whoami", "--context", "e2e"]);
    assert_eq!((said.code, &answer["cluster"]["subject"]), (Some(1), &Value::Null));
    assert!(said.stderr.contains(&format!("no mapping of the cluster names `{canonical}`")), "{}", said.stderr);

    let (said, report) = ask(&rig, "pat", &["doctor"]);
    assert_eq!(said.code, Some(1), "{}", said.stdout);
    let identity = check(&report, "identity");
    assert_eq!(identity["verdict"], "bad");
    assert!(identity["snippets"][0]["text"].as_str().unwrap().contains(&canonical), "{identity}");
    for name in ["token", "api-server", "exec-info"] {
        assert_eq!(check(&report, name)["verdict"], "good", "{}", said.stdout);
    }
}
