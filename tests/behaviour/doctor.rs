//! `doctor`: the real binary, a fake AWS and a small API server.

use iam_bridge::demo::sts::Principal;
use serde_json::Value;

use super::whoami::{assert_no_secret, exec_user, short, steady};
use crate::harness::authority::Authority;
use crate::harness::aws::{Aws, closed_port_url};
use crate::harness::process::{Said, binary, run};
use crate::harness::review_server::{Manners, ReviewServer};

const CLUSTER_ID: &str = "prod.example";
const ROLE: &str = "arn:aws:iam::111122223333:role/Dev";

const ALL: [&str; 10] = [
    "kubeconfig",
    "environment",
    "profile",
    "exec-info",
    "credentials",
    "clock",
    "token",
    "api-server",
    "identity",
    "permissions",
];

/// What doctor found, by the names of its checks.
pub(super) struct Findings {
    pub(super) said: Said,
    pub(super) report: Value,
}

impl Findings {
    pub(super) fn check(&self, name: &str) -> &Value {
        let checks = self.report["checks"].as_array().unwrap();
        checks.iter().find(|check| check["name"] == name).unwrap_or_else(|| panic!("{name}: {}", self.report))
    }

    pub(super) fn verdict(&self, name: &str) -> &str {
        self.check(name)["verdict"].as_str().unwrap()
    }

    pub(super) fn found(&self, name: &str) -> &str {
        self.check(name)["found"].as_str().unwrap()
    }

    pub(super) fn remedy(&self, name: &str) -> &str {
        self.check(name)["remedy"].as_str().unwrap_or_default()
    }

    /// Names of the checks with this verdict.
    pub(super) fn with(&self, verdict: &str) -> Vec<&str> {
        let checks = self.report["checks"].as_array().unwrap().iter();
        checks.filter(|check| check["verdict"] == verdict).map(|check| check["name"].as_str().unwrap()).collect()
    }
}

/// A person with a kubeconfig for a cluster.
pub(super) struct Desk {
    pub(super) aws: Aws,
    pub(super) server: ReviewServer,
    pub(super) alice: Principal,
}

impl Desk {
    pub(super) fn new() -> Self {
        Self::at(Aws::start())
    }

    /// In front of this AWS.
    pub(super) fn at(aws: Aws) -> Self {
        let server = ReviewServer::start(&aws, CLUSTER_ID);
        let alice = aws.role_session("Dev", "alice");
        aws.write(".kube/config", &server.kubeconfig(&exec_user("", &[])));
        Self { aws, server, alice }
    }

    pub(super) fn mapped() -> Self {
        let desk = Self::new();
        desk.server.map(ROLE, "dev:alice");
        desk
    }

    pub(super) fn with_user(self, user: &str) -> Self {
        self.aws.write(".kube/config", &self.server.kubeconfig(user));
        self
    }

