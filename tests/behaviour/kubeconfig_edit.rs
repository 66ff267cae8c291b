//! Kubeconfigs as people have them, changed: what is asked for comes in, and nothing else moves.

use iam_bridge::kubeconfig::{Change, ExecUser, edit};

pub(super) fn exec(cluster: &str) -> ExecUser {
    ExecUser {
        api_version: "client.authentication.k8s.io/v1".to_owned(),
        command: "iam-bridge".to_owned(),
        args: ["get-token", "--cluster-id", cluster, "--region", "eu-central-1"].map(str::to_owned).to_vec(),
        env: Vec::new(),
        interactive_mode: "Never".to_owned(),
        provide_cluster_info: false,
        install_hint: "iam-bridge is not on PATH".to_owned(),
    }
}

fn user(name: &str) -> Change {
    Change::User { name: name.to_owned(), exec: exec(name) }
}

pub(super) fn whole(name: &str) -> Vec<Change> {
    vec![
        Change::Cluster {
            name: name.to_owned(),
            server: "https://127.0.0.1:6443".to_owned(),
            certificate_authority_data: Some("Q0E=".to_owned()),
        },
        user(name),
        Change::Context {
            name: name.to_owned(),
            cluster: name.to_owned(),
            user: name.to_owned(),
            namespace: Some("team".to_owned()),
        },
        Change::UseContext(name.to_owned()),
    ]
}

#[track_caller]
fn edited(text: &str, changes: &[Change]) -> String {
    let new = edit("config", text, changes).unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert_eq!(edit("config", &new, changes).unwrap(), new, "a second time changes nothing");
    new
}

const NEW: &str = "\
apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: Q0E=
    server: https://127.0.0.1:6443
  name: prod
kind: Config
users:
- name: prod
  user:
    exec:
      apiVersion: client.authentication.k8s.io/v1
      args:
      - get-token
      - --cluster-id
      - prod
      - --region
      - eu-central-1
      command: iam-bridge
      installHint: iam-bridge is not on PATH
      interactiveMode: Never
      provideClusterInfo: false
contexts:
- context:
    cluster: prod
    namespace: team
    user: prod
  name: prod
current-context: prod
";

#[test]
fn an_empty_file_becomes_a_kubeconfig() {
    assert_eq!(edited("", &whole("prod")), NEW);
    assert_eq!(edited("# mine\n", &whole("prod")), format!("# mine\n{NEW}"));
    assert_eq!(edited("# mine", &whole("prod")), format!("# mine\n{NEW}"));
    assert_eq!(edited("---\n", &whole("prod")), format!("---\n{NEW}"));
    assert_eq!(edited("\u{feff}", &whole("prod")), format!("\u{feff}{NEW}"));
    let json = edited("{}\n", &whole("prod"));
    assert!(serde_json::from_str::<serde_json::Value>(&json).is_ok(), "{json}");
}

/// Odd, and all of it must stay: order, quotes, comments, an indented list, unknown fields, an alias, no line feed.
const ODD: &str = "# of alice
preferences: {colors: true}   # why not
users:
  # the first
  -   name: 'dev'
      user:
          token: \"abc: #\" # secret
          x-unknown: [1, 2,   3]

  # before prod
  -   name: prod # ours soon
      user: # of prod
          as: root
          token: >-
            folded
            text
          exec: {command: old}
contexts: []  # none yet
x-shared: &shared
    a: 1
x-again: *shared
current-context: dev   # stays
clusters: ~";

#[test]
fn everything_else_stays_byte_for_byte() {
    let new = edited(ODD, &[user("prod")]);
    assert_eq!(
        new,
        ODD.replace("          token: >-\n            folded\n            text\n", "").replace(
            "          exec: {command: old}\n",
            "          exec: {command: \"iam-bridge\", \"apiVersion\": \"client.authentication.k8s.io/v1\", \"args\": \
             [\"get-token\", \"--cluster-id\", \"prod\", \"--region\", \"eu-central-1\"], \"installHint\": \
             \"iam-bridge is not on PATH\", \"interactiveMode\": \"Never\", \"provideClusterInfo\": false}\n"
        )
    );
}

#[test]
fn entries_come_in_where_the_file_has_its_own_style() {
    let new = edited(ODD, &whole("new"));
    assert!(new.starts_with(&ODD[..ODD.find("contexts: []").unwrap()]), "{new}");
    assert!(new.contains("\n  -   name: new\n      user:\n          exec:\n              apiVersion: client"), "{new}");
    assert!(new.contains("              args:\n                - get-token\n"), "{new}");
    assert!(new.contains("\ncontexts:  # none yet\n  - context:\n        cluster: new\n"), "{new}");
    assert!(new.contains("\nx-shared: &shared\n    a: 1\nx-again: *shared\ncurrent-context: new   # stays\n"), "{new}");
    assert!(new.ends_with("\nclusters:\n  - cluster:\n        certificate-authority-data: Q0E=\n        server: https://127.0.0.1:6443\n    name: new"), "{new}");
}
