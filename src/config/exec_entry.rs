//! What the exec entry of a kubeconfig means: the command line of our plugin, of aws-iam-authenticator or of the AWS CLI.

use super::flags::{GetToken, Global};

/// A plugin call that was understood.
#[derive(Debug)]
pub struct PluginCall {
    /// Whose words they are.
    pub plugin: Plugin,
    /// What was typed before or after the command's name.
    pub global: Global,
    /// What was typed for `get-token`.
    pub flags: GetToken,
}

/// A plugin that gets tokens for clusters on AWS.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Plugin {
    /// `aws … eks get-token`
    AwsCli,
    /// `iam-bridge get-token`
    Ours,
    /// `aws-iam-authenticator token`
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
    let _ = (command, args);
    todo!()
}
