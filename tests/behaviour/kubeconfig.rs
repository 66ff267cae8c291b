//! `kubeconfig`: the real binary and real files. `--eks` has a file of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use iam_bridge::kubeconfig::{Kind, Kubeconfig};
use tempfile::TempDir;

use crate::harness::cluster::binaries;
use crate::harness::process::{Said, binary, clean, iam_bridge, run, run_ok};

/// A home with nothing in it.
struct Home(TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.at(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = iam_bridge();
        command.arg("kubeconfig").args(arguments).env("HOME", self.0.path()).env("AWS_EC2_METADATA_DISABLED", "true");
        command
    }

    fn run(&self, arguments: &[&str]) -> Said {
        run(&mut self.command(arguments))
    }
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

fn parsed(path: &Path) -> Kubeconfig {
    Kubeconfig::parse("f", &read(path)).unwrap()
}

const SERVER: [&str; 6] = ["--server", "https://127.0.0.1:1", "--cluster-id", "prod", "--region", "eu-central-1"];

#[cfg(unix)]
fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn a_missing_kubeconfig_is_made_for_its_owner_alone_and_left_alone_the_second_time() {
    let home = Home::new();
    let file = home.at(".kube/config");
    let said = home.run(&SERVER);
    assert_eq!((said.code, said.stdout), (Some(0), format!("Added context prod in {}\n", file.display())));
    let before = fs::metadata(&file).unwrap();
    let said = home.run(&SERVER);
    assert_eq!((said.code, said.stdout), (Some(0), format!("Unchanged context prod in {}\n", file.display())));
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        assert_eq!((mode(&file), mode(&home.at(".kube"))), (0o600, 0o700));
        assert_eq!(fs::metadata(&file).unwrap().ino(), before.ino(), "not written again");
    }
    assert_eq!(before.modified().unwrap(), fs::metadata(&file).unwrap().modified().unwrap());
    assert_eq!(fs::read_dir(home.at(".kube")).unwrap().count(), 1, "no lock and no temporary file stays");
}

#[cfg(unix)]
#[test]
fn a_link_is_followed_and_the_mode_is_kept() {
    use std::os::unix::fs::PermissionsExt;
    let home = Home::new();
    let target = home.write("dotfiles/kube", "# mine\n");
    fs::set_permissions(&target, fs::Permissions::from_mode(0o640)).unwrap();
    fs::create_dir(home.at(".kube")).unwrap();
    std::os::unix::fs::symlink("../dotfiles/kube", home.at(".kube/config")).unwrap();
    assert_eq!(home.run(&SERVER).code, Some(0));
    assert!(fs::symlink_metadata(home.at(".kube/config")).unwrap().is_symlink());
    assert!(read(&target).starts_with("# mine\napiVersion: v1\n"));
    assert_eq!(mode(&target), 0o640);
    for folder in ["dotfiles", ".kube"] {
        assert_eq!(fs::read_dir(home.at(folder)).unwrap().count(), 1, "{folder}");
    }
}

#[test]
fn entries_go_to_the_file_of_kubeconfig_that_has_them() {
    let home = Home::new();
    let first = home.write("a", "contexts:\n- name: other\n  context: {cluster: x, user: y}\n");
    let second = home.write(
        "b",
        "users:\n- name: prod\n  user: {exec: {command: aws, args: [eks, get-token, --cluster-name, x]}}\n",
    );
    let list = std::env::join_paths([home.at("none"), first.clone(), second.clone()]).unwrap();
    let said = run(home.command(&[&SERVER[..], &["--use"]].concat()).env("KUBECONFIG", &list));
    assert_eq!(
        said.stdout,
        format!("Added context prod in {}, {}\n", first.display(), second.display()),
        "{}",
        said.stderr
    );
    assert_eq!(parsed(&second).exec("prod").unwrap().command, "iam-bridge");
    assert!(!parsed(&first).has(Kind::User, "prod") && parsed(&first).has(Kind::Context, "prod"));
    assert!(read(&first).contains("current-context: prod"));
    assert!(!home.at("none").exists() && !home.at(".kube").exists());
    // --kubeconfig is the only one then.
    let alone = home.at("new/alone");
    let alone_flag = ["--kubeconfig", alone.to_str().unwrap()];
    let said = run(home.command(&[&SERVER[..], &alone_flag].concat()).env("KUBECONFIG", &list));
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    assert!(parsed(&alone).has(Kind::User, "prod"));
}

