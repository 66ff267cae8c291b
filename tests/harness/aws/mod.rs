//! AWS on loopback for the real binary: STS, IAM Identity Center, `aws login`, EKS, EC2 and container metadata.
//!
//! ```text
//! iam-bridge ──HTTPS_PROXY + SSL_CERT_FILE──▶ Proxy ──▶ demo::sts::Sts, with the exceptions of `judge`
//!      └──AWS_ENDPOINT_URL_*, AWS_EC2_METADATA_…, AWS_CONTAINER_…──▶ Services, plain HTTP (is_local: no proxy)
//! ```
//!
//! [`Aws::start`] starts all of it; [`Aws::iam_bridge`] is the binary with nothing of the machine's environment, an
//! empty HOME and every service led here. STS is reached under its real names, so tokens are such as servers accept;
//! `AWS_ENDPOINT_URL_STS` is left unset. Principals come from [`Aws::user`] and [`Aws::role_session`]; files from
//! [`Aws::write`] and the `logins`. What AWS refuses is said by `deny_role`, `require_mfa`, `disable_region` …; what
//! it was asked by [`Aws::calls`].

mod bucket;
pub(crate) mod ec2;
mod eks;
pub(crate) mod eks_entries;
pub(crate) mod iam;
mod judge;
mod listening;
mod logins;
mod metadata;
mod services;
mod token;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use iam_bridge::clock::{Clock, UnixSeconds};
use iam_bridge::demo::sts::{Behaviour, Exceptions, Principal, Sts};
use secrecy::ExposeSecret;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::process::{Said, iam_bridge};
use super::proxy::Proxy;
pub(crate) use eks::Cluster;
pub(crate) use logins::{START_URL, SsoLogin};
pub(crate) use metadata::Instance;
use services::{Services, State};
pub(crate) use token::{access_key_id, presigned_url};

/// The account of every principal.
pub(crate) const ACCOUNT: &str = "111122223333";

/// The region that commands are run in, unless they name another.
pub(crate) const REGION: &str = "eu-central-1";

/// All of it, running. Dropping it ends it.
pub(crate) struct Aws {
    pub(crate) sts: Arc<Sts>,
    pub(crate) proxy: Proxy,
    services: Services,
    home: TempDir,
    runtime: Runtime,
}

impl Aws {
    /// With the machine's own clock.
    pub(crate) fn start() -> Self {
        Self::start_at(Clock::system())
    }

    /// AWS's clock shows this many seconds more than the machine's.
    pub(crate) fn start_ahead(seconds: i64) -> Self {
        let (clock, _hand) = Clock::manual(Clock::system().now().plus(seconds));
        Self::start_at(clock)
    }

    fn start_at(clock: Clock) -> Self {
        let runtime = Runtime::new().unwrap();
        let home = tempfile::tempdir().unwrap();
        let (sts, proxy, services) = runtime.block_on(async {
            let sts = Arc::new(Sts::start_with(clock.clone()).await.unwrap());
            let proxy = Proxy::start(sts.address()).await;
            let services = Services::start(Arc::clone(&sts), clock).await;
            (sts, proxy, services)
        });
        fs::write(home.path().join("sts-ca.pem"), sts.ca_pem()).unwrap();
        let aws = Self { sts, proxy, services, home, runtime };
        aws.be_honest();
        aws
    }

    /// STS answers again, after `self.sts.behave(…)`.
    pub(crate) fn be_honest(&self) {
        let state = Arc::clone(self.state());
        self.sts.behave(Behaviour::Except(Exceptions::new(move |request| judge::exception(&state, request))));
    }

    /// The binary with `arguments`, led here.
    pub(crate) fn iam_bridge(&self, arguments: &[&str]) -> Command {
        let mut command = iam_bridge();
        command.args(arguments);
        self.steer(&mut command);
        command
    }

    /// Leads any program here that heeds the AWS SDKs' variables; the metadata services stay off.
    pub(crate) fn steer(&self, command: &mut Command) {
        let url = self.services.url();
        command
            .env("HOME", self.home.path())
            .env("HTTPS_PROXY", self.proxy.url())
            .env("SSL_CERT_FILE", self.at("sts-ca.pem"))
            .env("AWS_REGION", REGION)
            .env("AWS_EC2_METADATA_DISABLED", "true");
        for service in ["SSO", "SSO_OIDC", "SIGNIN", "EKS"] {
            command.env(format!("AWS_ENDPOINT_URL_{service}"), &url);
        }
    }

