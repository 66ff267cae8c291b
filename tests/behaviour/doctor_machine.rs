//! `doctor`'s checks of what is on this machine: kubeconfig entry, environment, profile, plugin, keys and clock.

use std::os::unix::fs::PermissionsExt as _;

use iam_bridge::demo::sts::Behaviour;

use super::doctor::{Desk, Findings, findings};
use super::whoami::{assert_no_secret, exec_user};
use crate::harness::aws::{Aws, SsoLogin};
use crate::harness::process::{binary, run};

/// An executable script below HOME.
fn script(desk: &Desk, name: &str, text: &str) -> String {
    let path = desk.aws.write(name, &format!("#!/bin/sh\n{text}\n"));
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path.display().to_string()
}

#[test]
fn doctor_judges_the_exec_entry() {
    let good = exec_user("", &[]);
    let program = binary().display().to_string();
    for (user, verdict, words, remedy) in [
        (good.replace("/v1\n", "/v1alpha1\n"), "bad", "apiVersion is v1alpha1", "iam-bridge kubeconfig --convert prod"),
        (good.replace("/v1\n", "/v2\n"), "bad", "is none that clients know", "write `apiVersion"),
        (
            good.replace("      apiVersion: client.authentication.k8s.io/v1\n", ""),
            "bad",
            "has no apiVersion",
            "write `apiVersion",
        ),
        (
            good.replace("      interactiveMode: IfAvailable\n", ""),
            "bad",
            "no interactiveMode, which v1 demands",
            "IfAvailable",
        ),
        (good.replace("IfAvailable", "Always"), "warn", "interactiveMode is Always", "IfAvailable"),
        (good.replace(&program, "no-such-plugin"), "bad", "`no-such-plugin` is not on PATH", "--absolute-path"),
        (good.replace(&program, "./bin/iam-bridge"), "bad", "/bin/iam-bridge` is no program", "install it there"),
        (
            good.replace(&program, "iam-bridge")
                .replace("      args", "      installHint: brew install it\n      args"),
            "bad",
            "`iam-bridge` is not on PATH",
            "brew install it",
        ),
        (
            good.replace(&program, "/bin/true"),
            "warn",
            "`/bin/true get-token` is not a plugin for AWS",
            "name the cluster here",
        ),
        (
            good.replace("--cluster-id, ", "--wrong-flag, "),
            "bad",
            "the plugin's arguments cannot be read",
            "get-token --help",
        ),
        (good.replace(", --cluster-id, prod.example", ""), "bad", "name no cluster", "--cluster-id ID"),
        ("    token: t\n".to_owned(), "warn", "no exec plugin, a token instead", "--user-only"),
        ("    {}\n".to_owned(), "warn", "no exec plugin, nothing else either", "--user-only"),
    ] {
        let desk = Desk::mapped().with_user(&user);
        let found = desk.doctor(&["--offline"], &[]);
        assert_eq!(found.verdict("kubeconfig"), verdict, "{words}: {}", found.said.stdout);
        assert!(found.found("kubeconfig").contains(words), "{words}: {}", found.found("kubeconfig"));
        assert!(found.remedy("kubeconfig").contains(remedy), "{remedy}: {}", found.remedy("kubeconfig"));
        assert_eq!(found.said.code, Some(i32::from(verdict == "bad")), "{words}");
    }
}

