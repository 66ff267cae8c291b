//! One mapping as an access entry: what an entry can say, what it says otherwise, and what it cannot say.

use super::made::{How, Made, Refusal, Target, Usernames};
use super::standing::EVERYBODY;
use crate::iam::{CanonicalArn, PrincipalKind, SsoRole};
use crate::mapping::{
    AccessEntry, AccessEntryError, AccessEntryForm, AccessEntryRules, AccessEntryText, AccessEntryType,
    AssociationText, Entry, EntryText, Origin, Placeholder, Template,
};
use crate::rbac::AccessPolicy;

/// The group that bypasses RBAC.
const MASTERS: &str = "system:masters";
const NODES: &str = "system:nodes";
const WINDOWS: &str = "eks:kube-proxy-windows";
const PROXIER: &str = "system:node-proxier";
/// Begins the username of every node.
const NODE_PREFIX: &str = "system:node:";
/// Longest `reason` of an object.
const MAX_REASON: usize = 256;

/// How entries that we make are judged.
pub(super) const RULES: AccessEntryRules = AccessEntryRules { form: AccessEntryForm::File, cluster_account: None };

/// The entry that says what a mapping says.
pub(super) fn of_mapping(entry: &Entry, how: How) -> Result<Made, Refusal> {
    let text = entry.text();
    let (written, arn) = principal(&text)?;
    let mut made = Made::default();
    made.text.principal_arn = written;
    about_principal(&arn, how.target, &mut made)?;
    limits(&text, how.target, &mut made)?;
    let is_role = matches!(arn.kind(), PrincipalKind::Role | PrincipalKind::AssumedRole);
    if is_role && text.username.starts_with(NODE_PREFIX) {
        node(&text, &arn, &mut made)?;
    } else {
        groups(&text, &arn, &mut made)?;
        username(&text.username, &arn, how, &mut made)?;
    }
    Ok(made)
}

/// Whom the line names, as an entry writes it.
fn principal(text: &EntryText) -> Result<(String, CanonicalArn), Refusal> {
    let keep = "keep the line in a source that stands behind the entries";
    if let Some(sso) = &text.sso {
        let partition = if sso.partition.is_empty() { "aws" } else { &sso.partition };
        let set = &sso.permission_set_name;
        let role = format!(
            "arn:{partition}:iam::{}:role/aws-reserved/sso.amazonaws.com/REGION/AWSReservedSSO_{set}_SUFFIX",
            sso.account_id
        );
        let why = format!("the permission set `{set}` may have a new role at any time, and an entry names one role");
        return Err(Refusal::new(why, format!("{keep}, or write an entry for its role now, `{role}`")));
    }
    if let Some(pattern) = &text.role_arn_like {
        let why = format!("`{pattern}` matches many roles, and an entry names one");
        return Err(Refusal::new(why, format!("{keep}, or write one entry for each role")));
    }
    let Some(written) = text.role_arn.clone().or_else(|| text.user_arn.clone()) else {
        return Err(Refusal::new("the line names a unique id and no ARN", "write its ARN beside the id"));
    };
    let none = || Refusal::new(format!("`{written}` is not the ARN of a principal"), "write the ARN of a role or user");
    let arn = CanonicalArn::parse(&written)
        .or_else(|_| CanonicalArn::parse(&written.to_ascii_lowercase()))
        .map_err(|_| none())?;
    if arn.kind() == PrincipalKind::FederatedUser {
        let why = "a federated user is a session, and an entry names a role or user";
        return Err(Refusal::new(why, keep));
    }
    // A role by one of its sessions is that role, where the source reads it so.
    let good = CanonicalArn::parse(&written).is_ok() && arn.kind() != PrincipalKind::AssumedRole;
    let written = if good { written } else { arn.as_str().to_owned() };
    let sections_differ = !written.starts_with("arn:") || written.contains(":IAM:");
    Ok((if sections_differ { arn.lowercase().to_owned() } else { written }, arn))
}

/// What EKS says of such a principal.
pub(super) fn about_principal(arn: &CanonicalArn, target: Target, made: &mut Made) -> Result<(), Refusal> {
    let name = arn.name();
    let has_path = made.text.principal_arn.matches('/').count() > 1;
    if name.starts_with("AWSServiceRoleFor") && target != Target::Yaml {
        let why = format!("`{name}` is a service-linked role, and EKS takes no entry for such");
        return Err(Refusal::new(why, "remove the line: services of AWS do not log in by it"));
    }
    if arn.kind() == PrincipalKind::Root {
        made.notes.push("it is the root user alone, not the users and roles of the account".to_owned());
    }
    let is_role = matches!(arn.kind(), PrincipalKind::Role | PrincipalKind::AssumedRole);
    if !is_role || has_path {
        return Ok(());
    }
    if SsoRole::permission_set_of(arn).is_some() {
        let (partition, account) = (arn.partition(), arn.account());
        made.notes.push(format!(
            "EKS knows this role as `arn:{partition}:iam::{account}:role/aws-reserved/sso.amazonaws.com/REGION/{name}` (without REGION/ where IAM Identity Center is in us-east-1); --iam looks it up"
        ));
    } else if target != Target::Yaml {
        made.notes.push("the path of the role is not known: EKS wants it in the ARN; --iam looks it up".to_owned());
    }
    Ok(())
}

