//! Whether an instance may be the node its caller says it is.
//!
//! Whoever may assume the nodes' role directly can name himself after any instance of that role: nothing here proves
//! that the caller runs on the instance. It proves that there is one, that it lives, and whose it is.

use std::collections::HashMap;
use std::sync::Arc;

use super::NodeName;
use super::answer::Instance;

/// The session name cannot be the id of an instance.
pub(super) const NO_ID: &str = "the session name is no instance id";
/// EC2 told of other instances, or none.
pub(super) const UNKNOWN: &str = "EC2 knows no such instance";
/// EC2 told of the id more than once.
pub(super) const TWICE: &str = "EC2 tells of more than one such instance";
/// The caller is of another account.
pub(super) const OTHER_ACCOUNT: &str = "the instance belongs to another account";
/// Stopped, or on the way there.
pub(super) const NOT_ALIVE: &str = "the instance is neither pending nor running";
/// Not one of `server.ec2.instanceProfiles`.
pub(super) const OTHER_PROFILE: &str = "the instance's profile is not one of server.ec2.instanceProfiles";
/// It has none, yet or any more.
pub(super) const NO_NAME: &str = "the instance has no private DNS name";
/// Spaces, other characters, too long.
pub(super) const NO_DNS_NAME: &str = "the instance's private DNS name is no DNS name";

/// Longest DNS name, and longest label of one.
const NAME_BYTES: usize = 253;
const LABEL_BYTES: usize = 63;

/// An instance that passed, but for the caller's account.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Node {
    /// Account that owns it.
    pub(super) owner: String,
    /// What the node is called.
    pub(super) name: String,
}

impl Node {
    /// Its name, for a caller of `account`.
    pub(super) fn name_for(&self, account: &str) -> Result<String, &'static str> {
        if self.owner == account { Ok(self.name.clone()) } else { Err(OTHER_ACCOUNT) }
    }
}

/// What is asked of an instance.
#[derive(Clone, Debug)]
pub(super) struct Requirements {
    /// Names or ARNs; none does not check the profile.
    pub(super) instance_profiles: Vec<String>,
    pub(super) node_name: NodeName,
}

/// `i-` and 8 or 17 lower-case hexadecimal digits: EC2 refuses a call for anything else as a whole.
pub(super) fn is_instance_id(text: &str) -> bool {
    text.strip_prefix("i-").is_some_and(|digits| {
        matches!(digits.len(), 8 | 17) && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    })
}

/// Instances by id, so that one is found among the many of an answer at once.
pub(super) fn by_id(instances: &[Instance]) -> HashMap<&str, Vec<&Instance>> {
    let mut found: HashMap<&str, Vec<&Instance>> = HashMap::new();
    for instance in instances {
        found.entry(&instance.id).or_default().push(instance);
    }
    found
}

impl Requirements {
    /// The node that the instances told of under one id are.
    pub(super) fn judge(&self, told: &[&Instance], region: &str) -> Result<Arc<Node>, &'static str> {
        let instance = match told {
            [] => return Err(UNKNOWN),
            [instance] => *instance,
            [_, _, ..] => return Err(TWICE),
        };
        if !matches!(instance.state.as_str(), "pending" | "running") {
            return Err(NOT_ALIVE);
        }
        if !self.instance_profiles.is_empty() && !self.allows(&instance.profile) {
            return Err(OTHER_PROFILE);
        }
        Ok(Arc::new(Node { owner: instance.owner.clone(), name: self.name(instance, region)? }))
    }

    fn allows(&self, arn: &str) -> bool {
        let name = arn.rsplit_once('/').map(|(_, name)| name);
        self.instance_profiles
            .iter()
            .any(|allowed| if allowed.starts_with("arn:") { allowed == arn } else { Some(allowed.as_str()) == name })
    }

    fn name(&self, instance: &Instance, region: &str) -> Result<String, &'static str> {
        let id = &instance.id;
        match self.node_name {
            NodeName::PrivateDns if instance.name.is_empty() => Err(NO_NAME),
            NodeName::PrivateDns if !is_dns_name(&instance.name) => Err(NO_DNS_NAME),
            NodeName::PrivateDns => Ok(instance.name.clone()),
            NodeName::ResourceName if region == "us-east-1" => Ok(format!("{id}.ec2.internal")),
            NodeName::ResourceName => Ok(format!("{id}.{region}.compute.internal")),
            NodeName::InstanceId => Ok(id.clone()),
        }
    }
}

