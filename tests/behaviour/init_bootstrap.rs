//! `init --bootstrap-admin`: one visible entry on the host, by the real binary.

use std::fs;

use iam_bridge::diagnostic::Severity;
use iam_bridge::document::Format;
use iam_bridge::mapping::AccessScope;
use iam_bridge::rbac::AccessPolicy;
use iam_bridge::sources::keys::{AccessEntryFileSettings, parse_access_entry_file};

use crate::harness::process::{Said, iam_bridge, run};

const ADMIN: &str = "arn:aws:iam::111122223333:role/ops/Break-glass";

fn init(folder: &std::path::Path, arguments: &[&str]) -> Said {
    run(iam_bridge()
        .args(["init", "--cluster-id", "prod", "--state-dir", "/var/state"])
        .args(arguments)
        .current_dir(folder))
}

#[test]
fn the_entry_makes_one_principal_cluster_admin_and_the_config_lines_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let said = init(folder.path(), &["--bootstrap-admin", ADMIN]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let file = folder.path().join("access-entries.yaml");
    let text = fs::read_to_string(&file).unwrap();
    let settings = AccessEntryFileSettings { cluster_account: None, unknown: Severity::Error };
    let read = parse_access_entry_file("f", &text, Format::Yaml, &settings).unwrap();
    let [entry] = read.entries.as_slice() else { panic!("{read:?}") };
    assert_eq!(entry.entry.principal_text(), ADMIN);
    let grants: Vec<_> =
        entry.entry.grants().iter().map(|grant| (grant.policy, grant.scope.clone(), grant.expires_at)).collect();
    assert_eq!(grants, [(AccessPolicy::ClusterAdmin, AccessScope::Cluster, None)]);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }
    for line in ["  accessEntryFile: /var/state/access-entries.yaml", "  backendMode: [AccessEntryFile, MountedFile]"] {
        assert!(said.stderr.lines().any(|told| told == line), "{line}: {}", said.stderr);
    }
    assert!(folder.path().join("cert.pem").exists());
}

#[test]
fn an_entry_file_that_is_there_is_never_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("access-entries.yaml");
    fs::write(&file, "mine").unwrap();
    let said = init(folder.path(), &["--bootstrap-admin", ADMIN]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.stderr.contains("is there already, and is not overwritten"), "{}", said.stderr);
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn who_can_have_no_entry_is_refused_before_anything_is_made() {
    let folder = tempfile::tempdir().unwrap();
    for arn in [
        "arn:aws:sts::111122223333:assumed-role/Break-glass/me",
        "Break-glass",
        "arn:aws:iam::111122223333:role/a\nitems: []",
        "",
    ] {
        let said = init(folder.path(), &["--bootstrap-admin", arn]);
        assert_eq!(said.code, Some(1), "{arn}: {said:?}");
        assert!(said.stderr.contains("--bootstrap-admin"), "{}", said.stderr);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "{arn}");
    }
}

#[test]
fn without_the_flag_no_entry_is_made() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(init(folder.path(), &[]).code, Some(0));
    assert!(!folder.path().join("access-entries.yaml").exists());
}
