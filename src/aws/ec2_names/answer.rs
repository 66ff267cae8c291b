//! What EC2 answered to `DescribeInstances`: of its XML, six fields and the code of an error.
//!
//! Entities of the document's own are not resolved, unknown elements are skipped, and the text is bounded by whoever
//! read it. What an error says beside its code is not passed on: with a bad signature it repeats the signed request.

use serde::Deserialize;

use crate::aws::query::sound_code;

/// One page of instances.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Page {
    pub(super) instances: Vec<Instance>,
    /// What to ask for the next one.
    pub(super) next: Option<String>,
}

/// An instance as EC2 tells of it; a field that is absent is empty.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Instance {
    pub(super) id: String,
    /// Account that owns it.
    pub(super) owner: String,
    /// `pending`, `running`, `shutting-down`, `terminated`, `stopping`, `stopped`.
    pub(super) state: String,
    /// Its private DNS name.
    pub(super) name: String,
    /// ARN of its instance profile.
    pub(super) profile: String,
}

impl Page {
    /// Reads an answer of status 200; `None` when it is none of EC2.
    pub(super) fn parse(xml: &str) -> Option<Self> {
        let answer: Answer = quick_xml::de::from_str(xml).ok()?;
        let instances = answer.reservations?.item.into_iter().flat_map(Reservation::instances).collect();
        Some(Self { instances, next: answer.next_token.filter(|token| !token.is_empty()) })
    }
}

/// The code of an error document: letters, digits and dots.
pub(super) fn error_code(xml: &str) -> Option<String> {
    let answer: Refusal = quick_xml::de::from_str(xml).ok()?;
    sound_code(answer.errors?.error?.code)
}

/// Without a set of reservations it is some other document.
#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "reservationSet")]
    reservations: Option<Items<Reservation>>,
    #[serde(rename = "nextToken")]
    next_token: Option<String>,
}

#[derive(Deserialize)]
struct Items<T> {
    #[serde(default = "Vec::new")]
    item: Vec<T>,
}

#[derive(Deserialize)]
struct Reservation {
    #[serde(rename = "ownerId", default)]
    owner: String,
    #[serde(rename = "instancesSet")]
    instances: Option<Items<Told>>,
}

#[derive(Deserialize)]
struct Told {
    #[serde(rename = "instanceId", default)]
    id: String,
    #[serde(rename = "privateDnsName", default)]
    name: String,
    #[serde(rename = "instanceState")]
    state: Option<State>,
    #[serde(rename = "iamInstanceProfile")]
    profile: Option<Profile>,
}

#[derive(Deserialize)]
struct State {
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
struct Profile {
    #[serde(default)]
    arn: String,
}

#[derive(Deserialize)]
struct Refusal {
    #[serde(rename = "Errors")]
    errors: Option<Errors>,
}

#[derive(Deserialize)]
struct Errors {
    #[serde(rename = "Error")]
    error: Option<Coded>,
}

#[derive(Deserialize)]
struct Coded {
    #[serde(rename = "Code", default)]
    code: String,
}

impl Reservation {
    fn instances(self) -> Vec<Instance> {
        let owner = self.owner;
        let told = self.instances.map(|set| set.item).unwrap_or_default();
        let instance = |told: Told| Instance {
            id: told.id,
            owner: owner.clone(),
            state: told.state.map(|state| state.name).unwrap_or_default(),
            name: told.name,
            profile: told.profile.map(|profile| profile.arn).unwrap_or_default(),
        };
        told.into_iter().map(instance).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<DescribeInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>8f7724cf</requestId>"#;

    #[test]
    fn an_answer_is_read_with_all_that_stands_around_the_six_fields() {
        let xml = format!(
            "{HEAD}<reservationSet><item><reservationId>r-1</reservationId><ownerId>111122223333</ownerId><groupSet/>
             <instancesSet><item><instanceId>i-0123456789abcdef0</instanceId><imageId>ami-1</imageId>
             <instanceState><code>16</code><name>running</name></instanceState>
             <privateDnsName>ip-10-0-0-1.ec2.internal</privateDnsName><dnsName/>
             <iamInstanceProfile><arn>arn:aws:iam::111122223333:instance-profile/nodes</arn><id>AIPA1</id></iamInstanceProfile>
             <tagSet><item><key>a&amp;b</key><value/></item></tagSet></item>
             <item><instanceId>i-2</instanceId><instanceState><code>48</code><name>terminated</name></instanceState>
             <privateDnsName/></item></instancesSet></item>
             <item><ownerId>444455556666</ownerId><instancesSet><item><instanceId>i-3</instanceId></item></instancesSet></item>
             </reservationSet><nextToken>abc=</nextToken></DescribeInstancesResponse>"
        );
        let page = Page::parse(&xml).unwrap();
        let seen: Vec<_> =
            page.instances.iter().map(|it| [&*it.id, &it.owner, &it.state, &it.name, &it.profile]).collect();
        let profile = "arn:aws:iam::111122223333:instance-profile/nodes";
        assert_eq!(
            seen,
            [
                ["i-0123456789abcdef0", "111122223333", "running", "ip-10-0-0-1.ec2.internal", profile],
                ["i-2", "111122223333", "terminated", "", ""],
                ["i-3", "444455556666", "", "", ""],
            ]
        );
        assert_eq!(page.next.as_deref(), Some("abc="));
    }

    #[test]
    fn an_answer_without_instances_is_one_and_another_document_is_none() {
        let empty = || Page { instances: Vec::new(), next: None };
        for none in ["<reservationSet/>", "<reservationSet></reservationSet><nextToken/>"] {
            assert_eq!(Page::parse(&format!("{HEAD}{none}</DescribeInstancesResponse>")), Some(empty()));
        }
        let bomb = "<!DOCTYPE a [<!ENTITY x \"y\">]><DescribeInstancesResponse><reservationSet><item><ownerId>&x;</ownerId></item></reservationSet></DescribeInstancesResponse>";
        for other in ["", "<html><body>sign in</body></html>", "{}", HEAD, "<a><reservationSet>", bomb] {
            assert_eq!(Page::parse(other), None, "{other}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_a_reader_fail_but_by_saying_no(start in 0..HEAD.len(), text in ".{0,200}") {
            let text = format!("{}{text}", HEAD.get(start..).unwrap_or_default());
            let _ = (Page::parse(&text), error_code(&text));
        }
    }

    #[test]
    fn of_an_error_only_a_code_is_told() {
        let error = |code: &str| {
            format!(
                "<Response><Errors><Error><Code>{code}</Code><Message>secret</Message></Error></Errors><RequestID>1</RequestID></Response>"
            )
        };
        assert_eq!(error_code(&error("RequestLimitExceeded")).as_deref(), Some("RequestLimitExceeded"));
        assert_eq!(error_code(&error("InvalidInstanceID.NotFound")).as_deref(), Some("InvalidInstanceID.NotFound"));
        for bad in ["", "a b", "line&#10;two", &"x".repeat(65)] {
            assert_eq!(error_code(&error(bad)), None, "{bad}");
        }
        assert_eq!(error_code("<html/>"), None);
        assert_eq!(error_code("not xml"), None);
    }
}
