//! `cache list` and `cache clear`.

use std::path::{Path, PathBuf};

use comfy_table::{Table, TableStyle};

use super::{Call, Exit, output};
use crate::clock::Clock;
use crate::config::flags::{Cache, CacheAction, CachePlace, DataFormat};
use crate::config::get_token::cache_directory;
use crate::get_token::token_cache::{Cached, Listing, clear, list};

/// Runs the command.
pub(super) fn run(flags: &Cache, call: &Call) -> Exit {
    match &flags.action {
        CacheAction::List(flags) => show(place(&flags.place, call).as_deref(), flags.output),
        CacheAction::Clear(flags) => empty(place(flags, call).as_deref()),
    }
}

fn show(directory: Option<&Path>, format: DataFormat) -> Exit {
    // Without a home there is no cache, and nothing in it.
    let listing = directory.map_or_else(|| Ok(Listing::default()), |at| list(at, Clock::system().now()));
    let Listing { cached, notes } = match listing {
        Ok(listing) => listing,
        Err(error) => return output::fail(error),
    };
    for note in notes {
        output::warning(note);
    }
    let text = match format {
        DataFormat::Json => serde_json::to_string_pretty(&cached).map_err(|error| error.to_string()),
        DataFormat::Table if cached.is_empty() => {
            output::line("nothing is cached");
            return Exit::Good;
        }
        DataFormat::Table => Ok(table(&cached)),
        DataFormat::Yaml => serde_saphyr::to_string(&cached).map_err(|error| error.to_string()),
    };
    match text {
        Ok(text) => output::data(&format!("{}\n", text.trim_end())),
        Err(error) => output::fail(error),
    }
}

fn empty(directory: Option<&Path>) -> Exit {
    let cleared = directory.map_or(Ok(0), clear);
    match cleared {
        Ok(1) => output::data("deleted 1 cached file\n"),
        Ok(count) => output::data(&format!("deleted {count} cached files\n")),
        Err(error) => output::fail(error),
    }
}

fn place(flags: &CachePlace, call: &Call) -> Option<PathBuf> {
    cache_directory(flags.cache_dir.as_ref(), &call.env)
}

fn table(cached: &[Cached]) -> String {
    let mut table = Table::new();
    table.load_style(TableStyle::new());
    table.set_header(["KIND", "EXPIRES", "EXPIRED", "FILE"]);
    for Cached { kind, file, expires_at, is_expired } in cached {
        table.add_row([*kind, expires_at, if *is_expired { "yes" } else { "no" }, file]);
    }
    table.lines().map(|line| line.trim().to_owned()).collect::<Vec<_>>().join("\n")
}
