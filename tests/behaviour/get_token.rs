//! get-token without a process: signing, exec credentials, endpoints, and what flags and environment mean together.

use aws_credential_types::Credentials;
use clap::Parser;
use iam_bridge::clock::UnixSeconds;
use iam_bridge::config::env::Env;
use iam_bridge::config::flags::{Command, Flags};
use iam_bridge::config::get_token::{Plan, PlanError, plan};
use iam_bridge::get_token::{
    ApiVersion, EndpointError, EndpointForm, SessionName, Shape, SignedToken, StsEndpoint, presign, render, sign,
};
use iam_bridge::iam::Partition;
use iam_bridge::token::{ClusterId, Token, TokenKind, TokenRules};
use proptest::prelude::*;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use crate::harness::vectors::{Case, Outcome, for_each};

#[test]
fn vectors_of_token_generation_hold() {
    for_each("token_generate.json", 17, |case| match case.text("op") {
        "exec_output" => exec_output(case),
        "sign" => signature(case),
        other => Outcome::unknown(other),
    });
}

fn exec_output(case: &Case) -> Outcome {
    let signed = SignedToken {
        token: SecretString::from(case.text("token")),
        expires_at: UnixSeconds(case.input["expiration_unix"].as_i64().unwrap()),
    };
    let (version, _) = ApiVersion::choose(case.input["KUBERNETES_EXEC_INFO"].as_str());
    let seen = render(&signed, version, Shape::Json).unwrap();
    Outcome::equal(&case.expect["stdout"], &json!(seen.expose_secret()))
}

fn signature(case: &Case) -> Outcome {
    let session_token = Some(case.text("session_token").to_owned()).filter(|token| !token.is_empty());
    let keys =
        Credentials::new(case.text("access_key_id"), case.text("secret_access_key"), session_token, None, "test");
    let endpoint = StsEndpoint::of_region(case.text("region"), EndpointForm::default()).unwrap();
    let cluster = ClusterId::parse(case.text("cluster_id")).unwrap();
    let at = UnixSeconds(case.input["unix_time"].as_i64().unwrap());
    let url = presign(&keys, &endpoint, &cluster, at).unwrap();
    let signed = sign(&keys, &endpoint, &cluster, at).unwrap();
    let seen = json!({"url": url.expose_secret(), "token": signed.expose(), "expiration": rfc3339(signed.expires_at)});
    Outcome::equal(&case.expect, &seen)
}

fn rfc3339(at: UnixSeconds) -> String {
    jiff::Timestamp::from_second(at.0).unwrap().to_string()
}

proptest! {
    /// The two ends of a token: what `sign` makes, `Token::parse` takes, whatever keys, region and cluster.
    #[test]
    fn what_is_signed_is_accepted(
        key_id in "[A-Z0-9]{16,40}",
        secret in "[ -~]{1,60}",
        session in proptest::option::of("[A-Za-z0-9/+=]{1,900}"),
        region in prop::sample::select(vec!["eu-central-1", "us-gov-west-1", "cn-north-1", "ap-southeast-2", "eusc-de-east-1"]),
        (fips, dual_stack) in any::<(bool, bool)>(),
        cluster in "[!-~]([ ]?[!-~]){0,40}",
        at in 946_684_800_i64..4_102_444_800,
        age in 0_i64..=900,
    ) {
        let keys = Credentials::new(key_id.clone(), secret, session, None, "test");
        let endpoint = StsEndpoint::of_region(region, EndpointForm { fips, dual_stack }).unwrap();
        let cluster_id = ClusterId::parse(&cluster).unwrap();
        let at = UnixSeconds(at);
        let signed = sign(&keys, &endpoint, &cluster_id, at).unwrap();
        let rules = TokenRules {
            partition: Partition::of_region(region).unwrap(),
            cluster_id,
            instance_region: None,
            strict_preflight: true,
            allowed_regions: Vec::new(),
        };
        let token = Token::parse(&signed.token, &rules, at.plus(age)).unwrap();
        let TokenKind::Presigned(request) = token.kind();
        prop_assert_eq!(request.access_key_id(), key_id);
        prop_assert_eq!(request.signed_at(), at);
        prop_assert_eq!(format!("https://{}", request.host().name()), endpoint.origin());
        prop_assert_eq!(signed.expires_at, at.plus(14 * 60));
    }
}