#[test]
fn many_at_once_lose_nothing() {
    let home = Home::new();
    home.write(".kube/config", "# all of us\n");
    let names: Vec<String> = (0..16).map(|number| format!("prod-{number}")).collect();
    let start = |name: &String| {
        home.command(&[&SERVER[..], &["--cluster-id", name, "--use"]].concat())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    };
    let mut all: Vec<_> = names.iter().map(start).collect();
    assert!(all.iter_mut().all(|child| child.wait().unwrap().success()));
    let kubeconfig = parsed(&home.at(".kube/config"));
    for kind in [Kind::Cluster, Kind::Context, Kind::User] {
        let mut found = kubeconfig.names(kind);
        found.sort();
        let mut wanted = names.clone();
        wanted.sort();
        assert_eq!(found, wanted);
    }
    assert!(read(&home.at(".kube/config")).starts_with("# all of us\n"));
    assert_eq!(fs::read_dir(home.at(".kube")).unwrap().count(), 1, "no lock and no temporary file stays");
}

#[test]
fn a_lock_that_nobody_removes_is_told_and_kept() {
    let home = Home::new();
    let file = home.write(".kube/config", "kind: Config\n");
    let lock = home.write(".kube/config.lock", "");
    let said = home.run(&SERVER);
    assert_eq!((said.code, said.stdout.as_str()), (Some(1), ""));
    assert!(said.stderr.contains(&format!("is locked by `{}`, made ", lock.display())), "{}", said.stderr);
    assert!(said.stderr.contains(&format!("rm {}", lock.display())), "{}", said.stderr);
    assert!(lock.exists() && read(&file) == "kind: Config\n");
}

#[test]
fn a_file_that_cannot_be_edited_is_left_and_unlocked() {
    let home = Home::new();
    let file = home.write(".kube/config", "users:\n- name: a\n- name: a\n");
    let said = home.run(&SERVER);
    assert_eq!(said.code, Some(1));
    assert!(said.stderr.contains(&format!("{}:3:3: kubeconfig-twice", file.display())), "{}", said.stderr);
    assert_eq!(fs::read_dir(home.at(".kube")).unwrap().count(), 1);
    let said = home.run(&[&SERVER[..], &["--kubeconfig", home.0.path().to_str().unwrap()]].concat());
    assert!(said.stderr.contains("is no regular file"), "{}", said.stderr);
}

#[test]
fn a_dry_run_prints_the_file_and_writes_nothing() {
    let home = Home::new();
    let said = home.run(&[&SERVER[..], &["--dry-run"]].concat());
    assert_eq!(said.code, Some(0));
    assert!(Kubeconfig::parse("f", &said.stdout).unwrap().has(Kind::Context, "prod"), "{}", said.stdout);
    assert!(said.stderr.contains("Added context prod in "), "{}", said.stderr);
    assert!(!home.at(".kube").exists());
}

