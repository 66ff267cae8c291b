//! `add user` and `add role` against an API server: what is asked, what is written, and what is said when it is not.

use std::fs::{self, File};
use std::path::PathBuf;

use http::Method;
use iam_bridge::kubernetes::{AwsAuthError, AwsAuthMap, EditFault, IfMissing, KubeconfigFiles, connect_person};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::object_server::{AWS_AUTH, Manners, ObjectServer};
use crate::harness::process::{Said, iam_bridge, run};

const DEV: [&str; 8] = [
    "add",
    "role",
    "--rolearn",
    "arn:aws:iam::111122223333:role/Dev",
    "--username",
    "dev:{{SessionName}}",
    "--groups",
    "devs,ops",
];
const BOB: [&str; 8] =
    ["add", "user", "--userarn", "arn:aws:iam::111122223333:user/bob", "--username", "bob", "--groups", "devs"];
const OLD: &str =
    "# ours\n- rolearn: arn:aws:iam::111122223333:role/Node # nodes\n  username: node\n  groups: [ 'nodes' ]\n";
const NEW: &str = "- groups:\n  - devs\n  - ops\n  rolearn: arn:aws:iam::111122223333:role/Dev\n  username: \"dev:{{SessionName}}\"\n";

/// An API server, and a folder with its kubeconfig.
struct Place {
    server: ObjectServer,
    folder: TempDir,
    kubeconfig: PathBuf,
}

impl Place {
    async fn new() -> Self {
        let (server, folder) = (ObjectServer::start().await, tempfile::tempdir().unwrap());
        let kubeconfig = server.kubeconfig(folder.path());
        Self { server, folder, kubeconfig }
    }

