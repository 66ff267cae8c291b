//! Asks of users about where mappings come from: a bad edit locks nobody out, and a principal that was made again under an
//! old name is somebody else.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use http::Method;
use iam_bridge::clock::Clock;
use iam_bridge::demo::Webhook;
use iam_bridge::demo::sts::Principal;
use iam_bridge::mapping::SourceKind;
use iam_bridge::telemetry::log::{Format, Lines};
use secrecy::SecretString;
use serde_json::{Value, json};
use tracing::level_filters::LevelFilter;

use crate::harness::bridge::Bridge;
use crate::harness::object_server::{ACCESS_ENTRIES, AWS_AUTH, IDENTITY_MAPPINGS, ObjectServer};
use crate::harness::process::{iam_bridge, run};

const ADMIN: &str = "- rolearn: arn:aws:iam::111122223333:role/Admin
  username: admin
  groups: [people]
";

const BREAK_GLASS: &str = "  mapRoles:
  - rolearn: arn:aws:iam::111122223333:role/BreakGlass
    username: break-glass
    reason: when aws-auth is gone
";

/// A change is seen within 2 s; a test may have to share its machine.
const SEEN: Duration = Duration::from_secs(60);

fn aws_auth(roles: &str) -> Value {
    json!({"metadata": {"name": "aws-auth", "namespace": "kube-system"}, "data": {"mapRoles": roles}})
}

/// A server in this process that takes mappings from `modes`, of which some live at `api`, and access entries from
/// `entries.json` of the folder.
pub(super) async fn bridge(
    api: &ObjectServer,
    folder: &Path,
    modes: &[SourceKind],
    config: &str,
    clock: Clock,
) -> Bridge {
    let kubeconfig = api.kubeconfig(folder);
    Bridge::start_with(config, clock, |settings| {
        settings.sources.backend_modes = modes.to_vec();
        settings.sources.cluster.kubeconfig = Some(kubeconfig);
        settings.sources.access_entry_file = Some(folder.join("entries.json"));
    })
    .await
}

/// The user a token stands for, or what is said against it.
pub(super) async fn judge(webhook: &mut Webhook, token: &SecretString) -> Result<String, String> {
    let answer = webhook.review(token).await.unwrap();
    match answer.text("/status/user/username") {
        Some(username) => Ok(username),
        None => Err(answer.text("/status/error").unwrap_or_default()),
    }
}

pub(super) async fn until_judged(webhook: &mut Webhook, token: &SecretString, wanted: Result<&str, &str>) {
    let began = Instant::now();
    loop {
        let judged = judge(webhook, token).await;
        if judged.as_deref().map_err(String::as_str) == wanted {
            return;
        }
        assert!(began.elapsed() < SEEN, "still {judged:?}");
        tokio::task::yield_now().await;
    }
}

async fn metric(webhook: &mut Webhook, member: &str) -> f64 {
    let answer = webhook.send(Method::GET, "/metrics", "").await.unwrap();
    let text = String::from_utf8(answer.body.to_vec()).unwrap();
    let value = text.lines().find_map(|line| line.strip_prefix(member)?.strip_prefix(' ')?.parse().ok());
    value.unwrap_or_default()
}

async fn until_stale(webhook: &mut Webhook, wanted: f64) {
    let began = Instant::now();
    while metric(webhook, "iam_bridge_source_stale{source=\"EKSConfigMap\"}").await != wanted {
        assert!(began.elapsed() < SEEN, "the gauge is not {wanted}");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn u1_a_tab_in_aws_auth_locks_nobody_out_and_without_the_map_the_mounted_file_is_the_way_in() {
    let log: Arc<Mutex<Vec<u8>>> = Arc::default();
    let kept = Arc::clone(&log);
    let keep = move |line: &[u8]| kept.lock().unwrap().extend_from_slice(line);
    let _guard = tracing::subscriber::set_default(Lines::new(Format::Text, LevelFilter::INFO, Clock::system(), keep));
    let lines_with = |words: &str| {
        let text = String::from_utf8(log.lock().unwrap().clone()).unwrap();
        text.lines().filter(|line| line.contains(words)).map(str::to_owned).collect::<Vec<_>>()
    };
    let (api, folder) = (ObjectServer::start().await, tempfile::tempdir().unwrap());
    api.put(AWS_AUTH, aws_auth(ADMIN));
    let (clock, hand) = Clock::manual(Clock::system().now());
    let modes = [SourceKind::EksConfigMap, SourceKind::MountedFile];
    let bridge = bridge(&api, folder.path(), &modes, BREAK_GLASS, clock).await;
    let mut webhook = bridge.connect().await;
    let (admin, saviour) = (bridge.introduce("Admin", "ada"), bridge.introduce("BreakGlass", "bob"));
    until_judged(&mut webhook, &bridge.token(&admin), Ok("admin")).await;
    until_stale(&mut webhook, 0.0).await;

    api.put(AWS_AUTH, aws_auth(&ADMIN.replace("  username", "\tusername")));
    until_stale(&mut webhook, 1.0).await;
    for minute in 0..=10 {
        let judged = judge(&mut webhook, &bridge.token(&admin)).await;
        assert_eq!(judged.as_deref(), Ok("admin"), "after {minute} min");
        hand.advance(60);
    }
    until_stale(&mut webhook, 1.0).await;
    let told = lines_with("the last good mappings stay");
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("aws-auth") && told[0].contains("mapRoles") && told[0].contains(":2:"), "{}", told[0]);

    api.put(AWS_AUTH, aws_auth(&ADMIN.replace("username: admin", "username: mended")));
    until_judged(&mut webhook, &bridge.token(&admin), Ok("mended")).await;
    until_stale(&mut webhook, 0.0).await;
    assert_eq!(lines_with("the source is good again").len(), 1);

    api.delete(AWS_AUTH, "aws-auth");
    until_judged(&mut webhook, &bridge.token(&admin), Err("not_mapped")).await;
    let uses = "iam_bridge_source_uses_total{source=\"MountedFile\"}";
    assert_eq!(metric(&mut webhook, uses).await, 0.0, "nobody needed it so far");
    assert_eq!(judge(&mut webhook, &bridge.token(&saviour)).await.as_deref(), Ok("break-glass"));
    assert_eq!(metric(&mut webhook, uses).await, 1.0);
}

#[test]
fn u1_check_names_the_line_of_the_tab_and_shows_what_a_good_map_does() {
    let folder = tempfile::tempdir().unwrap();
    let map = |roles: &str| {
        let roles = roles.lines().map(|line| format!("    {line}\n")).collect::<String>();
        format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: aws-auth\n  namespace: kube-system\ndata:\n  mapRoles: |\n{roles}"
        )
    };
    let (good, bad) = (folder.path().join("good.yaml"), folder.path().join("bad.yaml"));
    std::fs::write(&good, map(ADMIN)).unwrap();
    std::fs::write(&bad, map(&ADMIN.replace("  username", "\tusername"))).unwrap();
    let said = run(iam_bridge().arg("check").arg(&bad));
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(format!("{}{}", said.stdout, said.stderr).contains("bad.yaml:9:"), "file, line and column: {said:?}");
    let said = run(iam_bridge().arg("check").arg(&good));
    assert_eq!(said.code, Some(0), "{said:?}");
    for words in ["arn:aws:iam::111122223333:role/", "admin", "people"] {
        assert!(said.stdout.contains(words), "{words}: {said:?}");
    }
}