#[test]
fn doctor_asks_the_kuberc_whether_kubectl_may_run_the_plugin() {
    let desk = Desk::mapped();
    let program = binary().display().to_string();
    for (text, verdict, words) in [
        ("credentialPluginPolicy: AllowAll\n".to_owned(), "good", "kuberc` allows it"),
        ("credentialPluginPolicy: DenyAll\n".to_owned(), "bad", "credentialPluginPolicy is DenyAll"),
        (
            "credentialPluginPolicy: Allowlist\ncredentialPluginAllowlist:\n- command: aws\n".to_owned(),
            "bad",
            "credentialPluginAllowlist does not name it",
        ),
        (
            format!(
                "credentialPluginPolicy: Allowlist\ncredentialPluginAllowlist:\n- command: aws\n- name: {program}\n"
            ),
            "good",
            "kuberc` allows it",
        ),
        ("kind: Preference\n".to_owned(), "good", "our plugin"),
        ("- [\n".to_owned(), "warn", "kuberc` cannot be read"),
    ] {
        desk.aws.write(".kube/kuberc", &text);
        let found = desk.doctor(&["--offline"], &[]);
        assert_eq!(found.verdict("kubeconfig"), verdict, "{words}: {}", found.said.stdout);
        assert!(found.found("kubeconfig").contains(words), "{words}: {}", found.found("kubeconfig"));
        assert_eq!(found.verdict("exec-info"), if verdict == "bad" { "skipped" } else { "good" }, "{words}");
        assert_eq!(desk.doctor(&["--offline"], &[("KUBERC", "off")]).verdict("kubeconfig"), "good", "{words}");
    }
}

