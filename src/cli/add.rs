//! `add user` and `add role`: one more entry in a cluster's aws-auth, and nothing else changed.
//!
//! What the reference prints goes to stdout, errors too, as it does there; hints and warnings of ours go to stderr.

use std::fmt::Display;
use std::io::{self, BufRead as _};

use super::{Call, Exit, output};
use crate::config::add::{self, Wish};
use crate::config::flags::{Add, AddHow, AddWhom};
use crate::diagnostic::Severity;
use crate::iam::Partition;
use crate::kubernetes::{
    AWS_AUTH, AccessError, AwsAuthError, AwsAuthMap, AwsAuthObject, EditFault, IfMissing, KubeconfigFiles,
    connect_person,
};
use crate::mapping::{EntryList, RolePaths};
use crate::sources::keys::{AppendError, AwsAuth, KeySettings, append_entry, aws_auth_of_data, key_of, parse_aws_auth};

/// Runs the command.
pub(super) fn run(flags: &Add, call: &Call) -> Exit {
    let wish = match &flags.whom {
        AddWhom::User(flags) => add::user(flags),
        AddWhom::Role(flags) => add::role(flags),
    };
    let wish = match wish {
        Ok(wish) => wish,
        Err(error) => return told(error),
    };
    wish.warnings.iter().for_each(output::warning);
    if flags.how.prompt.unwrap_or(true) && !flags.how.dry_run {
        match asked(&wish.action) {
            Ok(true) => {}
            Ok(false) => return output::data(&format!("cancelled {:?}\n", wish.action)),
            Err(why) => return told(format_args!("error reading input: {why}")),
        }
    }
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return output::fail(format_args!("the system gives no event loop: {error}")),
    };
    let exit = runtime.block_on(Box::pin(write(&wish, &flags.how, call)));
    runtime.shutdown_background();
    exit
}

/// Whether the person says yes.
fn asked(action: &str) -> Result<bool, String> {
    output::data(&format!("Ready to add {action:?}, should we continue? [y/N]: "));
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer).map_err(|error| error.to_string())?;
    // An answer is a line, as in the reference: input that ends before its end is none.
    if !answer.ends_with('\n') {
        return Err("EOF".to_owned());
    }
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}

async fn write(wish: &Wish, how: &AddHow, call: &Call) -> Exit {
    let env = &call.env;
    let files = KubeconfigFiles::choose(how.kubeconfig.as_deref(), env.kubeconfig.as_deref(), env.home.as_deref());
    let client = connect_person(&files, how.kubeconfig_context.as_deref(), how.master_url.as_deref()).await;
    let map = match client {
        Ok(client) => AwsAuthMap::new(client),
        Err(AccessError::NoPod(_)) => {
            let exit = told("there is no kubeconfig, and this is no pod of a cluster");
            output::hint("name one with --kubeconfig FILE, or by KUBECONFIG");
            return exit;
        }
        Err(error) => return told(error),
    };
    let key = key_of(wish.list);
    let append = |value: Option<&str>| append_entry(AWS_AUTH, value, wish.list, &wish.entry);
    let outcome = if how.dry_run {
        rehearsed(&map, how, wish.list, append).await
    } else {
        let if_missing = if how.create { IfMissing::Create } else { IfMissing::Refuse };
        map.edit(key, if_missing, append).await
    };
    match outcome {
        Ok(object) => {
            warn_of_others(&object);
            shown(&object, how.dry_run)
        }
        Err(EditFault::Map(error)) => {
            let exit = told(&error);
            output::hint(error.remedy());
            exit
        }
        Err(EditFault::Refused(AppendError::Faults(faults))) => {
            let exit = faults.iter().map(told).fold(Exit::Failed, |_, exit| exit);
            output::hint(format_args!(
                "nothing was written; lines are those of {key}: `kubectl edit configmap aws-auth --namespace kube-system`"
            ));
            exit
        }
        Err(EditFault::Refused(error)) => told(error),
    }
}

/// What would be written.
async fn rehearsed(
    map: &AwsAuthMap,
    how: &AddHow,
    list: EntryList,
    append: impl Fn(Option<&str>) -> Result<String, AppendError>,
) -> Result<AwsAuthObject, EditFault<AppendError>> {
    let object = match map.read().await? {
        Some(object) => object,
        None if how.create => AwsAuthObject::empty(),
        None => return Err(AwsAuthError::NotFound.into()),
    };
    let key = key_of(list);
    let value = append(object.value(key)).map_err(EditFault::Refused)?;
    Ok(object.with(key, &value))
}

/// Tells what the sources drop of the entries that are there.
fn warn_of_others(object: &AwsAuthObject) {
    let data = object.data().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    let settings = KeySettings {
        partition: Partition::Aws,
        role_paths: RolePaths::Exact,
        sso_roles: true,
        unknown: Severity::Warning,
    };
    let AwsAuth { roles, users, accounts } = parse_aws_auth(&aws_auth_of_data(&data, AWS_AUTH), settings);
    let faults = [roles.faults, users.faults, accounts.faults].into_iter().flatten();
    faults.filter(|fault| fault.severity == Severity::Error).for_each(output::warning);
}

fn shown(object: &AwsAuthObject, is_rehearsal: bool) -> Exit {
    match serde_saphyr::to_string(&object.shown()) {
        Ok(yaml) if is_rehearsal => {
            output::line("nothing was written; this would be:");
            output::data(&yaml)
        }
        Ok(yaml) => output::data(&format!("updated configmap:\n\n{yaml}\n")),
        Err(error) => told(error),
    }
}

/// Says on stdout why nothing was added.
fn told(why: impl Display) -> Exit {
    output::data(&format!("{why}\n"));
    Exit::Failed
}
