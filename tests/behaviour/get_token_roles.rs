//! get-token through roles: what AWS is asked, whose name the session bears, and what is said when there are no keys.

use std::process::Command;

use iam_bridge::demo::sts::Principal;
use secrecy::ExposeSecret;

use super::get_token_aws::{FakeSts, refusal};
use crate::harness::aws::{ACCOUNT, Aws, Instance, START_URL, SsoLogin, access_key_id, closed_port_url, presigned_url};
use crate::harness::process::run;

const GET_TOKEN: [&str; 5] = ["get-token", "-i", "c", "--token-only", "--no-cache"];

fn role(name: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:role/{name}")
}

fn command(aws: &Aws, more: &[&str]) -> Command {
    aws.iam_bridge(&[&GET_TOKEN[..], more].concat())
}

fn static_profile(name: &str, keys: &Principal) -> String {
    let secret = keys.secret_access_key.expose_secret();
    format!("[profile {name}]\naws_access_key_id = {}\naws_secret_access_key = {secret}\n", keys.access_key_id)
}

fn sso_profile(name: &str, role: &str) -> String {
    format!("[profile {name}]\nsso_session = corp\nsso_account_id = {ACCOUNT}\nsso_role_name = {role}\n")
}

fn sso_session() -> String {
    format!("[sso-session corp]\nsso_region = eu-central-1\nsso_start_url = {START_URL}\n")
}

/// The two lines of a failure: what and why, then what to do.
fn failure(command: &mut Command) -> (String, String) {
    let said = run(command);
    assert_eq!((said.code, said.stdout.as_str()), (Some(1), ""), "{}", said.stderr);
    assert!(!said.stderr.contains("canary"), "{}", said.stderr);
    let lines: Vec<&str> = said.stderr.lines().collect();
    let [what, remedy] = lines[..] else { panic!("two lines: {}", said.stderr) };
    let what = what.strip_prefix("could not get token: ").expect(what);
    (what.to_owned(), remedy.strip_prefix("hint: ").expect(remedy).to_owned())
}

#[track_caller]
fn assert_told(command: &mut Command, words: &[&str], remedy: &str) {
    let (why, told) = failure(command);
    for word in words {
        assert!(why.contains(word), "{word}: {why}");
    }
    assert!(told.contains(remedy), "{remedy}: {told}");
}

/// A parameter of the last call.
fn asked(aws: &Aws, name: &str) -> Option<String> {
    aws.last_form("AssumeRole").into_iter().find(|(key, _)| key == name).map(|(_, value)| value)
}

#[test]
fn a_profiles_role_is_assumed_as_the_profile_says() {
    let aws = Aws::start();
    aws.write_config(&format!(
        "{}[profile full]\nrole_arn = {}\nsource_profile = base\nexternal_id = ext\nrole_session_name = me\n\
         duration_seconds = 1800\n[profile plain]\nrole_arn = {}\nsource_profile = base\n",
        static_profile("base", &aws.user("dev")),
        role("Full"),
        role("Plain"),
    ));
    presigned_url(&run(&mut command(&aws, &["--profile", "full"])));
    let seen = ["RoleArn", "ExternalId", "RoleSessionName", "DurationSeconds"].map(|name| asked(&aws, name));
    assert_eq!(seen, [role("Full").as_str(), "ext", "me", "1800"].map(|value| Some(value.to_owned())));

    presigned_url(&run(command(&aws, &[]).env("AWS_PROFILE", "plain")));
    assert_eq!((asked(&aws, "DurationSeconds"), asked(&aws, "ExternalId")), (None, None));
    assert!(asked(&aws, "RoleSessionName").unwrap().starts_with("iam-bridge-"));
    assert_eq!(aws.calls("GetCallerIdentity"), 0, "a profile's role costs one call");
}

