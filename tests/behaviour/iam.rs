//! Roles and users by name, at a fake IAM that checks every signature.

use std::sync::Arc;

use aws_credential_types::provider::SharedCredentialsProvider;
use iam_bridge::aws::{HostForm, Iam, IamError, IamKind, IamPrincipal, IamSettings, SdkHttp};
use iam_bridge::clock::{Clock, UnixSeconds};
use iam_bridge::demo::sts::{Principal, Sts};
use iam_bridge::iam::{AccountId, Partition};

use crate::harness::aws::ACCOUNT;
use crate::harness::aws::ec2::Manner;
use crate::harness::aws::iam::{Iam as FakeIam, Known};

const ROLE: &str = "arn:aws:iam::111122223333:role/team/one/Dev";
const USER: &str = "arn:aws:iam::111122223333:user/alice";

/// IAM, and keys for it.
struct Ground {
    fake: FakeIam,
    keys: Principal,
}

impl Ground {
    async fn open() -> Self {
        let sts = Arc::new(Sts::start_with(Clock::system()).await.unwrap());
        let keys = Principal::role_session(ACCOUNT, "Operator", "me").unwrap();
        sts.add(keys.clone());
        let fake = FakeIam::start(sts).await;
        fake.put(Known::role(ROLE, "AROAROLE111111111111"));
        fake.put(Known::user(USER, "AIDAUSER111111111111").created("2020-01-02T03:04:05Z"));
        Self { fake, keys }
    }

    fn iam(&self) -> Iam {
        self.iam_of(&self.keys)
    }

    fn iam_of(&self, keys: &Principal) -> Iam {
        let settings = IamSettings {
            partition: Partition::Aws,
            credentials: SharedCredentialsProvider::new(keys.credentials()),
            endpoint: Some(self.fake.url()),
            sts_endpoint: Some(self.fake.url()),
            region: None,
            host_form: HostForm::default(),
            http: SdkHttp::new(None),
        };
        Iam::new(settings, Clock::system())
    }
}

fn account(text: &str) -> AccountId {
    text.parse().unwrap()
}

#[tokio::test]
async fn a_role_and_a_user_are_told_with_path_id_and_age_and_sts_is_asked_once() {
    let ground = Ground::open().await;
    let iam = ground.iam();
    let role = iam.principal(IamKind::Role, "dev", account(ACCOUNT)).await.unwrap();
    let id = "AROAROLE111111111111".to_owned();
    assert_eq!(role, Some(IamPrincipal { arn: ROLE.to_owned(), id, created: UnixSeconds(1_715_211_241) }));
    let user = iam.principal(IamKind::User, "alice", account(ACCOUNT)).await.unwrap().unwrap();
    assert_eq!((user.arn.as_str(), user.id.as_str(), user.created.0), (USER, "AIDAUSER111111111111", 1_577_934_245));
    assert_eq!(ground.fake.asked(), ["GetCallerIdentity", "GetRole dev", "GetUser alice"]);
}

#[tokio::test]
async fn who_is_not_there_is_nobody_and_a_user_is_no_role() {
    let ground = Ground::open().await;
    let iam = ground.iam();
    for (kind, name) in [(IamKind::Role, "Nobody"), (IamKind::Role, "alice"), (IamKind::User, "Dev")] {
        assert_eq!(iam.principal(kind, name, account(ACCOUNT)).await, Ok(None), "{name}");
    }
}

#[tokio::test]
async fn another_account_is_never_said_to_lack_somebody() {
    let ground = Ground::open().await;
    let iam = ground.iam();
    let asked = account("444455556666");
    let answer = iam.principal(IamKind::Role, "Dev", asked).await;
    assert_eq!(answer, Err(IamError::OtherAccount { asked, own: account(ACCOUNT) }));
    assert_eq!(ground.fake.asked(), ["GetCallerIdentity"]);
}

#[tokio::test]
async fn an_answer_about_somebody_else_is_none() {
    let ground = Ground::open().await;
    for document in [
        "<GetRoleResponse><GetRoleResult><Role><Arn>arn:aws:iam::111122223333:role/Other</Arn><RoleId>AROA1</RoleId>\
         <CreateDate>2024-05-08T23:34:01Z</CreateDate></Role></GetRoleResult></GetRoleResponse>",
        "<GetRoleResponse><GetRoleResult><Role><Arn>arn:aws:iam::444455556666:role/Dev</Arn><RoleId>AROA1</RoleId>\
         <CreateDate>2024-05-08T23:34:01Z</CreateDate></Role></GetRoleResult></GetRoleResponse>",
        "<html>sign in</html>",
        &"x".repeat(300_000),
    ] {
        ground.fake.next([Manner::Answer(200, document.to_owned())]);
        let answer = ground.iam().principal(IamKind::Role, "Dev", account(ACCOUNT)).await;
        assert_eq!(answer, Err(IamError::Answer("IAM")));
    }
}

#[tokio::test]
async fn refusals_are_told_apart_and_repeat_nothing_of_what_aws_says() {
    let ground = Ground::open().await;
    let iam = ground.iam();
    for (manner, label, passes) in [
        (Manner::Refuse(400, "Throttling"), "throttled", true),
        (Manner::Refuse(429, "Whatever"), "throttled", true),
        (Manner::Refuse(503, "ServiceUnavailable"), "throttled", true),
        (Manner::Refuse(500, "ServiceFailure"), "unavailable", true),
        (Manner::Refuse(403, "AccessDenied"), "denied", false),
        (Manner::Refuse(403, "ExpiredToken"), "bad_keys", false),
        (Manner::Refuse(400, "ValidationError"), "refused", false),
        (Manner::Answer(404, "not found".to_owned()), "refused", false),
    ] {
        ground.fake.next([manner.clone()]);
        let error = iam.principal(IamKind::Role, "Dev", account(ACCOUNT)).await.unwrap_err();
        assert_eq!((error.label(), error.passes()), (label, passes), "{manner:?}: {error}");
        let told = format!("{error} {error:?} {}", error.remedy());
        assert!(!told.contains("canary") && !told.contains(&ground.keys.access_key_id), "{told}");
    }
    ground.fake.deny("GetRole");
    let error = iam.principal(IamKind::Role, "Dev", account(ACCOUNT)).await.unwrap_err();
    assert_eq!(error.to_string(), "the keys may not call GetRole (`AccessDenied`)");
    assert_eq!(error.remedy(), "allow iam:GetRole to the keys, or use others with --profile");
}

#[tokio::test]
async fn keys_that_nobody_knows_are_said_to_be_bad() {
    let ground = Ground::open().await;
    let stranger = Principal::user(ACCOUNT, "stranger").unwrap();
    let iam = ground.iam_of(&stranger);
    let error = iam.principal(IamKind::Role, "Dev", account(ACCOUNT)).await.unwrap_err();
    assert_eq!(error.label(), "bad_keys");
}

#[tokio::test]
async fn nobody_answering_is_trouble_and_no_verdict() {
    let ground = Ground::open().await;
    let iam = ground.iam();
    iam.account().await.unwrap();
    drop(ground);
    let error = iam.principal(IamKind::Role, "Dev", account(ACCOUNT)).await.unwrap_err();
    assert_eq!((error.label(), error.passes()), ("unavailable", true), "{error}");
}