#[test]
fn the_expiry_tells_the_truth_about_the_keys() {
    let now = 1_767_225_600;
    for (keys_end, told, why) in [
        (None, 840, "static keys"),
        (Some(3_600), 840, "keys that outlive the token"),
        (Some(840), 840, "to the second"),
        (Some(300), 300, "keys that end first"),
        (Some(59), 60, "never so soon that the client asks without end"),
        (Some(-100), 60, "keys that have ended, by this machine's clock"),
    ] {
        let end = keys_end.map(|seconds: i64| {
            std::time::UNIX_EPOCH + std::time::Duration::from_secs(u64::try_from(now + seconds).unwrap())
        });
        let keys = Credentials::new("AKIDEXAMPLEEXAMPLE", "secret", None, end, "test");
        let endpoint = StsEndpoint::of_region("eu-west-1", EndpointForm::default()).unwrap();
        let signed = sign(&keys, &endpoint, &ClusterId::parse("c").unwrap(), UnixSeconds(now)).unwrap();
        assert_eq!(signed.expires_at.since(UnixSeconds(now)), told, "{why}");
    }
}

#[test]
fn endpoints_follow_region_and_form() {
    let plain = EndpointForm::default();
    let fips = EndpointForm { fips: true, dual_stack: false };
    let dual_stack = EndpointForm { fips: false, dual_stack: true };
    let both = EndpointForm { fips: true, dual_stack: true };
    for (region, form, expected) in [
        ("eu-west-1", plain, Some("https://sts.eu-west-1.amazonaws.com")),
        ("eu-west-1", fips, Some("https://sts-fips.eu-west-1.amazonaws.com")),
        ("eu-west-1", dual_stack, Some("https://sts.eu-west-1.api.aws")),
        ("eu-west-1", both, Some("https://sts-fips.eu-west-1.api.aws")),
        ("us-gov-west-1", fips, Some("https://sts.us-gov-west-1.amazonaws.com")),
        ("us-gov-west-1", both, Some("https://sts-fips.us-gov-west-1.api.aws")),
        ("cn-north-1", dual_stack, Some("https://sts.cn-north-1.api.amazonwebservices.com.cn")),
        ("us-iso-east-1", plain, Some("https://sts.us-iso-east-1.c2s.ic.gov")),
        ("us-iso-east-1", dual_stack, None),
        ("aws-global", plain, Some("https://sts.amazonaws.com")),
        ("aws-global", fips, None),
        ("xx-newland-1", plain, Some("https://sts.xx-newland-1.amazonaws.com")),
        ("evil.example", plain, None),
        ("eu-west-1/", plain, None),
        ("", plain, None),
    ] {
        let endpoint = StsEndpoint::of_region(region, form).ok();
        assert_eq!(endpoint.as_ref().map(StsEndpoint::origin), expected, "{region} {form:?}");
    }
    let configured = StsEndpoint::configured("https://vpce-1.sts.eu-west-1.vpce.amazonaws.com/", "eu-west-1").unwrap();
    assert_eq!(configured.origin(), "https://vpce-1.sts.eu-west-1.vpce.amazonaws.com");
    for bad in ["sts.example", "ftp://sts.example", "https://user@sts.example", "https://sts.example/?a=b", ""] {
        assert_eq!(StsEndpoint::configured(bad, "eu-west-1"), Err(EndpointError::BadUrl(bad.to_owned())));
    }
}

