//! `doctor`: one line a check, with its remedy below.

use super::{Call, Exit, again, output};
use crate::clock::Clock;
use crate::config::flags::Doctor;
use crate::doctor::{Check, Options, Report, Verdict, examine};
use crate::kubernetes::KubeconfigFiles;

/// Runs the command.
pub(super) fn run(flags: &Doctor, call: &Call) -> Exit {
    let env = &call.env;
    let files = KubeconfigFiles::choose(flags.kubeconfig.as_deref(), env.kubeconfig.as_deref(), env.home.as_deref());
    let context = files.context(flags.context.as_deref()).ok();
    if let Some(exit) = context.and_then(|context| again::with_variables_of(context.exec.as_ref()?)) {
        return exit;
    }
    let options = Options {
        context: flags.context.clone(),
        kubeconfig: flags.kubeconfig.clone(),
        offline: flags.offline,
        global: call.global.clone(),
        env: env.clone(),
    };
    let report = examine(&options, &Clock::system());
    let printed = output::shown(&report, flags.output, || table(&report));
    if report.is_bad() { Exit::Failed } else { printed }
}

fn table(report: &Report) -> String {
    let mut text = String::new();
    for check in &report.checks {
        text.push_str(&lines(check));
    }
    let counts =
        [Verdict::Good, Verdict::Warn, Verdict::Bad, Verdict::Skipped].map(|verdict| match report.count(verdict) {
            0 => None,
            count => Some(format!("{count} {}", verdict.label())),
        });
    let counts: Vec<String> = counts.into_iter().flatten().collect();
    text.push_str(&format!("\n{}\n", counts.join(", ")));
    text
}

fn lines(check: &Check) -> String {
    let label = format!("{:<7}", check.verdict.label());
    let label = match check.verdict {
        Verdict::Good => output::green(label),
        Verdict::Warn => output::yellow(label),
        Verdict::Bad => output::red(label),
        Verdict::Skipped => output::dim(label),
    };
    let mut text = format!("{label}  {:<11}  {}\n", check.name, check.found);
    if let Some(remedy) = &check.remedy {
        text.push_str(&format!("{INDENT}{} {remedy}\n", output::cyan("do:")));
    }
    for (number, cause) in (1..).zip(&check.causes) {
        text.push_str(&format!("{INDENT}cause {number}: {cause}\n"));
    }
    for snippet in &check.snippets {
        text.push_str(&format!("{INDENT}{}:\n", snippet.place));
        for line in snippet.text.lines() {
            text.push_str(&format!("{INDENT}  {line}\n"));
        }
    }
    text
}

/// Under what a check found.
const INDENT: &str = "                      ";