#[test]
fn a_profile_that_is_its_own_source_uses_the_keys_beside_its_role() {
    let aws = Aws::start();
    let login = SsoLogin { identifier: "corp", role: "Admin", lives: 28_000, refreshes: false };
    aws.log_in_by_sso(login);
    let own = |name: &str| format!("role_arn = {}\nsource_profile = {name}\nrole_session_name = s\n", role("Own"));
    let keys = static_profile("keys", &aws.user("dev")) + &own("keys");
    aws.write_config(&(keys + &sso_profile("people", "Admin") + &own("people") + &sso_session()));
    for (calls, profile) in ["keys", "people"].into_iter().enumerate() {
        presigned_url(&run(&mut command(&aws, &["--profile", profile])));
        assert_eq!(aws.calls("AssumeRole"), calls + 1, "{profile}");
    }
    assert_eq!(aws.calls("GetRoleCredentials"), 1);
}

#[test]
fn the_session_of_a_role_bears_its_callers_name() {
    let aws = Aws::start();
    let target = role("Target");
    for (principal, more, name) in [
        (aws.user("dev"), &[][..], Some("dev")),
        (aws.role_session("Dev", "alice@example.com"), &[], Some("alice@example.com")),
        (aws.user("dev"), &["-s", "given"], Some("given")),
        (aws.user("dev"), &["--session-name-from", "random"], None),
    ] {
        let before = aws.calls("GetCallerIdentity");
        let args = [&["-r", &target], more].concat();
        presigned_url(&run(aws.with_keys(&principal, &mut command(&aws, &args))));
        let seen = asked(&aws, "RoleSessionName").unwrap();
        assert!(name.map_or_else(|| seen.starts_with("iam-bridge-"), |name| seen == name), "{more:?}: {seen}");
        assert_eq!(aws.calls("GetCallerIdentity") - before, usize::from(more.is_empty()), "{more:?}");
        assert_eq!(asked(&aws, "DurationSeconds").as_deref(), Some("900"));
    }
}

#[test]
fn what_is_missing_is_said_with_what_to_do() {
    let aws = Aws::start();
    let text = "[profile a]\nregion = eu-west-1\n[profile loop]\nrole_arn = arn:aws:iam::111122223333:role/R\n\
                source_profile = loop2\n[profile loop2]\nrole_arn = arn:aws:iam::111122223333:role/R\n\
                source_profile = loop\n[profile gone]\nrole_arn = arn:aws:iam::111122223333:role/S\n\
                source_profile = nowhere\n[profile both]\nrole_arn = arn:aws:iam::111122223333:role/S\n\
                source_profile = a\ncredential_source = Environment\n[profile neither]\n\
                role_arn = arn:aws:iam::111122223333:role/S\n[profile odd]\ncredential_source = Moon\n\
                role_arn = arn:aws:iam::111122223333:role/S\n[profile env]\ncredential_source = Environment\n\
                role_arn = arn:aws:iam::111122223333:role/S\n[profile empty]\nsource_profile = a\n\
                role_arn = arn:aws:iam::111122223333:role/S\n[profile half]\naws_access_key_id = AKIAHALFHALFHALF\n\
                [profile nosession]\nsso_session = nowhere\nsso_account_id = 1\nsso_role_name = r\n";
    aws.write_config(text);
    for (profile, words, remedy) in [
        (
            "nope",
            &["profile `nope` is not in the AWS config files (`", "/config`, `", "they hold a, both, "][..],
            "--profile P",
        ),
        ("a", &["profile `a` gives no credentials: it holds none"], "aws configure list --profile a"),
        ("loop", &["profile `loop` builds upon itself", "loop → loop2 → loop"], "aws configure set source_profile"),
        (
            "gone",
            &["profile `gone` builds upon `nowhere`", "is not in the AWS config files; they hold a, "],
            "--profile gone",
        ),
        ("both", &["profile `both`", "both source_profile and credential_source"], "--profile both"),
        ("neither", &["profile `neither`", "neither source_profile nor credential_source"], "--profile neither"),
        ("odd", &["profile `odd`", "credential_source `Moon` is none of Environment, "], "--profile odd"),
        ("env", &["profile `env`", "credential_source is Environment, and no keys"], "--profile env"),
        ("empty", &["profile `a` gives no credentials: a role is to be assumed"], "--profile a"),
        ("half", &["profile `half`", "aws_access_key_id stands without aws_secret_access_key"], "--profile half"),
        ("nosession", &["profile `nosession`", "`nowhere`"], "--profile nosession"),
    ] {
        let (why, told) = failure(&mut command(&aws, &["--profile", profile]));
        for word in words {
            assert!(why.contains(word), "{profile}: {word}: {why}");
        }
        assert!(told.contains(remedy), "{profile}: {remedy}: {told}");
    }
    let (why, _) = failure(command(&aws, &[]).env("AWS_PROFILE", "nope"));
    assert!(why.contains("profile `nope` is not in the AWS config files"), "{why}");
}

