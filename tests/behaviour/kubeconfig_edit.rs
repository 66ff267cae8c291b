//! Kubeconfigs as people have them, changed: what is asked for comes in, and nothing else moves.

use iam_bridge::kubeconfig::{Change, ExecUser, Kind, Kubeconfig, edit};

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
contexts:
- context:
    cluster: prod
    namespace: team
    user: prod
  name: prod
current-context: prod
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
    assert!(new.starts_with(ODD.split_once("contexts: []").unwrap().0), "{new}");
    assert!(new.contains("\n  -   name: new\n      user:\n          exec:\n              apiVersion: client"), "{new}");
    assert!(new.contains("              args:\n                - get-token\n"), "{new}");
    assert!(new.contains("\ncontexts:  # none yet\n  - context:\n        cluster: new\n"), "{new}");
    assert!(new.contains("\nx-shared: &shared\n    a: 1\nx-again: *shared\ncurrent-context: new   # stays\n"), "{new}");
    assert!(new.ends_with("\nclusters:\n  - cluster:\n        certificate-authority-data: Q0E=\n        server: https://127.0.0.1:6443\n    name: new"), "{new}");
}

/// What each of them says stays, and the user comes in.
#[test]
fn odd_files_take_an_entry() {
    for text in [
        "users: null\n",
        "users: []\n",
        "users: {}\n",
        "users:\n",
        "users: # none\n",
        "users: [ ]",
        "kind: Config",
        "{\"kind\": \"Config\", \"users\": []}",
        "{\n\t\"kind\": \"Config\",\n\t\"users\": [\n\t\t{\"name\": \"a\", \"user\": {}}\n\t]\n}\n",
        "users: [{name: a, user: {}}, {name: b,\n  user: }]\n",
        "users: [\n  {name: a, user: {}}, # first\n]\n",
        "users:\n- name: prod\n  user:\n",
        "users:\n- name: prod\n",
        "users:\n- name: prod\n  user: {}\n",
        "users:\n- user: {exec: null}\n  name: prod\n",
        "users:\n-\n  name: prod\n  user:\n    exec:\n      command: x\n",
        "users:\r\n- name: a\r\n  user:\r\n    token: t\r\n# end\r\n",
        "%YAML 1.2\n---\nusers:\n- name: a\n  user: {}\n...\n",
        "users:\n  - {name: a, user: {token: t}}\n  - {name: prod, user: {token: t}}\n",
        "users:\n- name: ä\n  user: {token: \"€ # :\"}\n- {name: \"pr\\u006fd\"}\n",
        "users:\n- &a\n  name: a\n  user: {}\nx: *a\n",
        "a: &exec {command: x}\nusers:\n- name: prod\n  user:\n    exec: *exec\n",
        "a: &user {exec: {command: x}}\nusers:\n- name: prod\n  user: *user\n",
        "a: &user {exec: {command: x}, as: root}\nusers:\n- name: prod\n  user:\n    <<: *user\n",
    ] {
        let old = Kubeconfig::parse("f", text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        let new = edited(text, &[user("prod")]);
        let after = Kubeconfig::parse("f", &new).unwrap();
        assert_eq!(after.exec("prod").unwrap().args, exec("prod").args, "{new}");
        for name in old.names(Kind::User).iter().filter(|name| *name != "prod") {
            assert_eq!(old.exec(name), after.exec(name), "{new}");
        }
        assert_eq!(new.ends_with('\n'), text.ends_with('\n'), "{new:?}");
        assert_eq!(new.contains("\r\n"), text.contains("\r\n"), "{new:?}");
        assert!(!text.starts_with('{') || serde_json::from_str::<serde_json::Value>(&new).is_ok(), "{new}");
        for comment in ["# none", "# first", "# end"] {
            assert_eq!(text.contains(comment), new.contains(comment), "{new}");
        }
    }
}

#[test]
fn what_cannot_be_edited_safely_is_refused_with_its_place_and_a_cure() {
    for (text, words) in [
        ("- a\n", "f:1:1: kubeconfig-shape: a kubeconfig is a map, and this is a list; name the right file"),
        ("just text\n", "f:1:1: kubeconfig-shape: a kubeconfig is a map"),
        ("users:\n  a: b\n", "f:2:3: kubeconfig-shape: `users` is a map and should be a list"),
        ("users:\n- x\n", "f:2:3: kubeconfig-shape: an item of `users` is a scalar"),
        ("users:\n- name: a\n  user: x\n", "f:3:9: kubeconfig-shape: `user` is a scalar"),
        ("users:\n- name: a\n- name: a\n", "f:3:3: kubeconfig-twice: user `a` stands twice"),
        ("contexts:\n- name: a\n- {name: a}\n", "f:3:3: kubeconfig-twice: context `a` stands twice"),
        ("kind: Config\n---\nkind: Config\n", "f:2:1: kubeconfig-documents: a second YAML document"),
        ("users: []\nusers: []\n", "f:2:1: duplicate-key"),
        ("users:\n\t- name: a\n", "f:2:2: yaml-syntax: a tab stands where YAML indents"),
        ("users: [\n", "yaml-syntax"),
        ("users:\n- name: !!str a\n", "f:2:9: yaml-tag"),
        (
            "users:\n- name: prod\n  user:\n    exec: &e {command: x}\n- name: b\n  user: {exec: *e}\n",
            "f:4:14: kubeconfig-anchor: an alias elsewhere stands for a value with an anchor",
        ),
        (
            "users:\n- name: prod\n  user: {exec: {args: &a [x]}}\nx: *a\n",
            "f:3:26: kubeconfig-anchor: a value with an anchor",
        ),
    ] {
        match edit("f", text, &[user("prod")]) {
            Err(error) => assert!(error.to_string().contains(words), "{text}\n{error}"),
            Ok(new) => panic!("{text}\nbecame\n{new}"),
        }
    }
}

#[test]
fn a_cluster_keeps_what_is_not_its_address_and_changes_its_ca() {
    let text = "clusters:\n- name: prod\n  cluster:\n    proxy-url: http://p # via\n    server: https://old\n    \
                certificate-authority: /ca.crt\n    insecure-skip-tls-verify: true\n";
    assert_eq!(
        edited(text, &whole("prod")[..1]),
        "clusters:\n- name: prod\n  cluster:\n    proxy-url: http://p # via\n    server: https://127.0.0.1:6443\n    \
         certificate-authority-data: Q0E=\n"
    );
}

fn convert(name: &str) -> Change {
    Change::Convert { name: name.to_owned(), exec: exec(name), remembers: true }
}

#[test]
fn a_converted_user_keeps_its_variables_and_remembers_its_plugin_until_it_is_reverted() {
    let text = "users:\n- name: prod\n  user:\n    as: root # who\n    exec: # how\n      command: aws\n      args: [eks, get-token]\n      \
                env:\n      - {name: AWS_PROFILE, value: x} # whose\n      x-unknown: 1\n    extensions:\n    - {name: e, extension: {}}\n";
    let new = edited(text, &[convert("prod")]);
    for kept in
        ["    as: root # who\n", "    exec: # how\n", "- {name: AWS_PROFILE, value: x} # whose\n", "x-unknown: 1\n"]
    {
        assert!(new.contains(kept), "{new}");
    }
    let revert = [Change::Revert { name: "prod".to_owned() }];
    assert_eq!(edit("f", &new, &revert).unwrap(), text);
    assert!(edit("f", text, &revert).unwrap_err().to_string().contains("only what --convert changed can be reverted"));
    // A second conversion does not forget the first plugin.
    let mut other = exec("prod");
    other.args.push("--no-cache".to_owned());
    let twice = edited(&new, &[Change::Convert { name: "prod".to_owned(), exec: other, remembers: true }]);
    assert_eq!(edit("f", &twice, &revert).unwrap(), text);
    // What was changed since stays.
    let since = new.replace("as: root # who", "as: admin # who");
    assert_eq!(edit("f", &since, &revert).unwrap(), text.replace("as: root # who", "as: admin # who"));
}

#[test]
fn a_plugin_that_stands_elsewhere_by_an_alias_comes_back_in_meaning() {
    let text =
        "x: &args [eks, get-token]\nusers:\n- name: prod\n  user:\n    exec:\n      command: aws\n      args: *args\n";
    let new = edited(text, &[convert("prod")]);
    let back = edit("f", &new, &[Change::Revert { name: "prod".to_owned() }]).unwrap();
    assert_eq!(Kubeconfig::parse("f", &back).unwrap().exec("prod"), Kubeconfig::parse("f", text).unwrap().exec("prod"));
}