/// Labels of letters, digits and inner hyphens, joined by dots. A DHCP option set may give two domains with a space
/// between them; no node is called so.
fn is_dns_name(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=LABEL_BYTES).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= NAME_BYTES && text.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requirements(profiles: &[&str], node_name: NodeName) -> Requirements {
        Requirements { instance_profiles: profiles.iter().map(|name| (*name).to_owned()).collect(), node_name }
    }

    fn instance(state: &str, name: &str, profile: &str) -> Instance {
        let [id, owner] = ["i-0123456789abcdef0", "111122223333"].map(str::to_owned);
        Instance { id, owner, state: state.to_owned(), name: name.to_owned(), profile: profile.to_owned() }
    }

    #[test]
    fn only_a_living_instance_with_a_name_is_a_node() {
        let rules = requirements(&[], NodeName::PrivateDns);
        let good = instance("running", "ip-10-0-0-1.ec2.internal", "");
        for (told, expected) in [
            (vec![&good], Ok("ip-10-0-0-1.ec2.internal")),
            (vec![&instance("pending", "IP-1.corp.example", "")], Ok("IP-1.corp.example")),
            (vec![], Err(UNKNOWN)),
            (vec![&good, &good], Err(TWICE)),
            (vec![&instance("terminated", "", "")], Err(NOT_ALIVE)),
            (vec![&instance("stopped", "a", "")], Err(NOT_ALIVE)),
            (vec![&instance("shutting-down", "a", "")], Err(NOT_ALIVE)),
            (vec![&instance("", "a", "")], Err(NOT_ALIVE)),
            (vec![&instance("running", "", "")], Err(NO_NAME)),
            (vec![&instance("running", "ip-1.a.example b.example", "")], Err(NO_DNS_NAME)),
            (vec![&instance("running", "a..b", "")], Err(NO_DNS_NAME)),
            (vec![&instance("running", "-a.b", "")], Err(NO_DNS_NAME)),
            (vec![&instance("running", "a.b.", "")], Err(NO_DNS_NAME)),
            (vec![&instance("running", "a:b", "")], Err(NO_DNS_NAME)),
            (vec![&instance("running", &"a".repeat(64), "")], Err(NO_DNS_NAME)),
        ] {
            let seen = rules.judge(&told, "us-east-1").map(|node| node.name.clone());
            assert_eq!(seen.as_deref().map_err(|word| *word), expected, "{told:?}");
        }
    }

    #[test]
    fn a_profile_is_named_or_given_by_its_arn_and_case_counts() {
        let arn = "arn:aws:iam::111122223333:instance-profile/teams/a/Nodes";
        for (allowed, fits) in [
            (vec!["other", "Nodes"], true),
            (vec![arn], true),
            (vec!["nodes"], false),
            (vec!["a/Nodes"], false),
            (vec!["arn:aws:iam::111122223333:instance-profile/Nodes"], false),
            (vec![""], false),
            (vec![], true),
        ] {
            let told = instance("running", "a.b", arn);
            let verdict = requirements(&allowed, NodeName::PrivateDns).judge(&[&told], "us-east-1");
            assert_eq!(verdict.is_ok(), fits, "{allowed:?}");
        }
        let bare = instance("running", "a.b", "");
        let verdict = requirements(&["Nodes"], NodeName::PrivateDns).judge(&[&bare], "us-east-1");
        assert_eq!(verdict, Err(OTHER_PROFILE), "an instance without a profile");
    }

    #[test]
    fn ids_are_what_ec2_writes() {
        for (text, good) in [
            ("i-0123456789abcdef0", true),
            ("i-01234567", true),
            ("i-0123456789ABCDEF0", false),
            ("i-0123456g", false),
            ("i-0123456_", false),
            ("i-012345678", false),
            ("m-01234567", false),
            ("", false),
        ] {
            assert_eq!(is_instance_id(text), good, "{text}");
        }
    }
}
