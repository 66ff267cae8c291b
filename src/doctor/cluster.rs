//! Checks 8 to 10: the API server answers, knows us, and lets us do something.

use std::collections::BTreeMap;

use super::Check;
use super::finding::Finding;
use super::keys::AtAws;
use super::refusal;
use super::scene::Scene;
use crate::clock::Clock;
use crate::get_token::{self, Keys};
use crate::kubernetes::{Client, Context, KubernetesError, Subject};
use crate::token::ClusterId;

/// Names of the checks, in order.
pub(super) const NAMES: [&str; 3] = ["api-server", "identity", "permissions"];

/// Most other cluster ids that are tried after a 401.
const MOST_TRIED: usize = 4;

/// The checks.
pub(super) async fn checks(scene: &Scene<'_>, at_aws: &AtAws, keys: Option<&Keys>, clock: &Clock) -> [Check; 3] {
    let [_, identity, permissions] = NAMES;
    let context = match (scene.context(), scene.why_no_context()) {
        (Some(context), _) => context,
        (None, why) => return NAMES.map(|name| Check::skipped(name, why.unwrap_or_default())),
    };
    let (reached, is_reached) = reach(context).await;
    let why_not = match (is_reached, &at_aws.signed, &scene.cluster_id) {
        (false, ..) => Some("the API server cannot be asked; see check `api-server`"),
        (_, None, _) => Some("there is no token to ask with"),
        (.., None) => Some("it is not known for which cluster id a token has to be made; give --cluster-id"),
        _ if at_aws.is_refused => Some("the token is good nowhere; see check `token`"),
        _ => None,
    };
    let (None, Some(token), Some(cluster_id)) = (why_not, &at_aws.signed, &scene.cluster_id) else {
        let why = why_not.unwrap_or_default();
        return [reached, Check::skipped(identity, why), Check::skipped(permissions, why)];
    };
    let client = match Client::new(context, Some(token)) {
        Ok(client) => client,
        Err(error) => {
            let why = error.to_string();
            return [reached, Check::skipped(identity, &why), Check::skipped(permissions, &why)];
        }
    };
    let mut known = Finding::new(identity);
    match client.review_self().await {
        Ok(subject) => {
            judge_subject(&mut known, &subject, at_aws);
            let permissions = allowed(&client, context, &subject).await;
            [reached, known.end(), permissions]
        }
        Err(KubernetesError::Unauthorized { .. }) => {
            let other = match keys {
                Some(keys) => other_cluster_id(context, cluster_id, keys, clock).await,
                None => None,
            };
            refusal::explain(&mut known, scene, at_aws, cluster_id, other.as_ref());
            [reached, known.end(), Check::skipped(permissions, "the API server knows nobody by this token")]
        }
        Err(KubernetesError::Refused { status: 404, .. }) => {
            known.warn(
                "the API server is older than Kubernetes 1.27 and does not tell whom it takes us for",
                "`kubectl auth can-i --list`",
            );
            let permissions = allowed(&client, context, &Subject::default()).await;
            [reached, known.end(), permissions]
        }
        Err(error) => {
            known.bad(error.to_string(), "see the API server's log");
            [reached, known.end(), Check::skipped(permissions, "it is not known who we are there")]
        }
    }
}

/// Check 8, as nobody: a wrong certificate gets no token to see.
async fn reach(context: &Context) -> (Check, bool) {
    let mut finding = Finding::new("api-server");
    let asked = match Client::new(context, None) {
        Ok(client) => client.version().await.map(|version| (client, version)),
        Err(error) => Err(error),
    };
    let is_reached = match asked {
        Ok((client, version)) => {
            let version = version
                .map_or_else(|| "its version is not for nobody".to_owned(), |version| format!("Kubernetes {version}"));
            finding.good(format!("`{}` answers, {version}", client.server()));
            let cluster = context.cluster.cluster.as_ref();
            if client.server().starts_with("http://") {
                finding.warn(
                    "it is reached without TLS: tokens travel in the clear",
                    "use an https URL in the kubeconfig",
                );
            } else if cluster.is_some_and(|cluster| cluster.insecure_skip_tls_verify.unwrap_or_default()) {
                finding.warn(
                    "insecure-skip-tls-verify is set: whoever is in between gets the token",
                    "put the CA into the kubeconfig: `iam-bridge kubeconfig --eks NAME`, or --server with --certificate-authority",
                );
            }
            true
        }
        Err(error) => {
            finding.bad(error.to_string(), unreached(&error));
            false
        }
    };
    (finding.end(), is_reached)
}

