//! The walls between the rooms: who may use whom, which rooms are pure, how long a file may be.
//!
//! The level table stands in the header of `src/lib.rs` and nowhere else; [`Levels::parse`] reads it there.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// Rooms that see values only: no runtime, clock, environment or file.
const PURE: [&str; 4] = ["iam", "mapping", "rbac", "token"];
/// Lines of the longest file that still passes.
const LONGEST: usize = 500;

#[test]
fn no_arrow_points_up() {
    let levels = Levels::parse(&read("src/lib.rs")).unwrap();
    nothing(files("src").iter().flat_map(|file| levels.upward_arrows(file, &read(file))));
}

#[test]
fn the_level_table_names_every_room() {
    let text = read("src/lib.rs");
    let levels = Levels::parse(&text).unwrap();
    let mut declared: Vec<&str> =
        text.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    declared.push("main");
    declared.sort_unstable();
    assert_eq!(levels.rooms(), declared);
}

#[test]
fn iam_rbac_token_and_mapping_are_pure() {
    nothing(
        files("src").iter().filter(|file| PURE.contains(&room(file))).flat_map(|file| impurities(file, &read(file))),
    );
}

#[test]
fn no_file_is_too_long() {
    let all = ["src", "tests", "benches"].into_iter().flat_map(files);
    nothing(all.flat_map(|file| too_long(&file, &read(&file))));
}

#[test]
fn every_source_file_says_what_it_is() {
    nothing(files("src").iter().flat_map(|file| headless(file, &read(file))));
}

/// The checkers themselves: each must see the fault it exists for.
#[test]
fn each_check_can_fail() {
    let levels = Levels::parse(
        "//! ```text\n//! 2  top  cellar door   words about it\n//! 1  left  right     two words\n//! 0  tool  other    two words\n//! ```\n",
    )
    .unwrap();
    assert_eq!(levels.rooms(), ["left", "other", "right", "tool", "top"]);
    for (file, text, faults, why) in [
        ("src/top.rs", "use crate::left::X; use crate::top::Y;", 0, "down, and its own"),
        ("src/left/mod.rs", "use crate::top::X;", 1, "up"),
        ("src/left/mod.rs", "use crate::right::X;", 1, "sideways"),
        ("src/left/deep.rs", "use crate::{left::{X, self}, tool::Y, right};", 1, "sideways in a group"),
        ("src/left/deep.rs", "fn f() { g(crate::top::h()) }", 1, "up in an expression"),
        ("src/left/deep.rs", "macro_rules! m { () => { $crate::top::h() } }", 1, "up in a macro"),
        ("src/left/deep.rs", "use super::super::top::X;", 1, "up by way of super"),
        ("src/left/mod.rs", "use super::top::X;", 1, "up by way of super, from a front page"),
        ("src/left/deep.rs", "use super::X; mod tests { use super::super::Y; }", 0, "super inside the room"),
        ("src/tool.rs", "mod tests { use super::*; }", 0, "super inside a file"),
        ("src/left/mod.rs", "// crate::top::X\n/// crate::top::X\nconst S: &str = \"crate::top\";", 0, "no code"),
        ("src/left/mod.rs", "use crate::cellar::X;", 1, "no room of that name"),
        ("src/left/mod.rs", "pub(crate) struct X;", 0, "no path"),
        ("src/other.rs", "use crate::tool::X;", 0, "a tool that uses one named before it"),
        ("src/tool.rs", "use crate::other::X;", 1, "a tool that uses one named after it"),
        ("src/nowhere.rs", "", 1, "a file of no room"),
    ] {
        assert_eq!(levels.upward_arrows(file, text).len(), faults, "{file}: {text}: {why}");
    }
    for (text, faults) in [
        ("use std::{collections::HashMap, fmt};", 0),
        ("//! no tokio, std::fs or async here", 0),
        ("use tokio::sync::watch;", 1),
        ("use std::fs;", 1),
        ("use std::{env, fmt};", 1),
        ("fn f() { std::env::var(\"A\"); }", 1),
        ("async fn f() {}", 1),
        ("use std::time::SystemTime;", 1),
    ] {
        assert_eq!(impurities("src/iam/mod.rs", text).len(), faults, "{text}");
    }
    assert!(too_long("a.rs", &"\n".repeat(LONGEST)).is_none());
    assert!(too_long("a.rs", &"\n".repeat(LONGEST + 1)).is_some());
    assert!(headless("a.rs", "//! What it is.\n").is_none());
    assert!(headless("a.rs", "use std::fmt;\n").is_some());
    assert!(Levels::parse("//! no table").is_err());
    assert!(Levels::parse("//! 1  a    words here\n//! 0  a    words here\n").is_err(), "a room on two levels");
}

