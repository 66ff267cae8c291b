//! `kubeconfig`: writes the entry that makes kubectl call us.

mod outcome;

use std::fmt::Display;
use std::path::PathBuf;

use super::{Call, Exit, output, usage};
use crate::aws::{EksCall, EksCluster, EksError, describe_cluster};
use crate::clock::Clock;
use crate::config::exec_entry::{self, Plugin};
use crate::config::flags::{Global, Keys, Kubeconfig};
use crate::config::get_token::{PlanError, keys};
use crate::config::kubeconfig::{
    Circumstances, Conversion, Job, Names, WishError, certificate_authority, cluster_id, eks_name, exec_user, job,
    region_of,
};
use crate::doctor::find_program;
use crate::get_token::{KeySettings, outlook};
use crate::kubeconfig::{Change, Files, Kind};
use crate::kubernetes::KubeconfigFiles;

/// Our name on PATH.
const PROGRAM: &str = "iam-bridge";

/// Runs the command.
pub(super) fn run(flags: &Kubeconfig, call: &Call) -> Exit {
    match try_run(flags, call) {
        Ok(exit) => exit,
        Err(Failure { what, remedy, is_usage }) => {
            output::fail(what);
            if let Some(remedy) = remedy {
                output::hint(remedy);
            }
            if is_usage {
                usage::show("kubeconfig");
                return Exit::Usage;
            }
            Exit::Failed
        }
    }
}

/// Why the command failed.
struct Failure {
    what: String,
    remedy: Option<String>,
    is_usage: bool,
}

impl Failure {
    fn of(what: impl Display) -> Self {
        Self { what: what.to_string(), remedy: None, is_usage: false }
    }

    fn with(what: impl Display, remedy: impl Into<String>) -> Self {
        Self { remedy: Some(remedy.into()), ..Self::of(what) }
    }
}

impl From<WishError> for Failure {
    fn from(error: WishError) -> Self {
        Self { is_usage: error.is_usage(), ..Self::of(error) }
    }
}

impl From<PlanError> for Failure {
    fn from(error: PlanError) -> Self {
        if let PlanError::File(faults) = &error {
            faults.iter().for_each(output::line);
        }
        Self { is_usage: error.is_usage(), ..Self::of(error) }
    }
}

/// What is to be written, and which entry it is about.
struct Wish {
    kind: Kind,
    name: String,
    changes: Vec<Change>,
}

fn try_run(flags: &Kubeconfig, call: &Call) -> Result<Exit, Failure> {
    let job = job(flags)?;
    let env = &call.env;
    let paths =
        KubeconfigFiles::choose(flags.kubeconfig.as_deref(), env.kubeconfig.as_deref(), env.home.as_deref()).paths;
    let Some((first, others)) = paths.split_first() else {
        return Err(Failure::of("there is no home directory to write .kube/config in; give --kubeconfig FILE"));
    };
    let files = Files::load(first, others).map_err(Failure::of)?;
    let desk = Desk { flags, call, files };
    let wish = match job {
        Job::Convert(context) => desk.convert(context)?,
        Job::Eks(name) => desk.eks(name)?,
        Job::Revert(context) => desk.revert(context)?,
        Job::Server(url) => desk.server(url)?,
        Job::UserOnly => desk.user_only()?,
    };
    outcome::write(&wish, flags, &call.env, &desk.files)
}

/// Everything a job looks at.
struct Desk<'c> {
    flags: &'c Kubeconfig,
    call: &'c Call,
    files: Files,
}

