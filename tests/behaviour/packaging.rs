//! What is shipped: the crates in the binary, the manifest and the image.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use clap::{CommandFactory as _, Parser as _};
use iam_bridge::check::{Options, check};
use iam_bridge::config::flags::Flags;
use iam_bridge::mapping::SourceKind;
use serde_json::Value;

use super::architecture::read;

#[test]
fn every_crate_has_a_licence_we_accept_and_comes_from_crates_io() {
    let allowed = quoted_list(&read(".cargo/deny.toml"), "allow");
    let registries = quoted_list(&read(".cargo/deny.toml"), "allow-registry");
    assert_eq!(registries.len(), 1);
    let metadata: Value =
        serde_json::from_str(&cargo(&["metadata", "--format-version=1", "--filter-platform", &host()])).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    assert!(packages.len() > 100, "{} packages", packages.len());
    let mut faults = Vec::new();
    for package in packages {
        let name = format!("{} {}", package["name"].as_str().unwrap(), package["version"].as_str().unwrap());
        let licence = package["license"].as_str().unwrap_or_default();
        if !licence_is_fine(licence, &allowed) {
            faults.push(format!("{name}: licence `{licence}`"));
        }
        if let Some(source) = package["source"].as_str()
            && source.strip_prefix("registry+") != Some(&registries[0])
        {
            faults.push(format!("{name}: source `{source}`"));
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn no_banned_crate_is_built_and_there_is_one_tls_and_one_http() {
    let banned = crates_of_key(&read(".cargo/deny.toml"), "deny");
    assert!(banned.len() > 5 && banned.contains(&"ring".to_owned()) && banned.contains(&"hyper:<1".to_owned()));
    let built = built_crates();
    let faults: Vec<_> = built
        .iter()
        .flat_map(|(name, versions)| versions.iter().map(move |version| (name, version)))
        .filter(|(name, version)| banned.iter().any(|ban| is_banned(ban, name, version)))
        .collect();
    assert!(faults.is_empty(), "{faults:?}");
    for one in ["rustls", "hyper", "http", "aws-lc-rs"] {
        assert_eq!(built.get(one).map(BTreeSet::len), Some(1), "{one}: {:?}", built.get(one));
    }
}

/// The checks themselves.
#[test]
fn the_checks_of_crates_can_fail() {
    let allowed = ["MIT", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "ISC"].map(str::to_owned);
    for (licence, fine) in [
        ("MIT", true),
        ("MIT/Apache-2.0", true),
        ("GPL-3.0 OR MIT", true),
        ("GPL-3.0 AND MIT", false),
        ("ISC AND (GPL-3.0 OR MIT)", true),
        ("(ISC OR MIT) AND (GPL-3.0 OR AGPL-3.0)", false),
        ("Apache-2.0 WITH LLVM-exception", true),
        ("Apache-2.0 WITH Other-exception", false),
        ("GPL-3.0", false),
        ("", false),
    ] {
        assert_eq!(licence_is_fine(licence, &allowed), fine, "{licence}");
    }
    for (ban, name, version, hit) in [
        ("ring", "ring", "0.17.14", true),
        ("ring", "string", "0.17.14", false),
        ("hyper:<1", "hyper", "0.14.30", true),
        ("hyper:<1", "hyper", "1.12.0", false),
        ("rustls:<0.23", "rustls", "0.21.12", true),
        ("rustls:<0.23", "rustls", "0.23.46", false),
    ] {
        assert_eq!(is_banned(ban, name, version), hit, "{ban} {name} {version}");
    }
}

/// Without it the first random byte of every process costs some 30 ms of CPU.
#[test]
fn every_build_we_describe_goes_without_jitter_entropy() {
    assert!(read(".cargo/config.toml").contains("\nAWS_LC_SYS_NO_JITTER_ENTROPY = \"1\"\n"));
    assert!(read("deploy/Dockerfile").contains("\nENV AWS_LC_SYS_NO_JITTER_ENTROPY=1\n"));
}

#[test]
fn the_manifest_runs_the_server_with_flags_it_has_and_no_more_rights_than_it_needs() {
    let objects: Vec<Value> = serde_saphyr::from_multiple(&read("deploy/example.yaml")).unwrap();
    let one = |kind: &str| {
        let of_kind: Vec<&Value> = objects.iter().filter(|object| object["kind"] == kind).collect();
        assert_eq!(of_kind.len(), 1, "{kind}");
        assert_eq!(of_kind[0]["metadata"]["name"], "aws-iam-authenticator", "{kind}: the reference's name");
        of_kind[0]
    };
    assert_eq!(
        one("ClusterRole")["rules"],
        Value::Array(Vec::new()),
        "the mounted file asks nothing of the API server"
    );
    assert_eq!(one("ServiceAccount")["automountServiceAccountToken"], false);
    one("RoleBinding");

    let pod = &one("DaemonSet")["spec"]["template"]["spec"];
    assert_eq!(pod["hostNetwork"], true);
    assert_eq!(pod["automountServiceAccountToken"], false);
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    let container = &pod["containers"][0];
    let security = &container["securityContext"];
    assert_eq!(security["allowPrivilegeEscalation"], false);
    assert_eq!(security["readOnlyRootFilesystem"], true);
    assert_eq!(security["capabilities"]["drop"][0], "ALL");
    for probe in ["livenessProbe", "readinessProbe"] {
        assert_eq!(container[probe]["httpGet"]["port"], container["ports"][0]["name"], "{probe}");
    }
    assert_eq!(container["ports"][0]["containerPort"], 21363);

    let args: Vec<&str> = container["args"].as_array().unwrap().iter().map(|arg| arg.as_str().unwrap()).collect();
    assert_eq!(
        args,
        [
            "server",
            "--config=/etc/aws-iam-authenticator/config.yaml",
            "--state-dir=/var/aws-iam-authenticator",
            "--generate-kubeconfig=/etc/kubernetes/aws-iam-authenticator/kubeconfig.yaml",
        ],
        "the reference's arguments"
    );
    parses(&args.join(" "));
    for path in ["/etc/aws-iam-authenticator/", "/var/aws-iam-authenticator/", "/etc/kubernetes/aws-iam-authenticator/"]
    {
        let mounts = container["volumeMounts"].as_array().unwrap();
        assert!(mounts.iter().any(|mount| mount["mountPath"] == path), "{path} is mounted");
    }
}

/// The config in the manifest is one the server takes without a word.
#[test]
fn the_manifests_config_is_faultless() {
    let objects: Vec<Value> = serde_saphyr::from_multiple(&read("deploy/example.yaml")).unwrap();
    let map = objects.iter().find(|object| object["kind"] == "ConfigMap").unwrap();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("config.yaml");
    std::fs::write(&file, map["data"]["config.yaml"].as_str().unwrap()).unwrap();
    let found = check(&[file], &Options::default()).faults;
    assert!(found.is_empty(), "{found:#?}");
}

/// Who removes a `#` must not have to find out what is missing, and the comments cannot fall behind the keys.
#[test]
fn what_the_manifests_config_shows_as_a_comment_is_faultless_too() {
    let objects: Vec<Value> = serde_saphyr::from_multiple(&read("deploy/example.yaml")).unwrap();
    let map = objects.iter().find(|object| object["kind"] == "ConfigMap").unwrap();
    let text = map["data"]["config.yaml"].as_str().unwrap();
    // A key or a member of a list; a sentence has no colon behind its first word.
    let is_setting = |line: &str| {
        let line = line.trim_start();
        let first = line.split(' ').next().unwrap_or_default();
        line.strip_prefix("- ").is_some_and(|name| !name.contains(' '))
            || (first.len() > 1 && first.ends_with(':') && first.starts_with(|letter: char| letter.is_lowercase()))
    };
    let mut shown = BTreeSet::new();
    let lines = text.lines().map(|line| match line.split_once("# ") {
        Some((indent, setting)) if indent.trim().is_empty() && is_setting(setting) => {
            shown.insert(setting.trim().trim_start_matches("- ").split(':').next().unwrap_or_default().to_owned());
            format!("{indent}{setting}\n")
        }
        _ => format!("{line}\n"),
    });
    let whole: String = lines.collect();
    for source in SourceKind::ALL.into_iter().filter(|source| *source != SourceKind::DynamicFile) {
        assert!(whole.contains(&format!("- {source}\n")), "{source}");
    }
    for key in ["accessEntryFile", "eksAccessEntries", "clusterName", "cluster", "accessPolicies", "namespaceScope"] {
        assert!(shown.contains(key), "{key} is shown: {shown:?}");
    }
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("config.yaml");
    std::fs::write(&file, whole).unwrap();
    let found = check(&[file], &Options::default()).faults;
    assert!(found.is_empty(), "{found:#?}");
}

/// `name` or `name:<version`, as cargo-deny writes them.
fn is_banned(ban: &str, name: &str, version: &str) -> bool {
    let numbers = |text: &str| text.split('.').map(|part| part.parse().unwrap_or(0)).collect::<Vec<u64>>();
    match ban.split_once(":<") {
        None => ban == name,
        Some((banned, below)) => banned == name && numbers(version) < numbers(below),
    }
}

/// Judges an SPDX expression: `OR` binds weaker than `AND`, `/` is the old `OR`.
fn licence_is_fine(expression: &str, allowed: &[String]) -> bool {
    type Words<'t> = std::iter::Peekable<std::vec::IntoIter<&'t str>>;
    fn any(words: &mut Words<'_>, allowed: &[String]) -> bool {
        let mut fine = all(words, allowed);
        while words.next_if_eq(&"OR").is_some() {
            fine |= all(words, allowed);
        }
        fine
    }
    fn all(words: &mut Words<'_>, allowed: &[String]) -> bool {
        let mut fine = one(words, allowed);
        while words.next_if_eq(&"AND").is_some() {
            fine &= one(words, allowed);
        }
        fine
    }
    fn one(words: &mut Words<'_>, allowed: &[String]) -> bool {
        let Some(first) = words.next() else { return false };
        if first == "(" {
            let fine = any(words, allowed);
            return words.next() == Some(")") && fine;
        }
        let mut licence = first.to_owned();
        if words.next_if_eq(&"WITH").is_some() {
            licence = format!("{first} WITH {}", words.next().unwrap_or_default());
        }
        allowed.contains(&licence)
    }
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let mut words = spaced.split_whitespace().collect::<Vec<_>>().into_iter().peekable();
    any(&mut words, allowed) && words.next().is_none()
}

/// Quoted members of `key = [ … ]`.
fn quoted_list(toml: &str, key: &str) -> Vec<String> {
    let (_, after) = toml.split_once(&format!("\n{key} = [")).unwrap_or_else(|| panic!("no list `{key}`"));
    let (list, _) = after.split_once(']').expect("the list ends");
    list.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The `crate` members of `key = [ { crate = "…", … }, … ]`.
fn crates_of_key(toml: &str, key: &str) -> Vec<String> {
    let (_, after) = toml.split_once(&format!("\n{key} = [")).unwrap_or_else(|| panic!("no list `{key}`"));
    let (list, _) = after.split_once("\n]").expect("the list ends");
    list.split("crate = \"").skip(1).map(|rest| rest.split('"').next().unwrap_or_default().to_owned()).collect()
}

/// Names and versions of what this target's build is made of. `cargo metadata` also lists what no feature asks for.
fn built_crates() -> BTreeMap<String, BTreeSet<String>> {
    let mut built: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in cargo(&["tree", "--edges=normal,build", "--prefix=none", "--format={p}"]).lines() {
        let mut words = line.split(' ');
        let (name, version) = (words.next().unwrap(), words.next().unwrap_or_default());
        built.entry(name.to_owned()).or_default().insert(version.trim_start_matches('v').to_owned());
    }
    assert!(built.len() > 100, "{} crates", built.len());
    built
}

/// What cargo prints; without a network where everything is downloaded already.
fn cargo(args: &[&str]) -> String {
    let run = |offline: &[&str]| {
        let mut command = Command::new(env!("CARGO"));
        command.args(args).arg("--locked").args(offline).current_dir(env!("CARGO_MANIFEST_DIR"));
        command.output().expect("cargo runs")
    };
    let first = run(&["--offline"]);
    let output = if first.status.success() { first } else { run(&[]) };
    assert!(output.status.success(), "cargo {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("cargo prints UTF-8")
}

/// The target triple the tests are built for, as long as nobody builds across.
fn host() -> String {
    let output = Command::new(env!("CARGO")).arg("-vV").output().expect("cargo runs");
    let text = String::from_utf8(output.stdout).expect("cargo prints UTF-8");
    text.lines().find_map(|line| line.strip_prefix("host: ")).expect("cargo names its host").to_owned()
}

/// Fails unless our command line takes these words.
pub(super) fn parses(words: &str) {
    Flags::command().debug_assert();
    if let Err(error) = Flags::try_parse_from(std::iter::once("iam-bridge").chain(words.split_whitespace())) {
        let harmless =
            matches!(error.kind(), clap::error::ErrorKind::DisplayHelp | clap::error::ErrorKind::DisplayVersion);
        assert!(harmless, "`{words}`: {error}");
    }
}