/// Which room stands on which level, and at which place of it.
struct Levels(BTreeMap<String, (u32, usize)>);

impl Levels {
    /// Reads lines `//! LEVEL  room  room   words` of a module header.
    fn parse(text: &str) -> Result<Self, String> {
        let mut rooms = BTreeMap::new();
        for line in text.lines().filter_map(|line| line.strip_prefix("//! ")) {
            let mut cells = line.split("  ").map(str::trim).filter(|cell| !cell.is_empty());
            let Some(level) = cells.next().and_then(|cell| cell.parse().ok()) else { continue };
            let names = cells.take_while(|cell| cell.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'));
            for (place, name) in names.enumerate() {
                if rooms.insert(name.to_owned(), (level, place)).is_some() {
                    return Err(format!("`{name}` stands on two levels"));
                }
            }
        }
        if rooms.is_empty() { Err("no level table".to_owned()) } else { Ok(Self(rooms)) }
    }

    fn rooms(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).collect()
    }

    /// Every use of a room by `file` that its level does not allow.
    fn upward_arrows(&self, file: &str, text: &str) -> Vec<String> {
        let from = room(file);
        if from == "lib" || from == "main" {
            return Vec::new(); // the first declares the rooms; the second is the binary, above them all
        }
        if !self.0.contains_key(from) {
            return vec![format!("{file}: `{from}` is not in the level table of src/lib.rs")];
        }
        let mut used = Vec::new();
        crate_paths(&tokens(text), depth(file), &mut used);
        used.retain(|to| !self.allows(from, to));
        used.into_iter().map(|to| format!("{file}: `{from}` may not use `{to}`")).collect()
    }

    fn allows(&self, from: &str, to: &str) -> bool {
        match (self.0.get(from), self.0.get(to)) {
            (Some((0, mine)), Some((0, theirs))) => theirs <= mine,
            (Some((mine, _)), Some((theirs, _))) => from == to || theirs < mine,
            _ => false,
        }
    }
}

/// First segments of all paths that begin at the crate's root, by `crate::` or by enough `super::`s.
/// `depth` is the number of modules from the root to the one whose tokens these are.
fn crate_paths(tokens: &[TokenTree], depth: usize, found: &mut Vec<String>) {
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        at += 1;
        match token {
            TokenTree::Group(group) => {
                let module = group.delimiter() == Delimiter::Brace && at >= 3 && is_ident(&tokens[at - 3], "mod");
                let inside: Vec<TokenTree> = group.stream().into_iter().collect();
                crate_paths(&inside, depth + usize::from(module), found);
            }
            TokenTree::Ident(ident) if ident == "crate" => found.extend(segments(&tokens[at..])),
            TokenTree::Ident(ident) if ident == "super" => {
                let mut ups = 1;
                while is_path_sep(&tokens[at..]) && tokens.get(at + 2).is_some_and(|next| is_ident(next, "super")) {
                    at += 3;
                    ups += 1;
                }
                if ups >= depth {
                    found.extend(segments(&tokens[at..]));
                }
            }
            TokenTree::Ident(_) | TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
    }
}