#[test]
fn no_credentials_at_all_is_said_with_all_that_was_tried() {
    let aws = Aws::start();
    for (text, remedy) in [("", "aws configure sso"), ("[profile b]\n[profile a]\n", "choose a profile (a, b)")] {
        aws.write_config(text);
        let (why, told) = failure(&mut command(&aws, &[]));
        assert!(why.starts_with("no AWS credentials were found: environment: "), "{why}");
        for word in [
            "profile `default`: there is none",
            "web identity: AWS_WEB_IDENTITY_TOKEN_FILE is not set",
            "container: AWS_CONTAINER_CREDENTIALS_FULL_URI is not set",
            "instance metadata: switched off by AWS_EC2_METADATA_DISABLED",
        ] {
            assert!(why.contains(word), "{word}: {why}");
        }
        assert!(told.contains(remedy), "{told}");
    }
}

#[test]
fn an_identity_center_login_that_is_no_more_is_named() {
    let aws = Aws::start();
    let legacy = format!(
        "[profile legacy]\nsso_region = eu-central-1\nsso_start_url = {START_URL}\nsso_account_id = {ACCOUNT}\n\
         sso_role_name = Reader\n"
    );
    let chained = format!("[profile chained]\nrole_arn = {}\nsource_profile = people\n", role("X"));
    let bare = "[profile bare]\nsso_session = corp\n".to_owned();
    aws.write_config(
        &(sso_profile("people", "Admin")
            + &sso_profile("other", "Other")
            + &legacy
            + &chained
            + &bare
            + &sso_session()),
    );
    let by = |profile| command(&aws, &["--profile", profile]);
    for profile in ["people", "chained"] {
        let words = ["profile `people` gives no credentials", "Identity Center login `corp` is absent"];
        assert_told(&mut by(profile), &words, "run `aws sso login --sso-session corp`");
    }
    assert_told(&mut by("legacy"), &["profile `legacy`", "is absent"], "run `aws sso login --profile legacy`");
    assert_told(&mut by("bare"), &["sso_account_id and sso_role_name are not both set"], "--profile bare");

    aws.log_in_by_sso(SsoLogin { identifier: "corp", role: "Admin", lives: -60, refreshes: false });
    assert_told(&mut by("people"), &["login `corp` has ended"], "run `aws sso login --sso-session corp`");

    let login = SsoLogin { identifier: "corp", role: "Admin", lives: 6_000, refreshes: false };
    let (_, file) = aws.log_in_by_sso(login);
    let words = ["lends no keys of role `Other` in account 111122223333", "(ForbiddenException)"];
    assert_told(&mut by("other"), &words, "ask for the assignment");
    let url = closed_port_url();
    let words = ["no answer from `https://portal.sso.eu-central-1.amazonaws.com`"];
    assert_told(by("people").env("AWS_ENDPOINT_URL_SSO", url), &words, "check the network");
    aws.end_sso_logins();
    assert_told(&mut by("people"), &["has ended: ", "(UnauthorizedException)"], "aws sso login --sso-session corp");
    std::fs::remove_file(file).unwrap();
    assert_told(&mut by("people"), &["is absent"], "aws sso login --sso-session corp");
}