#[test]
fn flags_become_arguments_of_the_entry() {
    let home = Home::new();
    home.write(".aws/config", "[profile dev]\nregion = eu-west-1\n");
    let flags =
        ["--user-only", "--cluster-id", "prod", "--profile", "dev", "--role-arn", "arn:aws:iam::111122223333:role/Dev"];
    let more =
        ["--external-id", "x", "--no-cache", "--provide-cluster-info", "--api-version", "v1beta1", "--profile-env"];
    let said = home.run(&[&flags[..], &more].concat());
    let file = home.at(".kube/config");
    assert_eq!(said.stdout, format!("Added user prod in {}\n", file.display()), "{}", said.stderr);
    let exec = parsed(&file).exec("prod").unwrap();
    assert_eq!(
        exec.args.join(" "),
        "get-token --cluster-id prod --region eu-west-1 --role arn:aws:iam::111122223333:role/Dev --external-id x --no-cache"
    );
    assert_eq!(exec.env, [("AWS_PROFILE".to_owned(), "dev".to_owned())]);
    let text = read(&file);
    for line in [
        "apiVersion: client.authentication.k8s.io/v1beta1\n",
        "provideClusterInfo: true\n",
        "interactiveMode: Never\n",
        "installHint: ",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    assert!(!text.contains("clusters:") && !text.contains("contexts:"), "{text}");
}

#[test]
fn an_absolute_path_is_this_programs_own() {
    let home = Home::new();
    let said = home.run(&[&SERVER[..], &["--absolute-path"]].concat());
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    assert!(!said.stderr.contains("not on PATH"), "{}", said.stderr);
    let command = parsed(&home.at(".kube/config")).exec("prod").unwrap().command;
    assert_eq!(fs::canonicalize(command).unwrap(), fs::canonicalize(binary()).unwrap());
}

const OF_THE_AWS_CLI: &str = "\
apiVersion: v1
clusters:
- cluster:
    server: https://ABC.gr7.eu-west-1.eks.amazonaws.com
  name: arn:aws:eks:eu-west-1:111122223333:cluster/prod
contexts:
- context:
    cluster: arn:aws:eks:eu-west-1:111122223333:cluster/prod
    user: alice
  name: prod
current-context: prod
kind: Config
users:
- name: alice
  user:
    exec:
      apiVersion: client.authentication.k8s.io/v1beta1
      args: # as aws eks update-kubeconfig wrote them
      - eks
      - get-token
      - --cluster-name
      - prod
      - --role
      - arn:aws:iam::111122223333:role/Dev
      command: aws
      env:
      - name: AWS_PROFILE
        value: dev
";

#[test]
fn an_entry_of_the_aws_cli_is_converted_and_reverted() {
    let home = Home::new();
    let file = home.write(".kube/config", OF_THE_AWS_CLI);
    let said = home.run(&["--convert", "prod"]);
    assert_eq!(said.stdout, format!("Updated context prod in {}\n", file.display()), "{}", said.stderr);
    let exec = parsed(&file).exec("alice").unwrap();
    assert_eq!(exec.command, "iam-bridge");
    assert_eq!(
        exec.args.join(" "),
        "get-token --cluster-id prod --region eu-west-1 --role arn:aws:iam::111122223333:role/Dev"
    );
    assert_eq!(exec.env, [("AWS_PROFILE".to_owned(), "dev".to_owned())]);
    assert!(home.run(&["--convert", "prod"]).stdout.starts_with("Unchanged context prod"));
    // Once ours, flags go on top.
    assert!(home.run(&["--convert", "prod", "--region", "eu-west-2", "--no-cache"]).stdout.starts_with("Updated"));
    let args = parsed(&file).exec("alice").unwrap().args;
    assert!(args.contains(&"eu-west-2".to_owned()) && args.contains(&"--no-cache".to_owned()), "{args:?}");
    assert_eq!(home.run(&["--revert", "prod"]).code, Some(0));
    assert_eq!(read(&file), OF_THE_AWS_CLI);
    let said = home.run(&["--revert", "prod"]);
    assert_eq!(said.code, Some(1));
    assert!(said.stderr.contains("user `alice` remembers no other plugin"), "{}", said.stderr);
}

#[test]
fn an_entry_of_the_reference_is_converted_with_the_variables_it_needs() {
    let home = Home::new();
    let old = "clusters:\n- {name: c, cluster: {server: 'https://127.0.0.1:1'}}\ncontexts:\n- {name: c, context: {cluster: c, user: u}}\n\
               users:\n- {name: u, user: {exec: {command: aws-iam-authenticator, args: [token, -e, x, --cache], env: [{name: \
               KUBERNETES_AWS_AUTHENTICATOR_CLUSTER_ID, value: prod}]}}}\n";
    let file = home.write(".kube/config", old);
    let said = home.run(&["--convert", "c", "--region", "eu-central-1", "--use"]);
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    let exec = parsed(&file).exec("u").unwrap();
    assert_eq!(exec.args.join(" "), "get-token --region eu-central-1 --external-id x --cache");
    assert_eq!(exec.env[0].1, "prod");
    assert!(read(&file).ends_with("current-context: c\n"));
    assert_eq!(home.run(&["--revert", "c"]).code, Some(0));
    assert_eq!(read(&file), format!("{old}current-context: c\n"));
}

#[test]
fn what_cannot_be_converted_is_told() {
    let home = Home::new();
    home.write(
        ".kube/config",
        "contexts:\n- {name: a, context: {cluster: c, user: a}}\n- {name: b, context: {cluster: c, user: b}}\nusers:\n\
         - {name: a, user: {token: t}}\n- {name: b, user: {exec: {command: aws-vault, args: [exec, dev]}}}\n",
    );
    for (context, words) in [
        ("a", "user `a` cannot be converted: it has no exec plugin"),
        ("b", "user `b` cannot be converted: `aws-vault exec dev` is not a plugin for AWS"),
        ("c", "context `c` is not in the kubeconfig; it holds a, b"),
    ] {
        let said = home.run(&["--convert", context]);
        assert_eq!((said.code, said.stdout.as_str()), (Some(1), ""));
        assert!(said.stderr.contains(words), "{}", said.stderr);
    }
}

#[test]
fn a_command_line_without_sense_shows_its_usage() {
    let home = Home::new();
    for (arguments, words) in [
        (&[][..], "say what to write"),
        (&["--server", "https://a", "--region", "r"], "no cluster id is given"),
        (&["--server", "https://a", "--cluster-id", "x"], "no region is set, and none is guessed"),
        (&["--server", "a:b:c", "--cluster-id", "x"], "`a:b:c` is no URL"),
        (&["--convert", "x", "--namespace", "n"], "--namespace says nothing with --convert"),
        (&["--revert", "x", "--context", "n"], "--context says nothing with --revert"),
        (&["--user-only", "--cluster-id", "x", "--use"], "--use says nothing with --user-only"),
        (&["--eks", "a", "--server", "https://b"], "cannot be used with"),
        (&["--user-only", "--profile-env"], "--profile"),
    ] {
        let said = home.run(arguments);
        assert_eq!((said.code, said.stdout.as_str()), (Some(2), ""), "{arguments:?} {}", said.stderr);
        assert!(said.stderr.contains(words), "{arguments:?}: {}", said.stderr);
    }
    assert!(!home.at(".kube").exists());
}

#[test]
fn a_ca_file_goes_into_the_kubeconfig_if_it_is_one() {
    let home = Home::new();
    let bad = home.write("bad.pem", "nothing");
    let said = home.run(&[&SERVER[..], &["--certificate-authority", bad.to_str().unwrap()]].concat());
    assert!(said.code == Some(1) && said.stderr.contains("holds no certificate in PEM"), "{}", said.stderr);
    let ca = crate::harness::authority::Authority::new("ca");
    let good = home.write("ca.pem", ca.pem());
    assert_eq!(home.run(&[&SERVER[..], &["--certificate-authority", good.to_str().unwrap()]].concat()).code, Some(0));
    assert!(read(&home.at(".kube/config")).contains("certificate-authority-data: LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS"));
}

#[test]
fn a_kuberc_that_does_not_list_the_plugin_is_told() {
    let home = Home::new();
    let rc = "apiVersion: kubectl.config.k8s.io/v1beta1\nkind: Preference\ncredentialPluginPolicy: Allowlist\n";
    home.write(".kube/kuberc", rc);
    let said = home.run(&SERVER);
    assert!(said.code == Some(0) && said.stderr.contains("- command: iam-bridge"), "{}", said.stderr);
}

#[test]
fn kubectl_reads_what_was_written() {
    let Some(binaries) = binaries() else { return };
    let home = Home::new();
    let kubectl = |arguments: &[&str]| {
        let mut command = clean(binaries.join("kubectl"));
        run_ok(command.env("HOME", home.0.path()).args(arguments))
    };
    for (name, text) in [
        ("empty", ""),
        (
            "json",
            "{\"apiVersion\": \"v1\", \"kind\": \"Config\", \"users\": [{\"name\": \"x\", \"user\": {\"token\": \"t\"}}]}",
        ),
        ("crlf", "apiVersion: v1\r\nkind: Config\r\nusers:\r\n- name: x\r\n  user:\r\n    token: t\r\n"),
        ("indented", "users:\n    -   name: x\n        user:\n            token: t\nclusters: null\ncontexts: []"),
    ] {
        let file = home.write(name, text);
        let file = file.to_str().unwrap();
        assert_eq!(
            home.run(&[&SERVER[..], &["--use", "--namespace", "team", "--kubeconfig", file]].concat()).code,
            Some(0),
            "{name}"
        );
        let view: serde_json::Value =
            serde_json::from_str(&kubectl(&["--kubeconfig", file, "config", "view", "--raw", "-o", "json"])).unwrap();
        assert_eq!(view["current-context"], "prod", "{name}");
        assert_eq!(
            view["contexts"][0]["context"],
            serde_json::json!({"cluster": "prod", "namespace": "team", "user": "prod"})
        );
        assert_eq!(view["clusters"][0]["cluster"]["server"], "https://127.0.0.1:1");
        let users = view["users"].as_array().unwrap();
        let user = users.iter().find(|user| user["name"] == "prod").unwrap();
        assert_eq!(user["user"]["exec"]["args"][4], "eu-central-1", "{name}");
        assert_eq!(user["user"]["exec"]["interactiveMode"], "Never");
        assert!(text.is_empty() || users.iter().any(|user| user["user"]["token"] == "t"), "{name}");
    }
    // What --convert remembers outlives kubectl's own writing.
    let file = home.write(".kube/config", OF_THE_AWS_CLI);
    assert_eq!(home.run(&["--convert", "prod"]).code, Some(0));
    kubectl(&["config", "set-context", "prod", "--namespace", "team"]);
    assert_eq!(home.run(&["--revert", "prod"]).code, Some(0));
    let (old, new) = (Kubeconfig::parse("f", OF_THE_AWS_CLI).unwrap(), parsed(&file));
    assert_eq!(new.exec("alice"), old.exec("alice"));
    assert!(read(&file).contains("      args: # as aws eks update-kubeconfig wrote them\n"), "{}", read(&file));
    assert!(read(&file).contains("namespace: team") && !read(&file).contains("extensions"), "{}", read(&file));
}
