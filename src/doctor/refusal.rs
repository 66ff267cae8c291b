//! A token that STS takes and the cluster does not: why that may be, likeliest first, and what to paste where.

use super::Snippet;
use super::finding::Finding;
use super::keys::AtAws;
use super::scene::Scene;
use crate::iam::{CanonicalArn, PrincipalKind};
use crate::token::ClusterId;

/// Says why the API server may answer 401. `other` is a cluster id with which it does not.
pub(super) fn explain(
    finding: &mut Finding,
    scene: &Scene<'_>,
    at_aws: &AtAws,
    cluster_id: &ClusterId,
    other: Option<&ClusterId>,
) {
    if let Some(other) = other {
        return finding.bad(
            format!("the API server does not accept a token for cluster id `{cluster_id}`, but one for `{other}`"),
            format!("write `--cluster-id {other}` into the args of the exec entry"),
        );
    }
    let seen = "the API server does not accept the token (401)";
    let kinds = format!(
        "the cluster id is not `{cluster_id}`: compare with `clusterID` of the server's config, or the name of the EKS cluster"
    );
    let webhook = "the API server asks no webhook, or one that takes no presigned tokens: look at \
                   --authentication-token-webhook-config-file and the authenticator's log"
        .to_owned();
    let Some(identity) = &at_aws.identity else {
        finding.bad(seen, "see check `token`: it is not known whether STS takes it");
        return finding.causes(vec!["STS does not take the token".to_owned(), kinds, webhook]);
    };
    let arn = identity.canonical_arn();
    finding.bad(
        format!("{seen}; STS knows it as `{arn}`"),
        format!("map `{arn}` in the cluster: paste one of these, with groups that it is to have"),
    );
    finding.causes(vec![format!("no mapping of the cluster names `{arn}`"), kinds, webhook]);
    let region = scene.keys.as_ref().ok().and_then(|keys| keys.region.as_deref());
    finding.snippets(snippets(arn, cluster_id, region));
}

fn snippets(arn: &CanonicalArn, cluster_id: &ClusterId, region: Option<&str>) -> Vec<Snippet> {
    let name = arn.name();
    let is_role = matches!(arn.kind(), PrincipalKind::Role | PrincipalKind::AssumedRole);
    let (place, key, username) = if is_role {
        (
            "ConfigMap aws-auth in kube-system, or the server's config: mapRoles",
            "rolearn",
            format!("{name}:{{{{SessionName}}}}"),
        )
    } else {
        ("ConfigMap aws-auth in kube-system, or the server's config: mapUsers", "userarn", name.to_owned())
    };
    let cluster = cluster_id.as_str().rsplit_once(":cluster/").map_or(cluster_id.as_str(), |(_, name)| name);
    let region = region.map(|region| format!(" --region {region}")).unwrap_or_default();
    let mut snippets = vec![
        Snippet { place, text: format!("- {key}: {arn}\n  username: \"{username}\"\n  groups: [GROUP]\n") },
        Snippet {
            place: "IAMIdentityMapping, with backend mode CRD",
            text: format!(
                "apiVersion: iamauthenticator.k8s.aws/v1alpha1\nkind: IAMIdentityMapping\nmetadata:\n  name: {}\n\
                 spec:\n  arn: {arn}\n  username: \"{username}\"\n  groups: [GROUP]\n",
                object_name(name)
            ),
        },
    ];
    if arn.kind() != PrincipalKind::FederatedUser {
        snippets.push(Snippet {
            place: "EKS access entry; a role's ARN there is the one with its path",
            text: format!(
                "aws eks create-access-entry --cluster-name {cluster} --principal-arn {arn} --kubernetes-groups GROUP{region}\n"
            ),
        });
    }
    snippets
}

/// A name that Kubernetes takes: lower case, digits, `-` and `.`, and none of the latter at an end.
fn object_name(name: &str) -> String {
    let letter = |letter: char| match letter.to_ascii_lowercase() {
        letter @ ('a'..='z' | '0'..='9' | '-' | '.') => letter,
        _ => '-',
    };
    let name: String = name.chars().map(letter).collect();
    name.trim_matches(['-', '.']).to_owned()
}
