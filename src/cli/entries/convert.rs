//! `entries convert`: access entries of other mappings; what was made goes to stdout, what became of each line to stderr.

use std::io::{self, Read as _};
use std::path::Path;

use serde_json::{Value, json};

use super::ask::{self, Answer, Unanswered};
use super::live;
use super::texts::{self, TextFile};
use crate::cli::{Call, Exit, output};
use crate::clock::Clock;
use crate::config::flags::{ConvertEntries, EntriesForm, ReportFormat, UsernameChoice};
use crate::convert::{
    Conversion, Difference, How, Intake, Known, KnownPrincipal, Outcome, Side, Target, Usernames, commands, compare,
    convert, object, questions, read, shell, terraform, yaml,
};
use crate::diagnostic::{Diagnostic, Severity};
use crate::document::MAX_BYTES;

/// Stands for the cluster where none was named; a shell refuses it.
const NO_CLUSTER: &str = "<CLUSTER>";

/// Runs the command.
pub(super) fn run(flags: &ConvertEntries, call: &Call) -> Exit {
    if flags.files.is_empty() && flags.context.is_none() {
        output::fail("nothing to convert: no file and no cluster is named");
        output::hint("name files (- is standard input), or a cluster with --context NAME");
        crate::cli::usage::show("entries");
        return Exit::Usage;
    }
    let how = How { target: target(flags.to), usernames: usernames(flags.usernames) };
    let cluster = call.global.cluster_id.as_deref();
    if how.target == Target::Aws && cluster.is_none_or(str::is_empty) {
        output::fail("--to aws needs the name of the EKS cluster");
        output::hint("name it with --cluster-name NAME");
        return Exit::Usage;
    }
    let files = match load(&flags.files) {
        Ok(files) => files,
        Err(faults) => return faults.iter().map(output::fail).fold(Exit::Failed, |_, exit| exit),
    };
    let mut intake = read(&files.iter().map(TextFile::input).collect::<Vec<_>>());
    let asked = match live::runtime(flags.context.is_some()) {
        Ok(None) => Ok(()),
        Ok(Some(runtime)) => {
            let asked = runtime.block_on(Box::pin(ask(flags, call, &mut intake)));
            runtime.shutdown_background();
            asked
        }
        Err(why) => Err(why),
    };
    if let Err(why) = asked {
        return output::fail(why);
    }
    let known = match flags.iam.then(|| of_iam(&intake, flags, call)).transpose() {
        Ok(known) => known,
        Err(exit) => return exit,
    };
    let now = Clock::system().now();
    let conversion = convert(&intake, how, known.as_ref(), now);
    let differences = flags.diff.then(|| {
        let before = Side::new(&intake, &intake.sources());
        compare(&before, &Side::of_entries(&conversion, &before), now)
    });
    let printed = match flags.output {
        ReportFormat::Json => {
            output::data(&format!("{:#}\n", as_json(&intake, &conversion, how, cluster, differences.as_deref())))
        }
        ReportFormat::Text => {
            let printed = output::data(&as_text(&conversion, how, cluster));
            tell(&intake, &conversion, differences.as_deref());
            printed
        }
    };
    if intake.any_error() || conversion.any_left() { Exit::Failed } else { printed }
}

/// What only a cluster knows.
async fn ask(flags: &ConvertEntries, call: &Call, intake: &mut Intake) -> Result<(), String> {
    match &flags.context {
        Some(context) => live::read(context, flags.kubeconfig.as_deref(), call, intake).await,
        None => Ok(()),
    }
}

/// What IAM says of the principals.
fn of_iam(intake: &Intake, flags: &ConvertEntries, call: &Call) -> Result<Known, Exit> {
    let questions = questions(&intake.lines);
    let answers = ask::answers(&flags.keys, call, questions.values().map(String::as_str)).map_err(|unanswered| {
        let (exit, hint) = match unanswered {
            Unanswered::NotAsked(why, hint) => (output::fail(why), hint),
            Unanswered::Iam(error) => (output::fail(&error), Some(error.remedy())),
        };
        hint.iter().for_each(output::hint);
        exit
    })?;
    let known = questions.into_iter().filter_map(|(key, arn)| Some((key, principal(answers.get(&arn)?))));
    Ok(known.collect())
}

fn principal(answer: &Answer) -> KnownPrincipal {
    match answer {
        Answer::There(found) => KnownPrincipal::Found { arn: found.arn.clone(), id: found.id.clone() },
        Answer::Missing => KnownPrincipal::Missing,
        Answer::OtherAccount { own } => {
            KnownPrincipal::NotAsked(format!("the keys are of account {own}, and IAM answers for that alone"))
        }
        Answer::OtherPartition(partition) => KnownPrincipal::NotAsked(format!("the keys are of partition {partition}")),
        Answer::Refused(why, cure) => KnownPrincipal::NotAsked(format!("{why}; {cure}")),
    }
}