#[test]
fn doctor_warns_of_an_environment_that_contradicts_itself() {
    let desk = Desk::mapped();
    let nowhere = desk.aws.at("nowhere").display().to_string();
    type Variables<'v> = &'v [(&'v str, &'v str)];
    let cases: [(Variables<'_>, &str, &str); 8] = [
        (&[("AWS_PROFILE", "dev")], "beside AWS_PROFILE=`dev`, and win", "unset AWS_ACCESS_KEY_ID"),
        (&[("AWS_DEFAULT_REGION", "us-west-2")], "AWS_DEFAULT_REGION `us-west-2`", "set both"),
        (
            &[("AWS_ENDPOINT_URL_STS", "https://sts.example")],
            "AWS_ENDPOINT_URL_STS is set",
            "unset AWS_ENDPOINT_URL_STS",
        ),
        (&[("AWS_CONFIG_FILE", &nowhere)], "AWS_CONFIG_FILE names", "unset AWS_CONFIG_FILE"),
        (&[("AWS_WEB_IDENTITY_TOKEN_FILE", &nowhere), ("AWS_ROLE_ARN", "x")], "which is no file", "service account"),
        (&[("AWS_SECRET_ACCESS_KEY", "")], "AWS_ACCESS_KEY_ID stands without", "export both"),
        (&[("HOME", "")], "HOME is not set", "set HOME"),
        (&[("HOME", &nowhere)], "which is no directory", "set HOME"),
    ];
    for (variables, words, remedy) in cases {
        let kubeconfig = desk.aws.at(".kube/config").display().to_string();
        let found = desk.doctor(&["--offline", "--kubeconfig", &kubeconfig], variables);
        assert_eq!(found.verdict("environment"), "warn", "{words}: {}", found.said.stdout);
        assert!(found.found("environment").contains(words), "{words}: {}", found.found("environment"));
        assert!(found.remedy("environment").contains(remedy), "{remedy}: {}", found.remedy("environment"));
        assert_no_secret(&found.said, &desk.alice);
    }
}

#[test]
fn doctor_judges_the_cache_directory_and_leaves_it_as_it_is() {
    let desk = Desk::mapped();
    let cache = desk.aws.at(".kube/cache/iam-bridge");
    std::fs::create_dir_all(&cache).unwrap();
    std::fs::set_permissions(&cache, std::fs::Permissions::from_mode(0o755)).unwrap();
    let found = desk.doctor(&["--offline"], &[]);
    assert_eq!(found.verdict("environment"), "warn", "{}", found.said.stdout);
    assert!(found.found("environment").contains("is open to others (mode 0755), so nothing is cached"));
    assert!(found.remedy("environment").starts_with("`chmod 700 "), "{}", found.remedy("environment"));
    let found = desk.doctor(&["--offline"], &[("IAM_BRIDGE_NO_CACHE", "1")]);
    assert_eq!(found.verdict("environment"), "good", "{}", found.said.stdout);
    assert_eq!(std::fs::metadata(&cache).unwrap().permissions().mode() & 0o777, 0o755);
}

/// What doctor finds offline with this AWS config file, and no keys in the environment.
fn with_config(aws: &Aws, text: &str, profile: &str, cluster: Option<&str>) -> Findings {
    aws.write_config(text);
    if let Some(user) = cluster {
        let server = crate::harness::review_server::ReviewServer::start(aws, "prod.example");
        aws.write(".kube/config", &server.kubeconfig(user));
    }
    let mut command = aws.iam_bridge(&["doctor", "--offline", "-o", "json"]);
    findings(run(command.env("AWS_PROFILE", profile)))
}

#[test]
fn doctor_follows_the_profile_to_its_keys() {
    let aws = Aws::start();
    let keys = "aws_access_key_id = AKIACANARYCANARY0000\naws_secret_access_key = canary\n";
    let chain = format!(
        "[profile base]\n{keys}[profile top]\nsource_profile = base\nrole_arn = arn:aws:iam::111122223333:role/Dev\n"
    );
    let looped =
        "[profile a]\nrole_arn = arn:x\nsource_profile = b\n[profile b]\nrole_arn = arn:y\nsource_profile = a\n";
    let mfa = format!("{chain}mfa_serial = arn:aws:iam::111122223333:mfa/alice\n");
    let never = exec_user("", &[]).replace("IfAvailable", "Never");
    let keeping = exec_user(", --cache-credentials", &[]);
    for (text, profile, cluster, verdict, words, remedy) in [
        (chain.as_str(), "base", None, "good", "profile `base`: keys from profile", ""),
        (&chain, "top", None, "good", "`top` rests on `base`, assumes `arn:aws:iam::111122223333:role/Dev`", ""),
        (&chain, "typo", None, "bad", "profile `typo` is not in the AWS config files", "--profile P"),
        (looped, "a", None, "bad", "builds upon itself", "profile a"),
        (
            "[profile x]\nrole_arn = arn:x\nsource_profile = gone\n",
            "x",
            None,
            "bad",
            "builds upon `gone`",
            "--profile x",
        ),
        (
            &mfa,
            "top",
            None,
            "warn",
            "asks for a code of MFA device `arn:aws:iam::111122223333:mfa/alice`",
            "--cache-credentials",
        ),
        (&mfa, "top", Some(never.as_str()), "warn", "interactiveMode Never lets nobody be asked", "IfAvailable"),
        (&mfa, "top", Some(keeping.as_str()), "good", "asks for a code of MFA device", ""),
        ("[profile empty]\nregion = eu-west-1\n", "empty", None, "good", "says nothing of keys", ""),
    ] {
        let found = with_config(&aws, text, profile, cluster);
        assert_eq!(found.verdict("profile"), verdict, "{words}: {}", found.said.stdout);
        assert!(found.found("profile").contains(words), "{words}: {}", found.found("profile"));
        assert!(found.remedy("profile").contains(remedy), "{remedy}: {}", found.remedy("profile"));
        assert!(!found.said.stdout.to_lowercase().contains("canary"), "{}", found.said.stdout);
    }
}

#[test]
fn doctor_looks_at_the_login_a_profile_rests_on() {
    let aws = Aws::start();
    let text = "[profile people]\nsso_session = people\nsso_account_id = 111122223333\nsso_role_name = Dev\n\
                [sso-session people]\nsso_region = eu-central-1\nsso_start_url = https://people.awsapps.example/start\n\
                [profile console]\nlogin_session = arn:aws:iam::111122223333:user/person\n";
    let found = with_config(&aws, text, "people", None);
    assert_eq!(found.verdict("profile"), "bad", "{}", found.said.stdout);
    assert!(found.found("profile").contains("session `people` is absent"), "{}", found.found("profile"));
    assert_eq!(found.remedy("profile"), "run `aws sso login --sso-session people`");
    for (lives, refreshes, verdict, words) in [
        (3600, false, "good", "session `people` lives until 20"),
        (-60, true, "good", "is refreshed at its next use"),
        (-60, false, "bad", "session `people` ended at 20"),
    ] {
        aws.log_in_by_sso(SsoLogin { identifier: "people", role: "Dev", lives, refreshes });
        let found = with_config(&aws, text, "people", None);
        assert_eq!(found.verdict("profile"), verdict, "{words}: {}", found.said.stdout);
        assert!(found.found("profile").contains(words), "{words}: {}", found.found("profile"));
        assert!(!found.said.stdout.contains("canary"), "{}", found.said.stdout);
    }
    let found = with_config(&aws, text, "console", None);
    assert_eq!(found.remedy("profile"), "run `aws login --profile console`", "{}", found.said.stdout);
    let (.., file) = aws.log_in("arn:aws:iam::111122223333:user/person", 600, true);
    let found = with_config(&aws, text, "console", None);
    assert!(found.found("profile").contains("`aws login` of profile `console` lives until"), "{}", found.said.stdout);
    std::fs::write(file, "{}").unwrap();
    let found = with_config(&aws, text, "console", None);
    assert_eq!(found.verdict("profile"), "bad", "{}", found.said.stdout);
}

#[test]
fn doctor_runs_the_plugin_as_client_go_does_with_made_up_keys() {
    let desk = Desk::mapped();
    let seen = desk.aws.at("seen").display().to_string();
    let program = binary().display().to_string();
    let wrapper =
        script(&desk, "ok/iam-bridge", &format!("env > {seen}; echo \"$@\" >> {seen}; exec {program} \"$@\""));
    let user = exec_user(", --role, \"arn:aws:iam::111122223333:role/Dev\"", &[]).replace(&program, &wrapper);
    let desk = desk.with_user(&user.replace("      args", "      provideClusterInfo: true\n      args"));
    let found = desk.doctor(&["--offline"], &[("AWS_PROFILE", "canary-profile")]);
    assert_eq!(found.verdict("exec-info"), "good", "{}", found.said.stdout);
    let seen = std::fs::read_to_string(seen).unwrap();
    let info = seen.lines().find_map(|line| line.strip_prefix("KUBERNETES_EXEC_INFO=")).unwrap();
    let info: serde_json::Value = serde_json::from_str(info).unwrap();
    assert_eq!(info["spec"]["interactive"], false);
    assert_eq!(info["spec"]["cluster"]["server"], desk.server.url());
    assert!(info["spec"]["cluster"]["certificate-authority-data"].is_string(), "{info}");
    assert!(!seen.contains(&desk.alice.access_key_id) && !seen.contains("canary-profile"), "{seen}");
    assert!(seen.ends_with("get-token --cluster-id prod.example --region eu-central-1\n"), "{seen}");
    assert_eq!(desk.aws.sts.calls(), 0);
}

#[test]
fn doctor_sees_what_a_wrapper_does_to_the_exchange() {
    let program = binary().display().to_string();
    for (text, words, remedy) in [
        (
            format!("unset KUBERNETES_EXEC_INFO; exec {program} \"$@\""),
            "answers with version `client.authentication.k8s.io/v1beta1`",
            "drops KUBERNETES_EXEC_INFO",
        ),
        (format!("echo hello; exec {program} \"$@\""), "does not answer with one JSON object", "standard output"),
        ("echo broken >&2; exit 3".to_owned(), "exit status: 3: broken", "run it by hand"),
        (
            "echo '{\"kind\":\"ExecCredential\",\"apiVersion\":\"client.authentication.k8s.io/v1\"}'".to_owned(),
            "without a token",
            "run it by hand",
        ),
    ] {
        let desk = Desk::mapped();
        let wrapper = script(&desk, "wrapped/iam-bridge", &text);
        let desk = desk.with_user(&exec_user("", &[]).replace(&program, &wrapper));
        let found = desk.doctor(&["--offline"], &[]);
        assert_eq!(found.verdict("exec-info"), "bad", "{words}: {}", found.said.stdout);
        assert!(found.found("exec-info").contains(words), "{words}: {}", found.found("exec-info"));
        assert!(found.remedy("exec-info").contains(remedy), "{remedy}: {}", found.remedy("exec-info"));
    }
}

#[test]
fn doctor_applies_the_variables_of_the_entry() {
    let desk = Desk::mapped();
    desk.aws.write_config("[profile dev]\naws_access_key_id = AKIADEVDEVDEVDEVDEV0\naws_secret_access_key = canary\n");
    let desk = desk.with_user(&exec_user(
        "",
        &[("AWS_PROFILE", "dev"), ("AWS_ACCESS_KEY_ID", ""), ("LD_PRELOAD", "/nonexistent")],
    ));
    let found = desk.doctor(&["--offline"], &[]);
    assert!(found.found("profile").contains("profile `dev`: keys from profile"), "{}", found.said.stdout);
    assert!(!found.said.stderr.contains("LD_PRELOAD"), "{}", found.said.stderr);
}

#[test]
fn doctor_without_credentials_still_asks_whether_the_server_is_there() {
    let desk = Desk::mapped();
    let found = findings(run(&mut desk.aws.iam_bridge(&["doctor", "-o", "json"])));
    assert_eq!((found.said.code, found.with("bad")), (Some(1), vec!["credentials"]), "{}", found.said.stdout);
    assert!(found.found("credentials").contains("no AWS credentials were found"), "{}", found.found("credentials"));
    assert!(found.remedy("credentials").contains("aws login"), "{}", found.remedy("credentials"));
    assert_eq!(found.verdict("api-server"), "good");
    assert_eq!(found.found("identity"), "there is no token to ask with");
}

#[test]
fn doctor_measures_the_clock_against_aws() {
    for (ahead, verdict, words) in [
        (600, "bad", "this machine's clock is 10 min behind AWS's"),
        (-1200, "bad", "this machine's clock is 20 min ahead of AWS's"),
        (90, "warn", "s behind AWS's"),
    ] {
        let desk = Desk::at(Aws::start_ahead(ahead));
        let found = desk.doctor(&[], &[]);
        assert_eq!(found.verdict("clock"), verdict, "{ahead}: {}", found.said.stdout);
        // The second may turn between the two clocks.
        let about = words.replace("10 min", "9 min");
        assert!(
            found.found("clock").contains(words) || found.found("clock").contains(&about),
            "{}",
            found.found("clock")
        );
        assert!(found.remedy("clock").contains("timedatectl"), "{}", found.remedy("clock"));
    }
}

#[test]
fn doctor_says_why_sts_or_a_server_refuses_the_token() {
    let desk = Desk::mapped();
    let found = desk.doctor(&[], &[("AWS_ENDPOINT_URL_STS", &desk.aws.url())]);
    assert_eq!(found.verdict("token"), "bad", "{}", found.said.stdout);
    assert!(found.remedy("token").contains("unset AWS_ENDPOINT_URL_STS"), "{}", found.remedy("token"));
    assert_eq!(found.verdict("identity"), "skipped");

    desk.aws.sts.expire(&desk.alice.access_key_id);
    let found = desk.doctor(&[], &[]);
    assert_eq!(found.with("bad"), ["token"], "{}", found.said.stdout);
    assert!(found.found("token").contains("ExpiredToken") && found.remedy("token").contains("log in again"));

    desk.aws.sts.behave(Behaviour::Down);
    let found = desk.doctor(&[], &[]);
    assert!(found.with("bad").contains(&"token") && found.verdict("clock") == "skipped", "{}", found.said.stdout);
    assert!(found.remedy("token").contains("network"), "{}", found.remedy("token"));
    assert_no_secret(&found.said, &desk.alice);
}

#[test]
fn doctor_colours_its_verdicts_where_colour_is_wanted() {
    let desk = Desk::mapped();
    let mut command = desk.aws.iam_bridge(&["doctor", "--offline"]);
    let said = run(desk.aws.with_keys(&desk.alice, &mut command).env("CLICOLOR_FORCE", "1"));
    assert!(said.stdout.contains("\u{1b}[32mgood"), "{said:?}");
    let mut command = desk.aws.iam_bridge(&["doctor", "--offline"]);
    let said = run(desk.aws.with_keys(&desk.alice, &mut command).envs([("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]));
    assert!(!said.stdout.contains('\u{1b}'), "{said:?}");
}