/// Pin, window and reason.
fn limits(text: &EntryText, target: Target, made: &mut Made) -> Result<(), Refusal> {
    made.text.principal_id.clone_from(&text.user_id);
    made.text.not_before.clone_from(&text.not_before);
    made.text.expires_at.clone_from(&text.not_after);
    made.text.reason.clone_from(&text.reason);
    fit_limits(target, made)
}

/// Judges what only our objects can say: without its guard an entry would be wider than the line.
pub(super) fn fit_limits(target: Target, made: &mut Made) -> Result<(), Refusal> {
    if target == Target::Yaml {
        if let Some(reason) = made.text.reason.as_mut().filter(|reason| reason.chars().count() > MAX_REASON) {
            *reason = reason.chars().take(MAX_REASON).collect();
            made.notes.push(format!("`reason` is cut to {MAX_REASON} characters"));
        }
        return Ok(());
    }
    let text = &mut made.text;
    let guards = [
        (text.principal_id.is_some(), "a pin to a unique id"),
        (text.not_before.is_some(), "notBefore"),
        (text.expires_at.is_some(), "expiresAt"),
        (text.associations.iter().any(|association| association.expires_at.is_some()), "expiresAt of a policy"),
    ];
    let lost: Vec<&str> = guards.into_iter().filter_map(|(has, name)| has.then_some(name)).collect();
    if !lost.is_empty() {
        let why =
            format!("EKS has no {}, and without it more people would get in, or for longer", lost.join(" and no "));
        return Err(Refusal::new(why, "write it with --to yaml, or take the guard out of the line first"));
    }
    if text.reason.take().is_some() {
        made.notes.push("EKS has no reason: it is left out".to_owned());
    }
    Ok(())
}

/// A line of nodes.
fn node(text: &EntryText, arn: &CanonicalArn, made: &mut Made) -> Result<(), Refusal> {
    let groups = text.groups.iter().map(|written| literal(written, arn)).collect::<Result<Vec<String>, _>>()?;
    let groups: Vec<&str> = groups.iter().map(String::as_str).collect();
    let has = |group: &str| groups.contains(&group);
    let entry_type = match text.username.strip_prefix(NODE_PREFIX) {
        Some("{{EC2PrivateDNSName}}") if has(WINDOWS) => AccessEntryType::Ec2Windows,
        Some("{{EC2PrivateDNSName}}") => AccessEntryType::Ec2Linux,
        Some("{{SessionName}}") if has(PROXIER) => AccessEntryType::FargateLinux,
        Some("{{SessionName}}") => AccessEntryType::HybridLinux,
        _ => {
            let why = format!("no type of entry calls nodes `{}`", text.username);
            return Err(Refusal::new(why, "keep the line in a source that stands behind the entries"));
        }
    };
    let given = entry_type.default_groups();
    if let Some(more) = given.iter().find(|group| !has(group)) {
        let why = format!("an entry of type {} gives `{more}`, which the line does not", entry_type.as_str());
        return Err(Refusal::new(
            why,
            format!("add `{more}` to the line if its nodes are to have it (without {NODES} a kubelet cannot work)"),
        ));
    }
    let dropped: Vec<&str> = groups.iter().copied().filter(|group| !given.contains(group)).collect();
    for group in dropped {
        let remark = match group {
            "system:bootstrappers" => "; nodes that authenticate by IAM do not need it",
            _ => "",
        };
        made.changes.push(format!("group `{group}` is dropped: type {} has its own{remark}", entry_type.as_str()));
    }
    made.text.entry_type = Some(entry_type.as_str().to_owned());
    match entry_type {
        AccessEntryType::FargateLinux => made.notes.push("EKS makes entries of Fargate profiles itself".to_owned()),
        AccessEntryType::Ec2Linux | AccessEntryType::Ec2Windows => {
            made.notes.push(
                "EKS makes entries of managed node groups itself; the role must be of the cluster's account".to_owned(),
            );
        }
        _ => {}
    }
    Ok(())
}