#[test]
fn the_version_asked_for_is_the_version_given() {
    for (exec_info, version, is_noted) in [
        (None, ApiVersion::V1Beta1, false),
        (Some(""), ApiVersion::V1Beta1, false),
        (Some("null"), ApiVersion::V1Beta1, false),
        (Some("{}"), ApiVersion::V1Beta1, false),
        (
            Some(r#"{"apiVersion":"client.authentication.k8s.io/v1","spec":{"cluster":{"config":{"a":1}}}}"#),
            ApiVersion::V1,
            false,
        ),
        (Some(r#"{"apiVersion":"client.authentication.k8s.io/v1alpha1"}"#), ApiVersion::V1Alpha1, true),
        (Some(r#"{"apiVersion":"client.authentication.k8s.io/v2"}"#), ApiVersion::V1Beta1, true),
        (Some("{"), ApiVersion::V1Beta1, true),
    ] {
        let (chosen, note) = ApiVersion::choose(exec_info);
        assert_eq!((chosen, note.is_some()), (version, is_noted), "{exec_info:?}");
    }
}

/// What a command line and an environment mean.
fn planned(args: &[&str], environment: &[(&str, &str)]) -> Result<Plan, PlanError> {
    let flags = Flags::try_parse_from(["iam-bridge", "token"].iter().chain(args)).unwrap();
    let env = Env::from_lookup(|name| {
        environment.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    });
    let Command::Token(token) = flags.command else { panic!("`token` was typed") };
    plan(&flags.global, &token, &env)
}

#[test]
fn a_flag_wins_over_the_environment() {
    let cluster = ("KUBERNETES_AWS_AUTHENTICATOR_CLUSTER_ID", "from-environment");
    let role = ("DEFAULT_ROLE", "arn:aws:iam::111122223333:role/E");
    for (args, environment, cluster_id, arn, region) in [
        (&["-i", "c"][..], &[][..], "c", None, None),
        (&[], &[cluster], "from-environment", None, None),
        (&["-i", "c"], &[cluster, role], "c", Some("arn:aws:iam::111122223333:role/E"), None),
        (&["-i", "c", "--role", "R"], &[role], "c", Some("R"), None),
        (&["-i", "c", "--role", ""], &[role], "c", None, None),
        (&["-i", "c"], &[("DEFAULT_ROLE", "")], "c", None, None),
        (&["-i", "c"], &[("AWS_DEFAULT_REGION", "b")], "c", None, Some("b")),
        (&["-i", "c"], &[("AWS_DEFAULT_REGION", "b"), ("AWS_REGION", "a")], "c", None, Some("a")),
        (&["-i", "c"], &[("AWS_DEFAULT_REGION", "b"), ("AWS_REGION", "")], "c", None, Some("b")),
        (&["-i", "c", "--region", "f"], &[("AWS_REGION", "a")], "c", None, Some("f")),
        (&["--cluster-name", "n"], &[], "n", None, None),
        (&["--cluster", "n", "--role-arn", "R"], &[], "n", Some("R"), None),
        (&["-i", "first", "-i", "last"], &[], "last", None, None),
    ] {
        let plan = planned(args, environment).unwrap();
        let seen = (
            plan.settings.cluster_id.as_str(),
            plan.settings.keys.role.as_ref().map(|role| role.arn.as_str()),
            plan.settings.keys.region.as_deref(),
        );
        assert_eq!(seen, (cluster_id, arn, region), "{args:?} {environment:?}");
    }
}

#[test]
fn a_session_is_named_in_one_way() {
    let named = |args: &[&str]| {
        let args: Vec<&str> = ["-i", "c", "-r", "R"].iter().chain(args).copied().collect();
        planned(&args, &[]).map(|plan| plan.settings.keys.role.unwrap().session_name)
    };
    assert_eq!(named(&[]).unwrap(), SessionName::OfCaller);
    assert_eq!(named(&["-s", "alice@example.com"]).unwrap(), SessionName::Given("alice@example.com".to_owned()));
    assert_eq!(named(&["--forward-session-name"]).unwrap(), SessionName::Forwarded);
    assert_eq!(named(&["--forward-session-name=false", "-s", "ab"]).unwrap(), SessionName::Given("ab".to_owned()));
    assert!(matches!(named(&["--forward-session-name", "-s", "ab"]), Err(PlanError::TwoSessionNames)));
    assert!(matches!(named(&["-s", "a b"]), Err(PlanError::SessionName(_))));
    assert!(matches!(planned(&[], &[]), Err(PlanError::NoClusterId)));
    assert!(matches!(planned(&["-i", ""], &[]), Err(PlanError::NoClusterId)));
}

#[test]
fn the_output_has_the_shape_that_was_asked_for() {
    let exec = ("KUBERNETES_EXEC_INFO", "{}");
    for (args, environment, shape) in [
        (&[][..], &[][..], Shape::Json),
        (&["--token-only"], &[], Shape::Token),
        (&["--token-only=false"], &[], Shape::Json),
        (&["--output", "token"], &[], Shape::Token),
        (&["--output", "yaml"], &[], Shape::Yaml),
        (&["--output", "yaml"], &[exec], Shape::Json),
        (&["--output", "json", "--token-only"], &[exec], Shape::Token),
    ] {
        let args: Vec<&str> = ["-i", "c"].iter().chain(args).copied().collect();
        assert_eq!(planned(&args, environment).unwrap().shape, shape, "{args:?} {environment:?}");
    }
}

#[test]
fn keys_of_the_environment_are_taken_whole_or_not_at_all() {
    let (id, secret) = (("AWS_ACCESS_KEY_ID", "AKID"), ("AWS_SECRET_ACCESS_KEY", "SECRET"));
    for (environment, has_keys) in [
        (&[id, secret][..], true),
        (&[id, ("SECRET_ACCESS_KEY", "SECRET")], true),
        (&[id], false),
        (&[secret], false),
        (&[("AWS_ACCESS_KEY_ID", " "), secret], false),
        (&[id, ("AWS_SECRET_ACCESS_KEY", "")], false),
    ] {
        let keys = planned(&["-i", "c"], environment).unwrap().settings.keys.environment_keys;
        assert_eq!(keys.is_some(), has_keys, "{environment:?}");
    }
    let dated = [id, secret, ("AWS_SESSION_TOKEN", "T"), ("AWS_CREDENTIAL_EXPIRATION", "2031-05-06T07:08:09Z")];
    let keys = planned(&["-i", "c"], &dated).unwrap().settings.keys.environment_keys.unwrap();
    assert_eq!(keys.session_token(), Some("T"));
    assert!(keys.expiry().is_some());
}
