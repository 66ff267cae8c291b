//! What the exec entry of a kubeconfig means: the command line of our plugin, of aws-iam-authenticator or of the AWS CLI.
//!
//! [`parse`] reads it, [`write_args`] writes ours. The AWS CLI reads its global flags first, by any prefix that fits one
//! of them alone, and then those of the command among what is left; so do we.

use clap::Parser;

use super::flags::{Command, Flags, GetToken, Global, Keys, SessionNameFrom, TokenCache};

/// A plugin call that was understood.
#[derive(Debug)]
pub struct PluginCall {
    /// Whose words they are.
    pub plugin: Plugin,
    /// What was typed before or after the command's name.
    pub global: Global,
    /// What was typed for `get-token`.
    pub flags: GetToken,
    /// Flags of the AWS CLI that have no counterpart with us, and what becomes of them.
    pub notes: Vec<String>,
}

/// A plugin that gets tokens for clusters on AWS.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Plugin {
    /// `aws … eks get-token`
    AwsCli,
    /// `iam-bridge get-token`
    Ours,
    /// `aws-iam-authenticator token`, or under its first name, `heptio-authenticator-aws`.
    Reference,
}

/// Why a plugin call is not understood.
#[derive(Debug, thiserror::Error)]
pub enum ExecEntryError {
    /// Another program, or another command of it.
    #[error("`{0}` is not a plugin for AWS that is known here")]
    UnknownPlugin(String),
    /// Flags that do not parse.
    #[error("the plugin's arguments cannot be read: {0}")]
    Arguments(String),
}

/// Reads command and arguments of an exec entry.
///
/// # Errors
/// [`ExecEntryError`].
pub fn parse(command: &str, args: &[String]) -> Result<PluginCall, ExecEntryError> {
    match stem(command).to_ascii_lowercase().as_str() {
        "aws" => parse_aws_cli(args),
        "aws-iam-authenticator" | "heptio-authenticator-aws" => parse_ours(Plugin::Reference, command, args),
        "iam-bridge" => parse_ours(Plugin::Ours, command, args),
        _ => Err(ExecEntryError::UnknownPlugin(shown(command, args))),
    }
}

/// The arguments of our plugin that say the same. What cannot stand in an exec entry is left out: `--token-only`,
/// `--output` and `--force-refresh`.
#[must_use]
pub fn write_args(global: &Global, flags: &GetToken) -> Vec<String> {
    let Global { config, cluster_id, log_format, log_verbosity, feature_gates } = global;
    let GetToken { keys, token_cache, token_only: _, output: _ } = flags;
    let Keys {
        region,
        profile,
        role,
        external_id,
        mfa_serial,
        session_name,
        session_name_from,
        forward_session_name,
        cache,
        cache_credentials,
    } = keys;
    let TokenCache { no_cache, force_refresh: _, cache_dir } = token_cache;
    let path = |path: &Option<std::path::PathBuf>| path.as_ref().map(|path| path.display().to_string());
    let from = session_name_from.map(|from| match from {
        SessionNameFrom::Caller => "caller".to_owned(),
        SessionNameFrom::Random => "random".to_owned(),
    });
    let gates = (!feature_gates.is_empty()).then(|| feature_gates.join(","));
    let mut args = vec!["get-token".to_owned()];
    for (flag, value) in [
        ("--cluster-id", cluster_id.clone()),
        ("--region", region.clone()),
        ("--profile", profile.clone()),
        ("--role", role.clone()),
        ("--external-id", external_id.clone()),
        ("--mfa-serial", mfa_serial.clone()),
        ("--session-name", session_name.clone()),
        ("--session-name-from", from),
        ("--cache-dir", path(cache_dir)),
        ("--config", path(config)),
        ("--log-format", log_format.clone()),
        ("--log-verbosity", log_verbosity.clone()),
        ("--feature-gates", gates),
    ] {
        match value {
            // What begins with a dash would be taken for a flag.
            Some(value) if value.starts_with('-') => args.push(format!("{flag}={value}")),
            Some(value) => args.extend([flag.to_owned(), value]),
            None => {}
        }
    }
    for (flag, value) in [
        ("--forward-session-name", forward_session_name),
        ("--cache", cache),
        ("--cache-credentials", cache_credentials),
        ("--no-cache", no_cache),
    ] {
        match value {
            Some(true) => args.push(flag.to_owned()),
            Some(false) => args.push(format!("{flag}=false")),
            None => {}
        }
    }
    args
}