/// Puts the role `Pinned` into one source, for a principal of one id alone.
type Pin<'t> = Box<dyn Fn(&str) + 't>;

#[tokio::test]
async fn u9_a_principal_made_again_under_the_old_name_is_refused_until_its_new_id_is_pinned() {
    let (api, folder) = (ObjectServer::start().await, tempfile::tempdir().unwrap());
    api.open(IDENTITY_MAPPINGS);
    api.open(ACCESS_ENTRIES);
    let arn = "arn:aws:iam::111122223333:role/Pinned";
    for source in [
        SourceKind::AccessEntry,
        SourceKind::AccessEntryFile,
        SourceKind::Crd,
        SourceKind::EksConfigMap,
        SourceKind::MountedFile,
    ] {
        let bridge = bridge(&api, folder.path(), &[source], "", Clock::system()).await;
        let pin: Pin<'_> = match source {
            SourceKind::EksConfigMap => Box::new(|id| {
                api.put(AWS_AUTH, aws_auth(&format!("- rolearn: {arn}\n  username: pinned\n  userid: {id}\n")));
            }),
            SourceKind::Crd => Box::new(|id| {
                api.put(
                    IDENTITY_MAPPINGS,
                    json!({
                        "apiVersion": "iamauthenticator.k8s.aws/v1alpha1", "kind": "IAMIdentityMapping",
                        "metadata": {"name": "pinned"}, "spec": {"arn": arn, "username": "pinned", "userid": id},
                    }),
                );
            }),
            SourceKind::AccessEntry => Box::new(|id| {
                api.put(ACCESS_ENTRIES, entry("pinned", &pinned_entry(id)));
            }),
            SourceKind::AccessEntryFile => {
                Box::new(|id| write_entries(folder.path(), &[entry("pinned", &pinned_entry(id))]))
            }
            _ => Box::new(|id| {
                bridge.rewrite_config(&format!(
                    "  mapRoles:\n  - rolearn: {arn}\n    username: pinned\n    userid: {id}\n"
                ));
            }),
        };
        let mut webhook = bridge.connect().await;
        let (old, new) = (bridge.introduce("Pinned", "pia"), bridge.introduce("Pinned", "pia"));
        assert_eq!(old.arn, new.arn);
        pin(id_of(&old));
        until_judged(&mut webhook, &bridge.token(&old), Ok("pinned")).await;
        let judged = judge(&mut webhook, &bridge.token(&new)).await;
        assert_eq!(judged.as_deref().map_err(String::as_str), Err("unique_id_mismatch"), "{source}");

        pin(id_of(&new));
        until_judged(&mut webhook, &bridge.token(&new), Ok("pinned")).await;
        let judged = judge(&mut webhook, &bridge.token(&old)).await;
        assert_eq!(judged.as_deref().map_err(String::as_str), Err("unique_id_mismatch"), "{source}");
    }
}

fn pinned_entry(id: &str) -> Value {
    json!({"principalArn": "arn:aws:iam::111122223333:role/Pinned", "username": "pinned", "principalId": id})
}

/// An `AccessEntry` as an object.
pub(super) fn entry(name: &str, spec: &Value) -> Value {
    json!({"apiVersion": "iam-bridge.dev/v1alpha1", "kind": "AccessEntry", "metadata": {"name": name}, "spec": spec})
}

/// Replaces the folder's file of access entries by renaming a new one over it.
pub(super) fn write_entries(folder: &Path, items: &[Value]) {
    let list = json!({"apiVersion": "iam-bridge.dev/v1alpha1", "kind": "AccessEntryList", "items": items});
    std::fs::write(folder.join("entries.new"), list.to_string()).unwrap();
    std::fs::rename(folder.join("entries.new"), folder.join("entries.json")).unwrap();
}

fn id_of(principal: &Principal) -> &str {
    principal.user_id.split(':').next().unwrap()
}