/// Groups: those of Kubernetes' own become a policy, or nothing.
fn groups(text: &EntryText, arn: &CanonicalArn, made: &mut Made) -> Result<(), Refusal> {
    for written in &text.groups {
        let group = literal(written, arn)?;
        if group == MASTERS {
            made.was_master = true;
            made.text.associations.push(AssociationText {
                policy: AccessPolicy::ClusterAdmin.as_str().to_owned(),
                scope_type: "cluster".to_owned(),
                ..AssociationText::default()
            });
            made.text.associations.dedup();
            let change = format!(
                "group `{MASTERS}` becomes the policy {}: the same rights, and authorization is no longer bypassed",
                AccessPolicy::ClusterAdmin
            );
            if !made.changes.contains(&change) {
                made.changes.push(change);
            }
        } else if group == EVERYBODY {
            made.notes.push(format!("group `{EVERYBODY}` is left out: the API server gives it to everybody"));
        } else if group.starts_with("system:") {
            let name = group.trim_start_matches("system:").replace(':', "-");
            let cure = format!(
                "bind what `{group}` may do to a group of your own, as `kubectl create clusterrolebinding {name}-people --clusterrole=ROLE --group={name}-people`, and write that group into the line"
            );
            return Err(Refusal::new(format!("group `{group}`: no entry may have a group of Kubernetes' own"), cure));
        } else if !made.text.kubernetes_groups.contains(&group) {
            made.text.kubernetes_groups.push(group);
        }
    }
    Ok(())
}

/// A group that is the same in every session.
fn literal(written: &str, arn: &CanonicalArn) -> Result<String, Refusal> {
    let group = constant(written, arn);
    if Template::parse(&group).placeholders().next().is_none() {
        return Ok(group);
    }
    let why = format!("group `{written}` differs from session to session, and groups of entries are literal");
    let cure = "write one entry with a group of its own for each role, or keep the line behind the entries";
    Err(Refusal::new(why, cure))
}

/// The username, or what stands for it.
fn username(written: &str, arn: &CanonicalArn, how: How, made: &mut Made) -> Result<(), Refusal> {
    let name = constant(written, arn);
    if name.trim().is_empty() {
        let why = "the username is empty: the line refuses everybody it names, and an entry would let them in";
        return Err(Refusal::new(why, "remove the line, or give a username"));
    }
    let template = Template::parse(&name);
    if template.placeholders().any(|value| value == Placeholder::Ec2PrivateDnsName) {
        let why = format!(
            "`{written}` holds only for instances that EC2 confirms, and entries ask for that with node types alone"
        );
        return Err(Refusal::new(why, "keep the line in a source that stands behind the entries"));
    }
    let Some(fault) = fault_of(&name, how.target, made) else {
        made.text.username = Some(name);
        return Ok(());
    };
    if how.usernames == Usernames::Refuse {
        return Err(Refusal::new(fault, "convert with --usernames drop or colon"));
    }
    if how.usernames == Usernames::Colon
        && template.caller_chooses_freely()
        && let Some((before, after)) = name.find("{{SessionName").and_then(|at| name.split_at_checked(at))
    {
        let name = format!("{before}:{after}");
        if fault_of(&name, how.target, made).is_none() {
            made.changes.push(format!("username `{written}` becomes `{name}`: {fault}"));
            made.text.username = Some(name);
            made.renamed = true;
            return Ok(());
        }
    }
    let bare = AccessEntryText { principal_arn: made.text.principal_arn.clone(), ..AccessEntryText::default() };
    let default = AccessEntry::parse(&bare, &RULES, Origin::default()).map(|entry| entry.entry.username().to_string());
    let default = default.unwrap_or_else(|_| "the default".to_owned());
    made.changes.push(format!("username `{written}` becomes `{default}`: {fault}"));
    made.renamed = true;
    Ok(())
}

/// Why an entry may not have this username.
fn fault_of(name: &str, target: Target, made: &Made) -> Option<String> {
    let text = AccessEntryText {
        principal_arn: made.text.principal_arn.clone(),
        username: Some(name.to_owned()),
        ..AccessEntryText::default()
    };
    let errors = AccessEntry::parse(&text, &RULES, Origin::default()).err().unwrap_or_default();
    let is_name = |error: &&AccessEntryError| error.key() == "username";
    let fault = errors.iter().find(is_name).map(AccessEntryError::to_string);
    let key_id = || Template::parse(name).placeholders().any(|value| value == Placeholder::AccessKeyId);
    fault.or_else(|| (target != Target::Yaml && key_id()).then(|| "EKS does not document `{{AccessKeyID}}`".to_owned()))
}

/// With what is the same in every session of the principal put in: its account, and for users an empty session name.
fn constant(text: &str, arn: &CanonicalArn) -> String {
    let text = text.replace("{{AccountID}}", arn.account());
    match arn.kind() {
        PrincipalKind::Role | PrincipalKind::AssumedRole => text,
        PrincipalKind::User | PrincipalKind::Root | PrincipalKind::FederatedUser => {
            text.replace("{{SessionNameRaw}}", "").replace("{{SessionName}}", "")
        }
    }
}