    /// Puts a principal's keys into the environment.
    pub(crate) fn with_keys<'c>(&self, principal: &Principal, command: &'c mut Command) -> &'c mut Command {
        command
            .env("AWS_ACCESS_KEY_ID", &principal.access_key_id)
            .env("AWS_SECRET_ACCESS_KEY", principal.secret_access_key.expose_secret());
        if let Some(token) = &principal.session_token {
            command.env("AWS_SESSION_TOKEN", token.expose_secret());
        }
        command
    }

    /// A session of a role that STS knows.
    pub(crate) fn role_session(&self, role: &str, session: &str) -> Principal {
        self.known(Principal::role_session(ACCOUNT, role, session).unwrap())
    }

    /// A user that STS knows.
    pub(crate) fn user(&self, name: &str) -> Principal {
        self.known(Principal::user(ACCOUNT, name).unwrap())
    }

    fn known(&self, principal: Principal) -> Principal {
        self.sts.add(principal.clone());
        self.state().edit(|facts| facts.principals.push(principal.clone()));
        principal
    }

    /// Nobody may assume this role.
    pub(crate) fn deny_role(&self, role_arn: &str) {
        self.state().edit(|facts| facts.denied_roles.push(role_arn.to_owned()));
    }

    /// This role is assumed with this device and code only.
    pub(crate) fn require_mfa(&self, role_arn: &str, serial: &str, code: &str) {
        let [role_arn, serial, code] = [role_arn, serial, code].map(str::to_owned);
        self.state().edit(|facts| facts.mfa.push((role_arn, serial, code)));
    }

    /// The account has not opted in to this region.
    pub(crate) fn disable_region(&self, region: &str) {
        self.state().edit(|facts| facts.disabled_regions.push(region.to_owned()));
    }

    /// Whoever holds this OIDC token may assume this role with it; yields the session they get.
    pub(crate) fn trust_web_identity(&self, token: &str, role: &str, session: &str) -> Principal {
        let principal = self.role_session(role, session);
        self.state().edit(|facts| facts.web_identities.push((token.to_owned(), principal.clone())));
        principal
    }

    /// What EKS knows.
    pub(crate) fn add_cluster(&self, cluster: Cluster) {
        self.state().edit(|facts| facts.clusters.push(cluster));
    }

    /// This principal may not describe clusters.
    pub(crate) fn deny_eks(&self, principal: &Principal) {
        self.state().edit(|facts| facts.denied_eks.push(principal.arn.clone()));
    }

    /// Switches the EC2 metadata service on for a command.
    pub(crate) fn on_instance<'c>(&self, instance: Instance, command: &'c mut Command) -> &'c mut Command {
        let url = if matches!(instance, Instance::Absent) { closed_port_url() } else { self.services.url() };
        self.state().edit(|facts| facts.instance = instance);
        command.env_remove("AWS_EC2_METADATA_DISABLED").env("AWS_EC2_METADATA_SERVICE_ENDPOINT", url)
    }

    /// Gives a command the container credentials endpoint, which hands out the keys of `principal`.
    pub(crate) fn in_container<'c>(&self, principal: &Principal, command: &'c mut Command) -> &'c mut Command {
        self.state().edit(|facts| facts.container = Some(principal.clone()));
        command
            .env("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("{}/v1/credentials", self.services.url()))
            .env("AWS_CONTAINER_AUTHORIZATION_TOKEN", metadata::CONTAINER_TOKEN)
    }

    /// Keys that metadata, Identity Center and `aws login` hand out live this long, seconds; at first an hour.
    pub(crate) fn give_keys_for(&self, seconds: i64) {
        self.state().edit(|facts| facts.key_life = seconds);
    }

    /// Calls taken so far by name: `AssumeRole`, `GetCallerIdentity`, `GetRoleCredentials`, `CreateToken`,
    /// `CreateOAuth2Token`, `DescribeCluster`, `ListClusters`, `PUT token`, `metadata`, `container` …
    pub(crate) fn calls(&self, name: &str) -> usize {
        let of_sts = self.sts.requests();
        let of_sts = of_sts.iter().filter(|request| judge::action(request).as_deref() == Some(name)).count();
        of_sts + self.services.calls(name)
    }

    /// The form of the last call of this name at STS.
    pub(crate) fn last_form(&self, action: &str) -> Vec<(String, String)> {
        let requests = self.sts.requests();
        let last = requests.iter().rev().find(|request| judge::action(request).as_deref() == Some(action));
        judge::form(last.unwrap_or_else(|| panic!("{action} was never asked")))
    }

    /// Panics when a program printed a secret that this AWS gave out, or a whole key id.
    pub(crate) fn assert_no_secret(&self, said: &Said) {
        let secrets = self.state().edit(|facts| {
            let of = |principal: &Principal| {
                let token = principal.session_token.as_ref().map(|token| token.expose_secret().to_owned());
                let secret = principal.secret_access_key.expose_secret().to_owned();
                [Some(principal.access_key_id.clone()), Some(secret), token].into_iter().flatten()
            };
            facts.principals.iter().flat_map(of).chain(["canary".to_owned()]).collect::<Vec<String>>()
        });
        for secret in secrets {
            assert!(!said.stderr.contains(&secret), "a secret was printed: {}", said.stderr);
        }
    }

    /// Writes a file below HOME and yields its path.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.at(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    /// Writes `~/.aws/config`.
    pub(crate) fn write_config(&self, text: &str) -> PathBuf {
        self.write(".aws/config", text)
    }

    /// A path below HOME.
    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// HOME of every command.
    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// AWS's time.
    pub(crate) fn now(&self) -> UnixSeconds {
        self.state().now()
    }

    /// Runs asynchronous steps of a test that is itself none.
    pub(crate) fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }

    /// Where services other than STS listen.
    pub(crate) fn url(&self) -> String {
        self.services.url()
    }

    fn state(&self) -> &Arc<State> {
        self.services.state()
    }
}

/// A URL of this machine where nobody listens.
pub(crate) fn closed_port_url() -> String {
    "http://127.0.0.1:1".to_owned()
}