    pub(super) fn doctor(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Findings {
        let mut command = self.aws.iam_bridge(&["doctor", "-o", "json"]);
        self.aws.with_keys(&self.alice, &mut command).args(arguments).envs(variables.iter().copied());
        findings(run(&mut command))
    }
}

pub(super) fn findings(said: Said) -> Findings {
    let report: Value = serde_json::from_str(&said.stdout).unwrap_or_else(|_| panic!("{said:?}"));
    let names: Vec<&str> =
        report["checks"].as_array().unwrap().iter().map(|check| check["name"].as_str().unwrap()).collect();
    assert_eq!(names, ALL, "the checks and their order are for programs to rely on");
    Findings { said, report }
}

#[test]
fn doctor_checks_stand_in_the_reference_in_their_order() {
    let page = super::architecture::read("docs/reference/doctor.md");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    assert_eq!(rows.collect::<Vec<_>>(), ALL);
}

#[test]
fn doctor_finds_all_well_on_the_way_into_the_cluster() {
    let desk = Desk::mapped();
    let found = desk.doctor(&[], &[]);
    assert_eq!(found.said.code, Some(0), "{}", found.said.stdout);
    assert_eq!((found.with("bad"), found.with("warn")), (vec![], vec![]), "{}", found.said.stdout);
    assert_eq!(found.report["context"], "prod");
    for (name, words) in [
        ("kubeconfig", "our plugin for cluster id `prod.example`"),
        ("exec-info", "asked in v1 with made-up keys, answers in v1"),
        ("credentials", &format!("key {} from environment", short(&desk.alice.access_key_id))),
        ("clock", "agrees with AWS's"),
        ("token", &format!("says `{}`; mappings must name `{ROLE}`", desk.alice.arn)),
        ("api-server", "answers, Kubernetes v1.33.0"),
        ("identity", "user `dev:alice`, groups `people`, `system:authenticated`"),
        ("permissions", "3 rules in namespace `default`"),
    ] {
        assert!(found.found(name).contains(words), "{name}: {words}: {}", found.found(name));
    }
    assert_no_secret(&found.said, &desk.alice);
    assert!(!desk.aws.at(".kube/cache").exists(), "tokens must be kept nowhere");
    // The first question is asked as nobody.
    assert_eq!(desk.server.asked().first(), Some(&("/version".to_owned(), None)));
}

#[test]
fn doctor_shows_a_table_of_what_is_wrong_with_what_to_do() {
    let desk = Desk::new();
    let mut command = desk.aws.iam_bridge(&["doctor", "prod"]);
    let said = run(desk.aws.with_keys(&desk.alice, &mut command));
    assert_eq!(said.code, Some(1));
    assert!(!said.stdout.contains('\u{1b}'), "colour is for terminals");
    let program = binary().display().to_string();
    let home = desk.aws.home().display().to_string();
    let key = short(&desk.alice.access_key_id);
    let replaced = [(program.as_str(), "PROGRAM"), (&home, "HOME"), (&key, "KEY"), (&desk.server.url(), "SERVER")];
    let table: String = said.stdout.lines().map(|line| line.split(", in ").next().unwrap().to_owned() + "\n").collect();
    insta::assert_snapshot!(steady(&table, &replaced));
}

#[test]
fn doctor_offline_asks_nobody() {
    let desk = Desk::mapped();
    let found = desk.doctor(&["--offline"], &[]);
    assert_eq!(found.said.code, Some(0), "{}", found.said.stdout);
    assert_eq!(found.with("skipped")[found.with("skipped").len() - 6..], ALL[4..]);
    assert_eq!((desk.aws.sts.calls(), desk.server.asked().len()), (0, 0));
}

#[test]
fn doctor_without_a_kubeconfig_looks_at_aws() {
    let aws = Aws::start();
    let alice = aws.role_session("Dev", "alice");
    let said = run(aws.with_keys(&alice, &mut aws.iam_bridge(&["doctor", "-o", "json"])));
    let found = findings(said);
    assert_eq!(found.said.code, Some(0), "{}", found.said.stdout);
    assert_eq!(found.report["context"], Value::Null);
    for name in ["kubeconfig", "exec-info", "api-server", "identity", "permissions"] {
        assert_eq!(found.verdict(name), "skipped", "{name}");
    }
    assert!(found.found("token").contains("made-up cluster id"), "{}", found.found("token"));
    // What was asked for by name must be there.
    for arguments in
        [vec!["doctor", "-o", "json", "prod"], vec!["doctor", "-o", "json", "--kubeconfig", "/nonexistent"]]
    {
        let found = findings(run(aws.with_keys(&alice, &mut aws.iam_bridge(&arguments))));
        assert_eq!((found.said.code, found.verdict("kubeconfig")), (Some(1), "bad"), "{arguments:?}");
    }
}

#[test]
fn doctor_explains_a_401_and_gives_what_to_paste() {
    let desk = Desk::new();
    let found = desk.doctor(&[], &[]);
    assert_eq!((found.said.code, found.with("bad")), (Some(1), vec!["identity"]), "{}", found.said.stdout);
    assert_eq!(found.verdict("permissions"), "skipped");
    let identity = found.check("identity");
    let causes: Vec<&str> =
        identity["causes"].as_array().unwrap().iter().map(|cause| cause.as_str().unwrap()).collect();
    for (cause, words) in causes.iter().zip([ROLE, "cluster id is not `prod.example`", "asks no webhook"]) {
        assert!(cause.contains(words), "{words}: {cause}");
    }
    let snippets = identity["snippets"].as_array().unwrap();
    let text = |at: usize| snippets[at]["text"].as_str().unwrap();
    assert_eq!(text(0), format!("- rolearn: {ROLE}\n  username: \"Dev:{{{{SessionName}}}}\"\n  groups: [GROUP]\n"));
    assert!(
        text(1).contains("kind: IAMIdentityMapping") && text(1).contains(&format!("  arn: {ROLE}\n")),
        "{}",
        text(1)
    );
    assert!(
        text(2).starts_with("aws eks create-access-entry --cluster-name prod.example --principal-arn"),
        "{}",
        text(2)
    );
    assert_no_secret(&found.said, &desk.alice);
}

#[test]
fn doctor_finds_the_cluster_id_that_works() {
    let desk = Desk::mapped();
    let user = exec_user("", &[]).replace(CLUSTER_ID, "\"arn:aws:eks:eu-central-1:111122223333:cluster/prod.example\"");
    let desk = desk.with_user(&user);
    let found = desk.doctor(&[], &[]);
    assert_eq!(found.with("bad"), ["identity"], "{}", found.said.stdout);
    assert!(found.found("identity").contains("but one for `prod.example`"), "{}", found.found("identity"));
    assert!(found.remedy("identity").contains("--cluster-id prod.example"), "{}", found.remedy("identity"));
}

#[test]
fn doctor_takes_no_permission_for_no_fault_of_authentication() {
    let desk = Desk::mapped();
    desk.server.behave(Manners::default());
    let found = desk.doctor(&[], &[]);
    assert_eq!((found.said.code, found.verdict("permissions")), (Some(0), "warn"), "{}", found.said.stdout);
    assert!(found.remedy("permissions").contains("--group=people"), "{}", found.remedy("permissions"));
}

#[test]
fn doctor_gets_along_with_api_servers_of_all_ages() {
    let desk = Desk::mapped();
    let v1 = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
    desk.server.behave(Manners { rules: 1, lacks: vec![v1], ..Manners::default() });
    assert_eq!(desk.doctor(&[], &[]).verdict("identity"), "good");
    let v1beta1 = "/apis/authentication.k8s.io/v1beta1/selfsubjectreviews";
    desk.server.behave(Manners { rules: 1, lacks: vec![v1, v1beta1], ..Manners::default() });
    let found = desk.doctor(&[], &[]);
    assert_eq!((found.verdict("identity"), found.verdict("permissions")), ("warn", "good"), "{}", found.said.stdout);
}

#[test]
fn doctor_tells_an_unreachable_server_from_an_untrusted_and_a_sick_one() {
    let desk = Desk::mapped();
    let whole = desk.server.kubeconfig(&exec_user("", &[]));
    desk.aws.write(".kube/config", &whole.replace(&desk.server.url(), &closed_port_url().replace("http:", "https:")));
    let found = desk.doctor(&[], &[]);
    assert_eq!((found.with("bad"), found.said.code), (vec!["api-server"], Some(1)), "{}", found.said.stdout);
    assert!(found.found("api-server").contains("cannot be reached"), "{}", found.found("api-server"));
    assert_eq!(found.verdict("token"), "good");

    let other = desk.aws.write("other.pem", Authority::new("another").pem());
    let line = whole.lines().find(|line| line.contains("certificate-authority-data")).unwrap();
    let untrusted = whole.replace(line, &format!("    certificate-authority: {}", other.display()));
    desk.aws.write(".kube/config", &untrusted);
    let found = desk.doctor(&[], &[]);
    assert!(found.found("api-server").contains("cannot be trusted"), "{}", found.found("api-server"));
    assert!(desk.server.asked().is_empty(), "no token goes to a server that is not trusted");

    desk.aws.write(".kube/config", &whole.replace(line, "    insecure-skip-tls-verify: true"));
    let found = desk.doctor(&[], &[]);
    assert_eq!((found.verdict("api-server"), found.verdict("identity")), ("warn", "good"), "{}", found.said.stdout);

    desk.aws.write(".kube/config", &whole.replace(line, &format!("{line}\n    tls-server-name: elsewhere.example")));
    let found = desk.doctor(&[], &[]);
    assert!(found.found("api-server").contains("cannot be trusted"), "{}", found.found("api-server"));

    desk.aws.write(".kube/config", &whole);
    desk.server.behave(Manners { says: Some((500, "oh")), ..Manners::default() });
    let found = desk.doctor(&[], &[]);
    assert!(found.found("api-server").contains("answers 500"), "{}", found.found("api-server"));
}

#[test]
fn doctor_goes_through_the_proxy_of_the_cluster() {
    let desk = Desk::mapped();
    let whole = desk.server.kubeconfig(&exec_user("", &[]));
    let address: std::net::SocketAddr = desk.server.url().strip_prefix("https://").unwrap().parse().unwrap();
    let proxy = desk.aws.block_on(crate::harness::proxy::Proxy::start(address));
    let (before, after) = whole.split_once("    server: ").unwrap();
    let url = proxy.url().replace("http://", "http://user:canary@");
    let through = format!(
        "{before}    proxy-url: {url}\n    tls-server-name: 127.0.0.1\n    server: https://api.example:6443\n{}",
        after.split_once('\n').unwrap().1
    );
    desk.aws.write(".kube/config", &through);
    let found = desk.doctor(&[], &[]);
    assert_eq!((found.verdict("api-server"), found.verdict("identity")), ("good", "good"), "{}", found.said.stdout);
    assert!(proxy.asked().iter().all(|host| host == "api.example:6443"), "{:?}", proxy.asked());
    // A proxy that is not spoken here is told without its password.
    desk.aws.write(".kube/config", &through.replace("proxy-url: http://", "proxy-url: socks5://"));
    let found = desk.doctor(&[], &[]);
    assert_eq!(found.verdict("api-server"), "bad");
    assert!(!found.said.stdout.contains("canary"), "{}", found.said.stdout);
}