#[test]
fn a_console_login_that_is_no_more_is_named() {
    let aws = Aws::start();
    let session = format!("arn:aws:iam::{ACCOUNT}:user/person");
    aws.write_config(&format!("[profile console]\nlogin_session = {session}\n"));
    let by = || command(&aws, &["--profile", "console"]);
    assert_told(&mut by(), &["profile `console`", "its `aws login` is absent"], "run `aws login --profile console`");
    aws.log_in(&session, -60, false);
    assert_told(
        &mut by(),
        &["its `aws login` has ended: Your session has expired"],
        "run `aws login --profile console`",
    );
    let url = closed_port_url();
    assert_told(by().env("AWS_ENDPOINT_URL_SIGNIN", url), &["cannot be renewed: no answer from"], "check the network");
}

#[test]
fn a_credential_process_is_told_by_its_end_and_never_by_its_words() {
    let aws = Aws::start();
    for (process, words) in [
        ("sh -c 'echo canary >&2; exit 3' --password canary", &["`sh` ended with exit status 3"][..]),
        ("PASSWORD=canary /nonexistent/vault", &["`/nonexistent/vault` ended with exit status 127", "not found"]),
        ("echo canary", &["`echo` answers with what is no credential document"]),
        (r#"echo '{"Version":1,"AccessKeyId":"canary"}'"#, &["`echo` answers without the field SecretAccessKey"]),
    ] {
        aws.write_config(&format!("[profile vault]\ncredential_process = {process}\n"));
        let words = [&["profile `vault` gives no credentials: its credential_process "], words].concat();
        assert_told(&mut command(&aws, &["--profile", "vault"]), &words, "credential_process --profile vault");
    }
}

#[test]
fn a_metadata_service_that_gives_nothing_is_told() {
    let aws = Aws::start();
    for (instance, words, remedy) in [
        (Instance::Absent, "instance metadata: no answer", "hop limit to 2"),
        (Instance::Hanging, "instance metadata: no answer", "AWS_EC2_METADATA_DISABLED=true"),
        (Instance::NoRole, "instance metadata: this instance has no role", "aws login"),
    ] {
        assert_told(aws.on_instance(instance, &mut command(&aws, &[])), &["no AWS credentials", words], remedy);
    }
    let url = format!("{}/x?canary=1", closed_port_url());
    let mut in_container = command(&aws, &[]);
    in_container.env("AWS_CONTAINER_CREDENTIALS_FULL_URI", url);
    assert_told(
        &mut in_container,
        &["container's credentials endpoint gives no credentials: "],
        "CREDENTIALS_FULL_URI",
    );
}

#[test]
fn a_web_identity_token_that_is_not_taken_is_told() {
    let aws = Aws::start();
    let by = |file: &str| {
        let mut command = command(&aws, &[]);
        command.env("AWS_WEB_IDENTITY_TOKEN_FILE", file).env("AWS_ROLE_ARN", role("Ci"));
        command
    };
    let words = [role("Ci"), "`/nonexistent` (AWS_WEB_IDENTITY_TOKEN_FILE) cannot be read: No such file".to_owned()];
    assert_told(&mut by("/nonexistent"), &words.each_ref().map(String::as_str), "service account");
    let file = aws.write("web-identity", "canary.bad");
    assert_told(&mut by(file.to_str().unwrap()), &["(InvalidIdentityToken)", "web identity token in"], "trust policy");
}

#[test]
fn a_refused_role_is_told_with_who_asked_and_what_may_be_missing() {
    let aws = Aws::start();
    let user = aws.user("dev");
    aws.deny_role(&role("Denied"));
    let args = ["-r", &role("Denied")];
    let words = ["user/dev is not authorized to perform: sts:AssumeRole", "(AccessDenied)"];
    assert_told(aws.with_keys(&user, &mut command(&aws, &args)), &words, "--mfa-serial ARN");

    aws.disable_region("ap-east-1");
    let args = ["-r", &role("R"), "--region", "ap-east-1"];
    let words = ["(RegionDisabledException)", "not activated in this region"];
    assert_told(aws.with_keys(&user, &mut command(&aws, &args)), &words, "`--region R`");
}

#[test]
fn keys_that_have_ended_are_renewed_where_they_came_from() {
    let aws = Aws::start();
    let user = aws.user("dev");
    let login = SsoLogin { identifier: "corp", role: "Admin", lives: 28_000, refreshes: false };
    aws.log_in_by_sso(login);
    aws.write_config(&(static_profile("base", &user) + &sso_profile("people", "Admin") + &sso_session()));
    for (profile, remedy) in [
        (None, "export new AWS_ACCESS_KEY_ID"),
        (Some("base"), "aws configure --profile base"),
        (Some("people"), "aws sso login --sso-session corp"),
    ] {
        let sts =
            FakeSts::start(vec![refusal("ExpiredToken", "The security token included in the request is expired")]);
        let args = profile.map_or_else(Vec::new, |name| vec!["--profile", name]);
        let mut command = command(&aws, &[&["-r", &role("R"), "-s", "me"], &args[..]].concat());
        if profile.is_none() {
            aws.with_keys(&user, &mut command);
        }
        let words = ["cannot be assumed: The security token included in the request is expired (ExpiredToken)"];
        assert_told(command.env("AWS_ENDPOINT_URL_STS", sts.url()), &words, remedy);
    }
}

#[test]
fn a_clock_that_is_off_is_told_in_minutes_as_soon_as_aws_is_asked() {
    for (aws_is_ahead, words) in [(1_200, "clock is 20 min behind AWS"), (-600, "clock is 10 min ahead of AWS")] {
        let aws = Aws::start_ahead(aws_is_ahead);
        let user = aws.user("dev");
        let args = ["-r", &role("R"), "-s", "me"];
        assert_told(aws.with_keys(&user, &mut command(&aws, &args)), &[words], "synchronise this machine's clock");
    }
    let aws = Aws::start_ahead(420);
    let user = aws.user("dev");
    let said = run(aws.with_keys(&user, &mut command(&aws, &["-r", &role("R"), "-s", "me"])));
    assert_ne!(access_key_id(&said), user.access_key_id);
    assert!(
        said.stderr.starts_with("note: synchronise this machine's clock, it is 7 min behind AWS"),
        "{}",
        said.stderr
    );
}

#[test]
fn roles_are_assumed_at_the_kind_of_host_that_is_asked_for() {
    let aws = Aws::start();
    let user = aws.user("dev");
    let plain = static_profile("plain", &user) + "region = eu-west-1\n";
    let fips = format!("[profile fips]\nsource_profile = plain\nrole_arn = {}\nuse_fips_endpoint = true\n", role("R"));
    aws.write_config(&(plain + &fips));
    for (profile, variable, host) in [
        ("plain", "AWS_USE_FIPS_ENDPOINT", "sts-fips.eu-central-1.amazonaws.com:443"),
        ("plain", "AWS_USE_DUALSTACK_ENDPOINT", "sts.eu-central-1.api.aws:443"),
        ("fips", "UNRELATED", "sts-fips.eu-central-1.amazonaws.com:443"),
    ] {
        let before = aws.proxy.asked().len();
        run(command(&aws, &["--profile", profile, "-r", &role("S"), "-s", "me"]).env(variable, "true"));
        let asked = aws.proxy.asked().split_off(before);
        assert!(!asked.is_empty() && asked.iter().all(|seen| seen == host), "{profile} {variable}: {asked:?}");
    }
}