/// What follows `crate` or `std`: `::name`, or the first name of each member of `::{…}`.
fn segments(after: &[TokenTree]) -> Vec<String> {
    if !is_path_sep(after) {
        return Vec::new();
    }
    match after.get(2) {
        Some(TokenTree::Ident(ident)) => vec![ident.to_string()],
        Some(TokenTree::Group(group)) => {
            let members: Vec<TokenTree> = group.stream().into_iter().collect();
            members.split(is_comma).filter_map(<[TokenTree]>::first).map(ToString::to_string).collect()
        }
        other => vec![other.map(ToString::to_string).unwrap_or_default()],
    }
}

/// What a pure room may not name.
fn impurities(file: &str, text: &str) -> Vec<String> {
    fn walk(tokens: &[TokenTree], found: &mut Vec<String>) {
        for (at, token) in tokens.iter().enumerate() {
            match token {
                TokenTree::Group(group) => walk(&group.stream().into_iter().collect::<Vec<_>>(), found),
                TokenTree::Ident(ident) if ident == "std" => {
                    let roots = segments(&tokens[at + 1..]).into_iter();
                    found.extend(roots.filter(|name| ["env", "fs", "process"].contains(&name.as_str())));
                }
                TokenTree::Ident(ident) => {
                    let name = ident.to_string();
                    found.extend(["tokio", "async", "SystemTime", "Instant"].contains(&name.as_str()).then_some(name));
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
        }
    }
    let mut found = Vec::new();
    walk(&tokens(text), &mut found);
    found.into_iter().map(|name| format!("{file}: `{name}` in a pure room")).collect()
}

fn too_long(file: &str, text: &str) -> Option<String> {
    let lines = text.lines().count();
    (lines > LONGEST).then(|| format!("{file}: {lines} lines; {LONGEST} is the most"))
}

fn headless(file: &str, text: &str) -> Option<String> {
    (!text.starts_with("//! ")).then(|| format!("{file}: does not begin with a `//!` header"))
}

/// `src/iam/arn.rs` → `iam`; `src/live.rs` → `live`.
fn room(file: &str) -> &str {
    let inside = file.strip_prefix("src/").unwrap_or(file);
    inside.split_once('/').map_or_else(|| inside.trim_end_matches(".rs"), |(room, _)| room)
}

/// Modules from the root down to the file's own: `src/iam/mod.rs` is 1 deep, `src/iam/arn.rs` 2.
fn depth(file: &str) -> usize {
    file.split('/').count() - 1 - usize::from(file.ends_with("/mod.rs"))
}

fn tokens(text: &str) -> Vec<TokenTree> {
    text.parse::<TokenStream>().expect("a file that compiles").into_iter().collect()
}

fn is_ident(token: &TokenTree, name: &str) -> bool {
    matches!(token, TokenTree::Ident(ident) if ident == name)
}

fn is_path_sep(tokens: &[TokenTree]) -> bool {
    let colon = |token: Option<&TokenTree>| matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == ':');
    colon(tokens.first()) && colon(tokens.get(1))
}

fn is_comma(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == ',')
}

/// Fails with every line at once.
fn nothing(faults: impl Iterator<Item = String>) {
    let faults: Vec<String> = faults.collect();
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

pub(super) fn read(file: impl AsRef<Path>) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).expect("a file of this repository")
}

/// All Rust files under a folder of the repository, named from its root.
pub(super) fn files(folder: &str) -> Vec<String> {
    let found = files_ending(folder, "rs");
    assert!(folder == "benches" || !found.is_empty(), "{folder} has no Rust file");
    found
}

/// All files with this extension under a folder of the repository, named from its root.
pub(super) fn files_ending(folder: &str, extension: &str) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut open: Vec<PathBuf> = vec![root.join(folder)];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten() {
            let path = entry.expect("a readable entry").path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|end| end == extension) {
                let inside = path.strip_prefix(root).expect("under the root");
                found.push(inside.to_str().expect("names in UTF-8").to_owned());
            }
        }
    }
    found.sort();
    found
}