fn load(paths: &[std::path::PathBuf]) -> Result<Vec<TextFile>, Vec<Diagnostic>> {
    let (mut files, mut faults) = (Vec::new(), Vec::new());
    for path in paths {
        let file = if path == Path::new("-") { typed() } else { TextFile::load(path) };
        match file {
            Ok(file) => files.push(file),
            Err(fault) => faults.push(fault),
        }
    }
    if faults.is_empty() { Ok(files) } else { Err(faults) }
}

/// Standard input.
fn typed() -> Result<TextFile, Diagnostic> {
    let most = u64::try_from(MAX_BYTES).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    match io::stdin().lock().take(most.saturating_add(1)).read_to_end(&mut bytes) {
        Ok(_) => TextFile::of_bytes("-", &bytes),
        Err(error) => {
            let what = format!("standard input cannot be read: {error}");
            Err(Diagnostic::keyless(Severity::Error, "unreadable-file", None, None, what, ""))
        }
    }
}

fn as_text(conversion: &Conversion, how: How, cluster: Option<&str>) -> String {
    match how.target {
        Target::Yaml => yaml(&conversion.entries),
        Target::Terraform => terraform(&conversion.entries),
        Target::Aws => {
            let lines = commands(&conversion.entries, cluster.unwrap_or(NO_CLUSTER));
            lines.iter().map(|words| format!("{}\n", shell(words))).collect()
        }
    }
}

fn as_json(
    intake: &Intake,
    conversion: &Conversion,
    how: How,
    cluster: Option<&str>,
    differences: Option<&[Difference]>,
) -> Value {
    let made = match how.target {
        Target::Yaml => Value::Array(conversion.entries.iter().map(object).collect()),
        Target::Terraform => terraform(&conversion.entries).into(),
        Target::Aws => json!(commands(&conversion.entries, cluster.unwrap_or(NO_CLUSTER))),
    };
    let key = match how.target {
        Target::Aws => "commands",
        Target::Terraform => "terraform",
        Target::Yaml => "entries",
    };
    let mut all = json!({ "lines": conversion.lines, "faults": intake.faults });
    if let Some(members) = all.as_object_mut() {
        members.insert(key.to_owned(), made);
        if let Some(differences) = differences {
            members.insert("differences".to_owned(), json!(differences));
        }
    }
    all
}

/// What became of each line.
fn tell(intake: &Intake, conversion: &Conversion, differences: Option<&[Difference]>) {
    for fault in intake.faults.iter().filter(|fault| !is_told_by_line(fault)) {
        match fault.severity {
            Severity::Error => {
                output::fail(fault);
            }
            Severity::Warning => output::warning(fault),
            Severity::Note => output::line(format_args!("note: {fault}")),
        }
    }
    let mut counts = [0_usize; 3];
    for line in &conversion.lines {
        let (word, at) = match line.outcome {
            Outcome::Converted => (output::green("converted"), 0),
            Outcome::Changed => (output::yellow("changed"), 1),
            Outcome::NotCarried => (output::red("not carried"), 2),
        };
        if let Some(count) = counts.get_mut(at) {
            *count = count.saturating_add(1);
        }
        let name = line.entry.as_deref().map(|name| format!(" -> {name}")).unwrap_or_default();
        let why = match (&line.why, &line.cure) {
            (Some(why), Some(cure)) => format!(": {why}; {cure}"),
            _ => String::new(),
        };
        output::line(format_args!("{}: {word}: {}{name}{why}", line.place, line.principal));
        line.changes.iter().for_each(|change| output::line(format_args!("    {change}")));
        line.notes.iter().for_each(|note| output::line(format_args!("    note: {note}")));
    }
    if let Some(differences) = differences {
        output::line(texts::differences(differences).trim_end());
    }
    let [converted, changed, left] = counts;
    output::line(format_args!("{converted} converted, {changed} changed, {left} not carried"));
}

/// Doubts that what became of the line answers.
fn is_told_by_line(fault: &Diagnostic) -> bool {
    const CODES: [&str; 5] = ["system-masters", "free-username", "free-group", "session-of-a-user", "repeated-entry"];
    fault.severity != Severity::Error && (CODES.contains(&fault.code) || fault.code.ends_with("never-matches"))
}

const fn target(form: EntriesForm) -> Target {
    match form {
        EntriesForm::Aws => Target::Aws,
        EntriesForm::Terraform => Target::Terraform,
        EntriesForm::Yaml => Target::Yaml,
    }
}

const fn usernames(choice: UsernameChoice) -> Usernames {
    match choice {
        UsernameChoice::Colon => Usernames::Colon,
        UsernameChoice::Drop => Usernames::Drop,
        UsernameChoice::Refuse => Usernames::Refuse,
    }
}