    fn put(&self, data: &Value) {
        let metadata = json!({"name": "aws-auth", "namespace": "kube-system", "labels": {"a": "b"}, "managedFields": [{"manager": "x"}]});
        self.server.put(AWS_AUTH, json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data, "binaryData": {"x": "AA=="}}));
    }

    fn object(&self) -> Option<Value> {
        self.server.objects(AWS_AUTH).into_iter().find(|object| object["metadata"]["name"] == "aws-auth")
    }

    /// Runs the binary with this kubeconfig, and `answer` on its standard input.
    fn add(&self, words: &[&str], more: &[&str], answer: &str) -> Said {
        let input = self.folder.path().join("answer");
        fs::write(&input, answer).unwrap();
        let mut command = iam_bridge();
        command.args(words).args(more).arg("--kubeconfig").arg(&self.kubeconfig);
        tokio::task::block_in_place(|| run(command.stdin(File::open(&input).unwrap())))
    }

    async fn map(&self) -> AwsAuthMap {
        let files = KubeconfigFiles { paths: vec![self.kubeconfig.clone()], named: true };
        AwsAuthMap::new(connect_person(&files, None, None).await.unwrap())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_is_added_and_all_else_stays() {
    let place = Place::new().await;
    place.put(&json!({"mapRoles": OLD, "mapUsers": "``", "mapAccounts": "[]\n", "own": "x: [y"}));
    let said = place.add(&DEV, &["--prompt=false"], "");
    assert_eq!((said.code, said.stderr.as_str()), (Some(0), ""), "{}", said.stdout);
    assert!(said.stdout.starts_with("updated configmap:\n\napiVersion: v1\n"), "{}", said.stdout);
    assert!(said.stdout.contains("\n    # ours\n") && !said.stdout.contains("managedFields"), "{}", said.stdout);
    let object = place.object().unwrap();
    let expected = json!({"mapRoles": format!("{OLD}{NEW}"), "mapUsers": "``", "mapAccounts": "[]\n", "own": "x: [y"});
    assert_eq!(object["data"], expected);
    assert_eq!(object["binaryData"], json!({"x": "AA=="}));
    assert_eq!(object["metadata"]["labels"], json!({"a": "b"}));
    let put = place.server.requests().into_iter().find(|asked| asked.method == Method::PUT).unwrap();
    assert_eq!(put.query, "fieldManager=iam-bridge");
    assert_eq!(put.body["metadata"]["managedFields"], json!([{"manager": "x"}]));

    let said = place.add(&BOB, &["--prompt=false"], "");
    assert_eq!(said.code, Some(0), "{}", said.stdout);
    let users = "- groups:\n  - devs\n  userarn: arn:aws:iam::111122223333:user/bob\n  username: bob\n";
    assert_eq!(place.object().unwrap()["data"]["mapUsers"], users);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_written_before_a_yes() {
    let place = Place::new().await;
    place.put(&json!({"mapRoles": OLD}));
    let action = "add rolearn arn:aws:iam::111122223333:role/Dev, username dev:{{SessionName}}, groups [devs ops]";
    let question = format!("Ready to add \"{action}\", should we continue? [y/N]: ");
    for (answer, code, words) in [
        ("n\n", 0, format!("cancelled \"{action}\"\n")),
        ("\n", 0, format!("cancelled \"{action}\"\n")),
        ("yes please\n", 0, format!("cancelled \"{action}\"\n")),
        ("", 1, "error reading input: EOF\n".to_owned()),
        ("y", 1, "error reading input: EOF\n".to_owned()),
    ] {
        let said = place.add(&DEV, &[], answer);
        assert_eq!((said.code, said.stdout), (Some(code), format!("{question}{words}")), "{answer:?}");
    }
    assert_eq!(place.server.requests().len(), 0, "nobody was asked");
    for (number, answer) in ["y\n", "YES \r\n"].into_iter().enumerate() {
        let role = format!("arn:aws:iam::111122223333:role/R{number}");
        let said =
            place.add(&["add", "role", "--rolearn", &role, "--username", "r", "--groups", "g"], &["--prompt"], answer);
        assert_eq!(said.code, Some(0), "{}", said.stdout);
        assert!(said.stdout.contains("[y/N]: updated configmap:"), "{}", said.stdout);
        assert!(place.object().unwrap()["data"]["mapRoles"].as_str().unwrap().contains(&role));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_permission_set_is_added_with_its_partition() {
    let place = Place::new().await;
    place.put(&json!({}));
    let sso = |value: &str| {
        place.add(&["add", "role", "--sso", value, "--username", "v", "--groups", "g"], &["--prompt=false"], "")
    };
    let said = sso("permissionSetName=View,accountID=012345678901,partition=aws-us-gov");
    assert_eq!(said.code, Some(0), "{}", said.stdout);
    let roles = "- groups:\n  - g\n  sso:\n    accountID: \"012345678901\"\n    partition: aws-us-gov\n    permissionSetName: View\n  username: v\n";
    assert_eq!(place.object().unwrap()["data"], json!({"mapRoles": roles}));
    let again = sso("permissionSetName=view,accountID=012345678901,partition=aws-us-gov");
    assert_eq!(again.code, Some(1));
    assert!(again.stdout.starts_with("cannot add duplicate role ARN \"arn:aws-us-gov:iam::012345678901:role/AWSReservedSSO_view_*\": kube-system/aws-auth/mapRoles:1 names"), "{}", again.stdout);
    let other = sso("permissionSetName=View,accountID=012345678901");
    assert_eq!(other.code, Some(0), "another partition: {}", other.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_typed_wrong_is_said_as_the_reference_says_it() {
    let place = Place::new().await;
    let role = "arn:aws:iam::111122223333:role/Dev";
    for (words, expected) in [
        (&["user"][..], "invalid empty value in userARN \"\", username \"\", groups []\n"),
        (
            &["user", "--userarn", "a", "--groups", "b,c"],
            "invalid empty value in userARN \"a\", username \"\", groups [\"b\" \"c\"]\n",
        ),
        (
            &["role", "--username", "u", "--groups", "g"],
            "invalid empty value in rolearn \"\", username \"u\", groups [\"g\"]\n",
        ),
        (
            &["role", "--rolearn", role, "--username", "u"],
            "invalid empty value in rolearn \"arn:aws:iam::111122223333:role/Dev\", username \"u\", groups []\n",
        ),
        (
            &["role", "--rolearn", role, "--sso", "accountID=1", "--username", "u", "--groups", "g"],
            "only one of --rolearn or --sso can be supplied\n",
        ),
        (
            &["role", "--sso", "accountID=111122223333", "--username", "u", "--groups", "g"],
            "required key 'permissionSetName' missing from --sso flag\n",
        ),
        (
            &["role", "--sso", "permissionSetName=View", "--username", "u", "--groups", "g"],
            "required key 'accountID' missing from --sso flag\n",
        ),
        (
            &["role", "--sso", "permissionSetName=View,accountID=1", "--username", "u", "--groups", "g"],
            "error validating --sso: ",
        ),
        (
            &["role", "--sso", "permissionSetName=View,partitions=aws", "--username", "u", "--groups", "g"],
            "`partitions` is no key of --sso",
        ),
        (
            &["role", "--sso", "View", "--username", "u", "--groups", "g"],
            "`View` of --sso must be written as key=value",
        ),
        (
            &["role", "--rolearn", "Dev", "--username", "u", "--groups", "g"],
            "`Dev` does not begin with `arn:`; write it as `arn:aws:iam::111122223333:role/NAME`",
        ),
        (
            &["role", "--rolearn", "arn:aws:sts::111122223333:assumed-role/Dev/al", "--username", "u", "--groups", "g"],
            "`arn:aws:sts::111122223333:assumed-role/Dev/al` is a session, and aws-auth names roles: no caller would match; give --rolearn arn:aws:iam::111122223333:role/Dev\n",
        ),
        (
            &["role", "--rolearn", role, "--username", "u", "--groups", "g", "--not-after", "May"],
            "`May` is no RFC 3339 date-time",
        ),
    ] {
        let said = place.add(&["add"], words, "y\n");
        assert_eq!(said.code, Some(1), "{words:?}: {said:?}");
        assert!(
            if expected.ends_with('\n') { said.stdout == expected } else { said.stdout.starts_with(expected) },
            "{words:?}: {said:?}"
        );
    }
    assert_eq!(place.server.requests().len(), 0);
    place.put(&json!({}));
    let path = "arn:aws:iam::111122223333:role/team/Dev";
    let said =
        place.add(&["add", "role", "--rolearn", path, "--username", "u", "--groups", "g", "--prompt=false"], &[], "");
    assert_eq!(said.code, Some(0), "as the reference: {said:?}");
    assert!(said.stderr.starts_with("warning: ") && said.stderr.contains("matches nobody"), "{}", said.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_prints_what_would_be_and_writes_nothing() {
    let place = Place::new().await;
    place.put(&json!({"mapRoles": OLD}));
    let said = place.add(&DEV, &["--dry-run"], "");
    assert_eq!((said.code, said.stderr.as_str()), (Some(0), "nothing was written; this would be:\n"));
    let object: Value = serde_saphyr::from_str(&said.stdout).unwrap();
    assert_eq!(object["data"]["mapRoles"], format!("{OLD}{NEW}"));
    assert_eq!(object["metadata"]["resourceVersion"], place.object().unwrap()["metadata"]["resourceVersion"]);
    assert_eq!(place.object().unwrap()["data"]["mapRoles"], OLD);
    assert!(place.server.requests().iter().all(|asked| !asked.writes()));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_map_is_made_with_create_alone() {
    let place = Place::new().await;
    for more in [&["--prompt=false"][..], &["--dry-run"]] {
        let said = place.add(&DEV, more, "");
        assert_eq!((said.code, said.stdout.as_str()), (Some(1), "the ConfigMap kube-system/aws-auth does not exist\n"));
        assert!(said.stderr.starts_with("hint: ") && said.stderr.contains("--create"), "{}", said.stderr);
    }
    let said = place.add(&DEV, &["--create", "--dry-run"], "");
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(place.object().is_none());
    let said = place.add(&DEV, &["--create", "--prompt=false"], "");
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!(place.object().unwrap()["data"], json!({"mapRoles": NEW}));
    let said = place.add(&BOB, &["--create", "--prompt=false"], "");
    assert_eq!(said.code, Some(0), "what is there is kept: {said:?}");
    assert_eq!(place.object().unwrap()["data"]["mapRoles"], NEW);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_cannot_be_edited_is_told_with_its_place() {
    let place = Place::new().await;
    for (roles, words) in [
        ("- rolearn: a\n---\n- rolearn: b\n", "kube-system/aws-auth/mapRoles:2:1: second-document: mapRoles: "),
        (
            "rolearn: a\n",
            "kube-system/aws-auth/mapRoles:1:1: bad-type: mapRoles: a map stands where the list of entries belongs; begin each entry with `- `\n",
        ),
    ] {
        place.put(&json!({"mapRoles": roles}));
        let said = place.add(&DEV, &["--prompt=false"], "");
        assert_eq!(said.code, Some(1), "{said:?}");
        assert!(said.stdout.starts_with(words), "{said:?}");
        assert!(said.stderr.starts_with("hint: nothing was written; lines are those of mapRoles"), "{said:?}");
        assert_eq!(place.object().unwrap()["data"]["mapRoles"], roles);
    }
    // What others wrote badly stands in nobody's way, and is told.
    place.put(&json!({"mapRoles": "- rolearn: a\n  username: b\n  userid: ''\n"}));
    let said = place.add(&DEV, &["--prompt=false"], "");
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.stderr.starts_with("warning: kube-system/aws-auth/mapRoles:3:"), "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_api_server_says_comes_with_a_cure() {
    let place = Place::new().await;
    place.put(&json!({"mapRoles": OLD}));
    let refuse = |code| Manners { refuse: Some(code), ..Manners::default() };
    for (manners, words, cure) in [
        (refuse(401), "the API server does not know who we are (401): ", "iam-bridge doctor"),
        (
            refuse(403),
            "the API server refuses the right to get the ConfigMap kube-system/aws-auth (403): ",
            "kubectl auth can-i get configmaps/aws-auth --namespace kube-system",
        ),
        (
            refuse(500),
            "the API server does not get the ConfigMap kube-system/aws-auth (500): ",
            "kubectl get configmap aws-auth",
        ),
        (
            Manners { refuse_writes: Some(403), ..Manners::default() },
            "the API server refuses the right to update the ConfigMap kube-system/aws-auth (403): ",
            "deploy/rbac-add.yaml",
        ),
        (Manners { away: true, ..Manners::default() }, "the API server cannot be reached: ", "--kubeconfig"),
    ] {
        place.server.behave(manners.clone());
        let said = place.add(&DEV, &["--prompt=false"], "");
        assert_eq!(said.code, Some(1), "{manners:?}");
        assert!(said.stdout.starts_with(words) && said.stdout.lines().count() == 1, "{manners:?}: {said:?}");
        assert!(said.stderr.starts_with("hint: ") && said.stderr.contains(cure), "{manners:?}: {said:?}");
    }
    place.server.behave(Manners::default());
    assert_eq!(place.object().unwrap()["data"]["mapRoles"], OLD);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cluster_is_found_as_kubectl_finds_it() {
    let place = Place::new().await;
    place.put(&json!({}));
    let home = place.folder.path();
    fs::create_dir(home.join(".kube")).unwrap();
    let whole = fs::read_to_string(&place.kubeconfig).unwrap();
    fs::write(home.join(".kube/config"), &whole).unwrap();
    let (contexts, rest) = (home.join("contexts"), home.join("rest"));
    let (clusters, others) = whole.split_once("contexts:").unwrap();
    let (middle, users) = others.split_once("users:").unwrap();
    fs::write(&contexts, format!("apiVersion: v1\nkind: Config\ncurrent-context: fake\ncontexts:{middle}")).unwrap();
    fs::write(&rest, format!("{clusters}users:{users}")).unwrap();
    let both = std::env::join_paths([&contexts, &rest]).unwrap();
    let both = both.to_str().unwrap().to_owned();
    let (at_home, rest, url) = (home.to_str().unwrap(), rest.to_str().unwrap(), place.server.url());
    let updated = "updated configmap:";
    for (number, (home, variable, flags, expected)) in [
        (at_home, "", &[][..], updated),
        ("/nowhere", &both, &[], updated),
        (at_home, "", &["--master-url", &url, "--kubeconfig-context", "fake"], updated),
        (
            at_home,
            "",
            &["--kubeconfig", rest, "--kubeconfig-context", "fake"],
            "context `fake` is not in the kubeconfig",
        ),
        (at_home, "", &["--kubeconfig-context", "other"], "context `other` is not in the kubeconfig; it holds `fake`"),
        ("/nowhere", "", &[], "there is no kubeconfig, and this is no pod of a cluster\n"),
    ]
    .into_iter()
    .enumerate()
    {
        let arn = format!("arn:aws:iam::111122223333:user/u{number}");
        let mut command = iam_bridge();
        command.env("HOME", home).env("KUBECONFIG", variable).args(["add", "--prompt=false"]).args(flags);
        command.args(["user", "--userarn", &arn, "--username", "u", "--groups", "g"]);
        let said = tokio::task::block_in_place(|| run(&mut command));
        assert!(said.stdout.contains(expected), "{number}: {said:?}");
        assert_eq!(said.code, Some(i32::from(expected != updated)), "{number}: {said:?}");
    }
    let roles = place.object().unwrap()["data"]["mapUsers"].as_str().unwrap().matches("userarn").count();
    assert_eq!(roles, 3);
}

#[tokio::test]
async fn who_writes_in_between_loses_nothing() {
    let place = Place::new().await;
    place.put(&json!({"mapRoles": "0\n"}));
    let map = place.map().await;
    // A foreign writer comes between reading and writing, three times.
    let foreign = std::sync::atomic::AtomicU32::new(0);
    let edited = map
        .edit("mapRoles", IfMissing::Refuse, |value| {
            let turn = foreign.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            if turn < 3 {
                place.put(&json!({"mapRoles": format!("{}f{turn}\n", value.unwrap()), "foreign": "kept"}));
            }
            Ok::<_, String>(format!("{}ours\n", value.unwrap()))
        })
        .await
        .unwrap();
    assert_eq!(edited.value("mapRoles"), Some("0\nf0\nf1\nf2\nours\n"));
    assert_eq!(place.object().unwrap()["data"], json!({"mapRoles": "0\nf0\nf1\nf2\nours\n", "foreign": "kept"}));

    // Deleted in between, it is not made again unasked; made in between, it is not overwritten.
    let deleted = map.edit("mapRoles", IfMissing::Refuse, |_| {
        if place.object().is_some() {
            place.server.delete(AWS_AUTH, "aws-auth");
        }
        Ok::<_, String>("x".to_owned())
    });
    assert_eq!(deleted.await, Err(EditFault::Map(AwsAuthError::NotFound)));
    let made = map.edit("mapUsers", IfMissing::Create, |_| {
        if place.object().is_none() {
            place.put(&json!({"mapRoles": "theirs"}));
        }
        Ok::<_, String>("ours".to_owned())
    });
    made.await.unwrap();
    assert_eq!(place.object().unwrap()["data"], json!({"mapRoles": "theirs", "mapUsers": "ours"}));

    // What the editor refuses is not written.
    let refused = map.edit("mapUsers", IfMissing::Refuse, |_| Err::<String, _>("no".to_owned()));
    assert_eq!(refused.await, Err(EditFault::Refused("no".to_owned())));
}