impl Desk<'_> {
    fn eks(&self, typed: &str) -> Result<Wish, Failure> {
        let (name, region) = eks_name(typed);
        let mut typed = self.flags.keys.clone();
        typed.region = typed.region.or_else(|| region.map(str::to_owned));
        let settings = keys(&self.call.global, &typed, &self.call.env)?;
        let outlook = outlook(&settings);
        let region = outlook.region.clone().ok_or(WishError::NoRegion)?;
        self.warn_of_profile(&settings, outlook.is_known);
        let settings = KeySettings { region: Some(region.clone()), ..settings };
        let cluster = self.describe(&settings, &region, outlook.eks_endpoint_url, name)?;
        let names = Names::of_eks(self.flags, &cluster);
        self.spare(&names)?;
        let signed = cluster.local_id.clone().unwrap_or_else(|| cluster.name.clone());
        let global =
            Global { cluster_id: self.call.global.cluster_id.clone().or(Some(signed)), ..self.call.global.clone() };
        let circumstances = Circumstances { command: self.command()?, asks_for_mfa: outlook.asks_for_mfa };
        let exec = exec_user(self.flags, &global, &Keys { region: Some(region), ..typed }, &circumstances);
        let context = names.context.clone();
        let changes = names.changes(&cluster.endpoint, Some(cluster.certificate_authority_data), exec, self.flags);
        Ok(Wish { kind: Kind::Context, name: context, changes })
    }

    /// Asks EKS with the keys the token will be signed with; when they may not, with those that assume the role.
    fn describe(
        &self,
        settings: &KeySettings,
        region: &str,
        profile_endpoint: Option<String>,
        name: &str,
    ) -> Result<EksCluster, Failure> {
        let aws = &self.call.env.aws;
        let from_environment = aws.endpoint_url_eks.clone().or_else(|| aws.endpoint_url.clone());
        let endpoint_url =
            from_environment.filter(|_| settings.ignore_endpoint_urls != Some(true)).or(profile_endpoint);
        match ask_eks(settings, region, endpoint_url.clone(), name) {
            Err(Asked::Eks(EksError::Refused { code, .. }))
                if settings.role.is_some() && code.starts_with("AccessDenied") =>
            {
                output::line(format_args!(
                    "note: the role may not describe the cluster ({code}); asking with the keys that assume it"
                ));
                let base = KeySettings { role: None, ..settings.clone() };
                ask_eks(&base, region, endpoint_url, name).map_err(Failure::from)
            }
            answer => answer.map_err(Failure::from),
        }
    }

    fn server(&self, url: &str) -> Result<Wish, Failure> {
        let ca =
            self.flags.certificate_authority.as_ref().map(certificate_authority).transpose().map_err(Failure::of)?;
        if url.starts_with("http:") {
            output::warning("tokens will travel to this API server in the clear; give an https URL");
        }
        let (exec, id) = self.given_exec(Some(url))?;
        let names = Names::of_server(self.flags, &id);
        self.spare(&names)?;
        let context = names.context.clone();
        Ok(Wish { kind: Kind::Context, name: context, changes: names.changes(url, ca, exec, self.flags) })
    }

    fn user_only(&self) -> Result<Wish, Failure> {
        let (exec, id) = self.given_exec(None)?;
        let names = Names::of_server(self.flags, &id);
        self.spare_user(&names.user)?;
        Ok(Wish { kind: Kind::User, name: names.user.clone(), changes: vec![Change::User { name: names.user, exec }] })
    }

    /// The entry for the cluster id that was given, and the id.
    fn given_exec(&self, server: Option<&str>) -> Result<(crate::kubeconfig::ExecUser, String), Failure> {
        let id = cluster_id(&self.call.global, self.call.env.cluster_id.as_ref())?;
        let global = Global { cluster_id: Some(id.clone()), ..self.call.global.clone() };
        let settings = keys(&global, &self.flags.keys, &self.call.env)?;
        let outlook = outlook(&settings);
        self.warn_of_profile(&settings, outlook.is_known);
        let typed = self.flags.keys.region.clone();
        // The cluster's own region is best: its webhook asks the STS of the token's region.
        let region = typed.or_else(|| region_of(server, "")).or(outlook.region).ok_or(WishError::NoRegion)?;
        let keys = Keys { region: Some(region), ..self.flags.keys.clone() };
        let circumstances = Circumstances { command: self.command()?, asks_for_mfa: outlook.asks_for_mfa };
        Ok((exec_user(self.flags, &global, &keys, &circumstances), id))
    }

    fn convert(&self, context: &str) -> Result<Wish, Failure> {
        let found = self.context(context)?;
        let exec = self.files.exec(&found.user);
        let conversion = Conversion::of(&found.user, exec.as_ref(), self.flags, &self.call.global).map_err(|error| {
            let remedy = "entries of `aws eks get-token`, aws-iam-authenticator and iam-bridge can be converted; write a \
                          new one with `iam-bridge kubeconfig --user-only --cluster-id ID`";
            let not_convertible = matches!(error, WishError::NotConvertible { .. });
            Failure { remedy: not_convertible.then(|| remedy.to_owned()), ..Failure::from(error) }
        })?;
        for note in &conversion.notes {
            output::line(format_args!("note: {note}"));
        }
        // The plugin sees the entry's variables, and so does whoever asks what it will need.
        let mut env = self.call.env.clone();
        env.aws.profile = conversion.variable("AWS_PROFILE").map(str::to_owned).or(env.aws.profile);
        let outlook = outlook(&keys(conversion.global(), conversion.keys(), &env)?);
        let names_region = ["AWS_REGION", "AWS_DEFAULT_REGION"].iter().any(|name| conversion.variable(name).is_some());
        let of_cluster = region_of(self.files.server(&found.cluster).as_deref(), &found.cluster);
        let region = of_cluster.or(outlook.region).filter(|_| !names_region);
        if region.is_none() && !names_region && conversion.keys().region.is_none() {
            output::warning(format_args!(
                "no region is known for context `{context}`; tokens follow the environment, then us-east-1; better: \
                 --convert {context} --region R"
            ));
        }
        let remembers = conversion.plugin != Plugin::Ours;
        let circumstances = Circumstances { command: self.command()?, asks_for_mfa: outlook.asks_for_mfa };
        let exec = conversion.exec_user(self.flags, region, &circumstances);
        let mut changes = vec![Change::Convert { name: found.user, exec, remembers }];
        changes.extend(self.flags.use_context.then(|| Change::UseContext(context.to_owned())));
        Ok(Wish { kind: Kind::Context, name: context.to_owned(), changes })
    }

    fn revert(&self, context: &str) -> Result<Wish, Failure> {
        let mut changes = vec![Change::Revert { name: self.context(context)?.user }];
        changes.extend(self.flags.use_context.then(|| Change::UseContext(context.to_owned())));
        Ok(Wish { kind: Kind::Context, name: context.to_owned(), changes })
    }

    fn context(&self, name: &str) -> Result<crate::kubeconfig::ContextEntry, Failure> {
        self.files.context(name).ok_or_else(|| {
            let known = self.files.names(Kind::Context);
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            Failure::of(format_args!("context `{name}` is not in the kubeconfig; it holds {known}"))
        })
    }

    /// A context or user of somebody else must not fall to a default name.
    fn spare(&self, names: &Names) -> Result<(), Failure> {
        let other = self.files.context(&names.context).filter(|found| found.cluster != names.cluster);
        if let Some(found) = other.filter(|_| self.flags.context.is_none()) {
            return Err(Failure::with(
                format_args!("context `{}` is there already, for cluster `{}`", names.context, found.cluster),
                format!("name another with --context NAME, or take it over with --context {}", names.context),
            ));
        }
        self.spare_user(&names.user)
    }

    fn spare_user(&self, name: &str) -> Result<(), Failure> {
        if self.flags.user.is_some() || !self.files.has(Kind::User, name) {
            return Ok(());
        }
        let exec = self.files.exec(name);
        if exec.is_some_and(|exec| exec_entry::parse(&exec.command, &exec.args).is_ok()) {
            return Ok(());
        }
        Err(Failure::with(
            format_args!("user `{name}` is there already, and gets in by other means than AWS"),
            format!("name another with --user NAME, or replace it with --user {name}"),
        ))
    }

    fn warn_of_profile(&self, settings: &KeySettings, is_known: bool) {
        if let Some(profile) = settings.profile.as_ref().filter(|_| !is_known) {
            output::warning(format_args!("profile `{profile}` is not in the AWS config files of this machine"));
        }
        if let (None, Some(profile)) = (&settings.profile, &settings.environment_profile) {
            output::line(format_args!(
                "note: AWS_PROFILE is `{profile}` now; the entry follows the environment of each call; --profile {profile} pins it"
            ));
        }
    }

    /// The program as it is to be called.
    fn command(&self) -> Result<String, Failure> {
        let path = self.call.env.path.as_deref();
        let on_path = find_program(PROGRAM, path);
        if !self.flags.absolute_path {
            if on_path.is_none() {
                output::warning("iam-bridge is not on PATH, so kubectl will not find it; give --absolute-path");
            }
            return Ok(PROGRAM.to_owned());
        }
        let own = std::env::current_exe()
            .map_err(|error| Failure::of(format_args!("this program's own path is not known: {error}")))?;
        // A link on PATH outlives an update, the place it leads to may not.
        let is_own = |found: &PathBuf| found.canonicalize().ok() == own.canonicalize().ok();
        let chosen = on_path.filter(is_own).unwrap_or(own);
        let Some(text) = chosen.to_str() else {
            return Err(Failure::of(format_args!("the path `{}` is not UTF-8", chosen.display())));
        };
        Ok(text.to_owned())
    }
}

/// Who refused.
enum Asked {
    Eks(EksError),
    Other(Failure),
}

impl From<Asked> for Failure {
    fn from(asked: Asked) -> Self {
        match asked {
            Asked::Eks(error) => Self::with(&error, error.remedy()),
            Asked::Other(failure) => failure,
        }
    }
}

fn ask_eks(
    settings: &KeySettings,
    region: &str,
    endpoint_url: Option<String>,
    name: &str,
) -> Result<EksCluster, Asked> {
    let keys = crate::get_token::load_keys(settings, &|| {}, &Clock::system())
        .map_err(|error| Asked::Other(Failure::with(output::chain(&error), error.remedy())))?;
    let call = EksCall {
        credentials: keys.credentials,
        region: region.to_owned(),
        fips: keys.form.fips,
        dual_stack: keys.form.dual_stack,
        endpoint_url,
        http: keys.http,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Asked::Other(Failure::of(format_args!("the system gives no event loop: {error}"))))?;
    let answer = runtime.block_on(describe_cluster(&call, name)).map_err(Asked::Eks);
    runtime.shutdown_background();
    answer
}