/// Name of the program: no directory (of either kind), no `.exe`, `.cmd`, `.bat`.
fn stem(command: &str) -> &str {
    let name = command.rsplit(['/', '\\']).next().unwrap_or(command);
    match name.rsplit_once('.') {
        Some((stem, end)) if ["exe", "cmd", "bat"].iter().any(|known| end.eq_ignore_ascii_case(known)) => stem,
        _ => name,
    }
}

/// Program and first words, for messages.
fn shown(command: &str, args: &[String]) -> String {
    let words = args.iter().take_while(|word| !word.starts_with('-')).take(3);
    std::iter::once(command).chain(words.map(String::as_str)).collect::<Vec<_>>().join(" ")
}

fn parse_ours(plugin: Plugin, command: &str, args: &[String]) -> Result<PluginCall, ExecEntryError> {
    let words = std::iter::once("iam-bridge").chain(args.iter().map(String::as_str));
    let Flags { global, command: called } = Flags::try_parse_from(words).map_err(|error| {
        let text = error.render().to_string();
        let first = text.lines().next().unwrap_or_default();
        ExecEntryError::Arguments(first.strip_prefix("error: ").unwrap_or(first).to_owned())
    })?;
    match called {
        Command::GetToken(flags) | Command::Token(flags) => {
            Ok(PluginCall { plugin, global, flags: *flags, notes: Vec::new() })
        }
        _ => Err(ExecEntryError::UnknownPlugin(shown(command, args))),
    }
}

/// What becomes of a flag of the AWS CLI.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum AwsFlag {
    ClusterId,
    ClusterName,
    /// Without meaning for us, and takes a value.
    Ignored,
    /// Without meaning for us, and takes none.
    IgnoredSwitch,
    NoSignRequest,
    Output,
    Profile,
    Region,
    RoleArn,
    SessionName,
    /// Means something that ours gets by a variable.
    Variable(&'static str),
    /// Ours always verifies.
    NoVerifySsl,
    /// Prints and ends.
    Ends,
}

/// Flags before and after every command of the AWS CLI, versions 1 and 2.
const GLOBAL_FLAGS: [(&str, AwsFlag); 22] = [
    ("--ca-bundle", AwsFlag::Variable("AWS_CA_BUNDLE")),
    ("--cli-auto-prompt", AwsFlag::IgnoredSwitch),
    ("--cli-binary-format", AwsFlag::Ignored),
    ("--cli-connect-timeout", AwsFlag::Ignored),
    ("--cli-error-format", AwsFlag::Ignored),
    ("--cli-read-timeout", AwsFlag::Ignored),
    ("--color", AwsFlag::Ignored),
    ("--debug", AwsFlag::IgnoredSwitch),
    // get-token does not hand it to its STS client either.
    ("--endpoint-url", AwsFlag::Ignored),
    ("--no-cli-auto-prompt", AwsFlag::IgnoredSwitch),
    ("--no-cli-pager", AwsFlag::IgnoredSwitch),
    ("--no-color", AwsFlag::IgnoredSwitch),
    ("--no-paginate", AwsFlag::IgnoredSwitch),
    ("--no-sign-request", AwsFlag::NoSignRequest),
    ("--no-verify-ssl", AwsFlag::NoVerifySsl),
    ("--output", AwsFlag::Output),
    ("--profile", AwsFlag::Profile),
    ("--query", AwsFlag::Ignored),
    ("--region", AwsFlag::Region),
    ("--v2-debug", AwsFlag::IgnoredSwitch),
    ("--verify-ssl", AwsFlag::IgnoredSwitch),
    ("--version", AwsFlag::Ends),
];

/// Flags of `aws eks get-token`.
const COMMAND_FLAGS: [(&str, AwsFlag); 4] = [
    ("--cluster-id", AwsFlag::ClusterId),
    ("--cluster-name", AwsFlag::ClusterName),
    ("--role-arn", AwsFlag::RoleArn),
    ("--session-name", AwsFlag::SessionName),
];