fn unreached(error: &KubernetesError) -> &'static str {
    match error {
        KubernetesError::Unusable { .. } => "mend the cluster entry of the kubeconfig",
        KubernetesError::Untrusted { .. } => {
            "take certificate-authority-data from the cluster again: `iam-bridge kubeconfig --eks NAME`; behind a proxy that opens TLS, add its CA"
        }
        KubernetesError::Unreachable { .. } => {
            "check the server's URL, VPN, proxy variables (proxy-url, NO_PROXY) and, for EKS, endpoint access"
        }
        KubernetesError::Unauthorized { .. } | KubernetesError::Refused { .. } => {
            "check that the kubeconfig's server is a Kubernetes API server, and its health"
        }
    }
}

fn judge_subject(finding: &mut Finding, subject: &Subject, at_aws: &AtAws) {
    if subject.username == "system:anonymous" {
        return finding.bad(
            "the API server takes us for nobody: it passes over the token",
            "check proxies that drop the Authorization header",
        );
    }
    finding.good(format!("user `{}`, groups {}", subject.username, listed(&subject.groups)));
    let there = extra(&subject.extra, "canonicalArn");
    if let (Some(there), Some(here)) = (there, &at_aws.identity)
        && !there.eq_ignore_ascii_case(here.canonical_arn().as_str())
    {
        finding.warn(
            format!("the cluster takes the token for `{there}`, STS for `{}`", here.canonical_arn()),
            "look at the cluster's authenticator and its clock",
        );
    }
}

/// Check 10.
async fn allowed(client: &Client, context: &Context, subject: &Subject) -> Check {
    let mut finding = Finding::new("permissions");
    let namespace = context.namespace.as_deref().unwrap_or("default");
    match client.review_rules(namespace).await {
        Ok(permissions) => {
            let more = if permissions.incomplete { ", and an authorizer that does not tell" } else { "" };
            match permissions.rules {
                0 if !permissions.incomplete => finding.warn(
                    format!("authenticated, but without any permission in namespace `{namespace}`"),
                    bind(subject, namespace),
                ),
                rules => finding.good(format!("{rules} rules in namespace `{namespace}`{more}")),
            }
        }
        Err(error) => finding.warn(error.to_string(), "`kubectl auth can-i --list`"),
    }
    finding.end()
}

fn bind(subject: &Subject, namespace: &str) -> String {
    let ours = subject.groups.iter().find(|group| !group.starts_with("system:"));
    let (kind, name) = match ours {
        Some(group) => ("group", group.as_str()),
        None => ("user", subject.username.as_str()),
    };
    format!(
        "an administrator runs `kubectl create rolebinding NAME --clusterrole=view --{kind}={name} --namespace={namespace}`"
    )
}

/// Another id that the server accepts: people write the cluster's ARN where its name is meant, and the other way round.
///
/// Only names that the kubeconfig gives this cluster are tried, so that no server sees a token for somebody else's.
async fn other_cluster_id(context: &Context, tried: &ClusterId, keys: &Keys, clock: &Clock) -> Option<ClusterId> {
    for id in variants(context, tried).into_iter().take(MOST_TRIED) {
        let signed = get_token::sign(&keys.credentials, &keys.endpoint, &id, clock.now()).ok()?;
        let client = Client::new(context, Some(&signed.token)).ok()?;
        match client.review_self().await {
            Ok(_) => return Some(id),
            Err(KubernetesError::Unauthorized { .. }) => {}
            Err(_) => return None,
        }
    }
    None
}

fn variants(context: &Context, tried: &ClusterId) -> Vec<ClusterId> {
    let mut found: Vec<ClusterId> = Vec::new();
    for name in [tried.as_str(), &context.cluster.name, &context.name] {
        // arn:aws:eks:REGION:ACCOUNT:cluster/NAME, and eksctl's NAME.REGION.eksctl.io
        let short = name.rsplit_once(":cluster/").map(|(_, name)| name);
        let short = short.or_else(|| name.strip_suffix(".eksctl.io").and_then(|rest| Some(rest.rsplit_once('.')?.0)));
        for id in short.into_iter().chain([name]).filter_map(|id| ClusterId::parse(id).ok()) {
            if id != *tried && !found.contains(&id) {
                found.push(id);
            }
        }
    }
    found
}

fn extra<'e>(extra: &'e BTreeMap<String, Vec<String>>, key: &str) -> Option<&'e str> {
    let found = extra.iter().find(|(name, _)| name.eq_ignore_ascii_case(key));
    found.and_then(|(_, values)| values.first()).map(String::as_str)
}

fn listed(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    if quoted.is_empty() { "none".to_owned() } else { quoted.join(", ") }
}
