//! `demo`: the whole path on this machine.

use super::signals::End;
use super::{Exit, output};
use crate::config::flags::{Demo, ReportFormat};
use crate::demo;

/// Runs the command.
pub(super) fn run(flags: Demo) -> Exit {
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return output::fail(format_args!("the system gives no event loop: {error}")),
    };
    match runtime.block_on(Box::pin(play(flags))) {
        Ok(exit) => exit,
        Err(error) => output::fail(output::chain(&error)),
    }
}

async fn play(flags: Demo) -> Result<Exit, demo::DemoError> {
    let (report, stage) = Box::pin(demo::run()).await?;
    let text = match flags.output {
        ReportFormat::Json => report.to_json(),
        ReportFormat::Text => report.to_text(),
    };
    let mut exit = output::data(&format!("{}\n", text.trim_end()));
    if flags.serve {
        // Beside JSON the invitation would be in the way.
        match (flags.output, stage.invitation()?) {
            (ReportFormat::Json, invitation) => output::line(invitation),
            (ReportFormat::Text, invitation) => exit = output::data(&format!("\n{invitation}\n")),
        }
        if let Err(error) = stopped().await {
            output::warning(format_args!("Ctrl-C cannot be caught: {error}"));
        }
    }
    stage.stop().await;
    Ok(if report.as_expected { exit } else { Exit::Failed })
}

/// Waits to be told to end: the folder, which holds a key, must be removed then.
async fn stopped() -> std::io::Result<()> {
    End::listen()?.asked().await;
    Ok(())
}