fn parse_aws_cli(args: &[String]) -> Result<PluginCall, ExecEntryError> {
    let refuse = |why: String| Err(ExecEntryError::Arguments(why));
    let (mut global, mut flags, mut notes) = (Global::default(), GetToken::default(), Vec::new());
    let (mut words, mut named, mut identified) = (Vec::new(), None, None);
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        if !arg.starts_with("--") {
            words.push(arg.as_str());
            continue;
        }
        let (flag, inline) = arg.split_once('=').map_or((arg.as_str(), None), |(flag, value)| (flag, Some(value)));
        let (name, meaning) = aws_flag(flag)?;
        let is_switch =
            matches!(meaning, AwsFlag::IgnoredSwitch | AwsFlag::NoSignRequest | AwsFlag::NoVerifySsl | AwsFlag::Ends);
        let value = match (is_switch, inline) {
            (true, Some(_)) => return refuse(format!("`{name}` takes no value")),
            (true, None) => String::new(),
            (false, Some(value)) => value.to_owned(),
            (false, None) => match rest.next().filter(|value| !value.starts_with("--")) {
                Some(value) => value.clone(),
                None => return refuse(format!("`{name}` has no value")),
            },
        };
        let ignored = || format!("`{name}` of the AWS CLI has no counterpart and is left out");
        match meaning {
            AwsFlag::ClusterId => identified = Some(value),
            AwsFlag::ClusterName => named = Some(value),
            AwsFlag::Ends => return refuse(format!("`{name}` makes the AWS CLI print no token")),
            AwsFlag::Ignored | AwsFlag::IgnoredSwitch => notes.push(ignored()),
            AwsFlag::NoSignRequest => return refuse(format!("with `{name}` there is no token to sign")),
            AwsFlag::NoVerifySsl => notes.push(format!(
                "`{name}` of the AWS CLI is left out: iam-bridge always verifies AWS's certificate; name a CA of your \
                 own with AWS_CA_BUNDLE"
            )),
            AwsFlag::Output if value == "json" => {}
            AwsFlag::Output => notes.push(ignored()),
            AwsFlag::Profile => flags.keys.profile = Some(value),
            AwsFlag::Region => flags.keys.region = Some(value),
            AwsFlag::RoleArn => flags.keys.role = Some(value),
            AwsFlag::SessionName => flags.keys.session_name = Some(value),
            AwsFlag::Variable(variable) => notes.push(format!(
                "`{name}` of the AWS CLI is left out; set {variable}, in the environment or in the entry's `env`"
            )),
        }
    }
    match words.as_slice() {
        ["eks", "get-token"] => {}
        ["eks", "get-token", more, ..] => return refuse(format!("`{more}` belongs to no flag")),
        _ => {
            return Err(ExecEntryError::UnknownPlugin(shown(
                "aws",
                &words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>(),
            )));
        }
    }
    global.cluster_id = match (named, identified) {
        (Some(_), Some(_)) => return refuse("`--cluster-name` and `--cluster-id` exclude each other".to_owned()),
        (None, None) => return refuse("neither `--cluster-name` nor `--cluster-id` is given".to_owned()),
        (named, identified) => named.or(identified),
    };
    Ok(PluginCall { plugin: Plugin::AwsCli, global, flags, notes })
}

/// The flag that is meant: a global one by any prefix of its own, else one of the command.
fn aws_flag(typed: &str) -> Result<(&'static str, AwsFlag), ExecEntryError> {
    // `--cluster` meant one flag before `--cluster-id` came, and stands in kubeconfigs since then.
    if typed == "--cluster" {
        return Ok(("--cluster-name", AwsFlag::ClusterName));
    }
    for table in [GLOBAL_FLAGS.as_slice(), COMMAND_FLAGS.as_slice()] {
        if let Some(exact) = table.iter().find(|(name, _)| *name == typed) {
            return Ok(*exact);
        }
        let mut fitting = table.iter().filter(|(name, _)| typed.len() > 2 && name.starts_with(typed));
        match (fitting.next(), fitting.next()) {
            (Some(one), None) => return Ok(*one),
            (Some((one, _)), Some((other, _))) => {
                return Err(ExecEntryError::Arguments(format!("`{typed}` may be `{one}` or `{other}`")));
            }
            (None, _) => {}
        }
    }
    Err(ExecEntryError::Arguments(format!("`aws eks get-token` has no flag `{typed}`")))
}
