//! What IAM and STS answered: of their XML, five fields and the code of an error.
//!
//! Entities of the document's own are not resolved, unknown elements are skipped, and the text is bounded by whoever
//! read it.

use serde::Deserialize;

use super::{IamKind, IamPrincipal};
use crate::aws::query::sound_code;
use crate::clock::UnixSeconds;
use crate::iam::AccountId;

/// Longest unique id.
const ID_BYTES: usize = 128;

/// Reads an answer of status 200; `None` when it is none of IAM.
pub(super) fn principal(kind: IamKind, xml: &str) -> Option<IamPrincipal> {
    let told = match kind {
        IamKind::Role => {
            let told = quick_xml::de::from_str::<GetRole>(xml).ok()?.result?.role?;
            Told { arn: told.arn, id: told.id, created: told.created }
        }
        IamKind::User => {
            let told = quick_xml::de::from_str::<GetUser>(xml).ok()?.result?.user?;
            Told { arn: told.arn, id: told.id, created: told.created }
        }
    };
    let is_id = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    let is_sound = (1..=ID_BYTES).contains(&told.id.len()) && told.id.bytes().all(is_id);
    let created: jiff::Timestamp = told.created.trim().parse().ok()?;
    is_sound.then(|| IamPrincipal { arn: told.arn, id: told.id, created: UnixSeconds(created.as_second()) })
}

/// The account that an answer to `GetCallerIdentity` names.
pub(super) fn account(xml: &str) -> Option<AccountId> {
    quick_xml::de::from_str::<GetCallerIdentity>(xml).ok()?.result?.account.parse().ok()
}

/// The code of an error document: letters, digits and dots.
pub(super) fn error_code(xml: &str) -> Option<String> {
    let answer: Refusal = quick_xml::de::from_str(xml).ok()?;
    sound_code(answer.error?.code)
}

struct Told {
    arn: String,
    id: String,
    created: String,
}

#[derive(Deserialize)]
struct GetRole {
    #[serde(rename = "GetRoleResult")]
    result: Option<RoleResult>,
}

#[derive(Deserialize)]
struct RoleResult {
    #[serde(rename = "Role")]
    role: Option<Role>,
}

#[derive(Deserialize)]
struct Role {
    #[serde(rename = "Arn")]
    arn: String,
    #[serde(rename = "RoleId")]
    id: String,
    #[serde(rename = "CreateDate")]
    created: String,
}

#[derive(Deserialize)]
struct GetUser {
    #[serde(rename = "GetUserResult")]
    result: Option<UserResult>,
}

#[derive(Deserialize)]
struct UserResult {
    #[serde(rename = "User")]
    user: Option<User>,
}

#[derive(Deserialize)]
struct User {
    #[serde(rename = "Arn")]
    arn: String,
    #[serde(rename = "UserId")]
    id: String,
    #[serde(rename = "CreateDate")]
    created: String,
}

#[derive(Deserialize)]
struct GetCallerIdentity {
    #[serde(rename = "GetCallerIdentityResult")]
    result: Option<CallerResult>,
}

#[derive(Deserialize)]
struct CallerResult {
    #[serde(rename = "Account")]
    account: String,
}

#[derive(Deserialize)]
struct Refusal {
    #[serde(rename = "Error")]
    error: Option<Coded>,
}

#[derive(Deserialize)]
struct Coded {
    #[serde(rename = "Code", default)]
    code: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROLE: &str = "<GetRoleResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><GetRoleResult><Role>\
        <Path>/team/</Path><Arn>arn:aws:iam::111122223333:role/team/Dev</Arn><RoleName>Dev</RoleName>\
        <AssumeRolePolicyDocument>%7B%7D</AssumeRolePolicyDocument><CreateDate>2024-05-08T23:34:01Z</CreateDate>\
        <RoleId>AROADBQP57FF2AEXAMPLE</RoleId><Tags><member><Key>a</Key><Value>b</Value></member></Tags></Role>\
        </GetRoleResult><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></GetRoleResponse>";

    #[test]
    fn a_role_is_read_with_all_that_stands_around_it_and_another_document_is_none() {
        let role = principal(IamKind::Role, ROLE).unwrap();
        assert_eq!(
            (role.arn.as_str(), role.id.as_str()),
            ("arn:aws:iam::111122223333:role/team/Dev", "AROADBQP57FF2AEXAMPLE")
        );
        assert_eq!(role.created, UnixSeconds(1_715_211_241));
        assert_eq!(principal(IamKind::User, ROLE), None);
        let bomb =
            ROLE.replace("<GetRoleResponse", "<!DOCTYPE a [<!ENTITY x \"y\">]><GetRoleResponse").replace("AROA", "&x;");
        for other in ["", "{}", "<html/>", &bomb, &ROLE.replace("AROADBQP", "aroa "), &ROLE.replace("2024", "then")] {
            assert_eq!(principal(IamKind::Role, other), None, "{other}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_a_reader_fail_but_by_saying_no(start in 0..ROLE.len(), text in ".{0,200}") {
            let text = format!("{}{text}", ROLE.get(start..).unwrap_or_default());
            let _ = (principal(IamKind::Role, &text), principal(IamKind::User, &text), account(&text), error_code(&text));
        }
    }
}
