//! Cases as data: `{about, cases: [{name, input, expect}]}`.
//!
//! The files are those of `tests/vectors`, or of the directory that `IAM_BRIDGE_VECTORS` names (a relative path counts
//! from the package root). From there, whichever files exist are run. Every file's name and number of cases go straight
//! to the stderr handle: `eprintln!` is swallowed by the harness.

use std::fs;
use std::io::{ErrorKind, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use iam_bridge::clock::UnixSeconds;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The files that this version runs.
pub(crate) const FILES: [&str; 11] = [
    "access_entries.json",
    "arn_canonicalize.json",
    "arn_like.json",
    "config_valid_invalid.json",
    "session_name.json",
    "sts_hosts.json",
    "template_render.json",
    "token_generate.json",
    "token_preflight.json",
    "token_verify_reject.json",
    "userid_parse.json",
];

/// 2031-05-06T07:08:09Z: the instant at which the clock stands for every case.
pub(crate) const NOW: UnixSeconds = UnixSeconds(1_935_817_689);

/// One case of a file.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Case {
    /// What it shows; names are unique in a file, as far as the file keeps to that.
    pub(crate) name: String,
    /// What goes in.
    pub(crate) input: Value,
    /// What must come out.
    pub(crate) expect: Value,
}

/// What running one case came to.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// As expected.
    Kept,
    /// Not as expected, or a kind or op that nobody knows: why.
    Broken(String),
}

impl Outcome {
    /// Kept if the two are equal.
    pub(crate) fn equal<T: PartialEq + std::fmt::Debug>(expected: &T, seen: &T) -> Self {
        if expected == seen { Self::Kept } else { Self::Broken(format!("expected {expected:?}, saw {seen:?}")) }
    }

    /// A kind or op that this runner has never heard of.
    pub(crate) fn unknown(what: &str) -> Self {
        Self::Broken(format!("unknown kind or op `{what}`"))
    }
}

impl From<Result<(), String>> for Outcome {
    fn from(result: Result<(), String>) -> Self {
        result.map_or_else(Self::Broken, |()| Self::Kept)
    }
}

impl Case {
    /// The input as a type.
    pub(crate) fn input<T: DeserializeOwned>(&self) -> T {
        serde_json::from_value(self.input.clone()).expect("the input has the file's shape")
    }

    /// A text of the input; absent is empty.
    pub(crate) fn text(&self, key: &str) -> &str {
        self.input.get(key).and_then(Value::as_str).unwrap_or_default()
    }
}

/// Runs every case of `file`. `own_count` is asserted for the project's own file only.
///
/// # Panics
/// When a case is broken (all of them are named), when there is no case, or when the project's own file is missing.
pub(crate) fn for_each(file: &str, own_count: usize, mut run: impl FnMut(&Case) -> Outcome) {
    let Some(cases) = load(file, own_count) else { return };
    let outcomes = cases
        .into_iter()
        .map(|case| {
            // A panic is one broken case, not the end of the file.
            let outcome = catch_unwind(AssertUnwindSafe(|| run(&case)))
                .unwrap_or_else(|_| Outcome::Broken("panicked; see above".to_owned()));
            (case.name, outcome)
        })
        .collect();
    report(file, outcomes);
}

/// The cases of `file`; `None`, said aloud, when the directory named by `IAM_BRIDGE_VECTORS` lacks it.
///
/// # Panics
/// As [`for_each`].
pub(crate) fn load(file: &str, own_count: usize) -> Option<Vec<Case>> {
    #[derive(Deserialize)]
    struct File {
        cases: Vec<Case>,
    }
    assert!(FILES.contains(&file), "{file} is not in the list of vector files");
    let place = Place::find();
    let path = place.directory.join(file);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if place.named && error.kind() == ErrorKind::NotFound => {
            say(&format!("vectors: {file}: not in {}, nothing run", place.directory.display()));
            return None;
        }
        Err(error) => panic!("{}: {error}", path.display()),
    };
    let File { cases } = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert!(!cases.is_empty(), "{file} has no cases");
    if place.is_own() {
        assert_eq!(cases.len(), own_count, "{file}: number of cases");
    }
    Some(cases)
}

/// A member of `file` beside its cases, such as `default_sts`; null if the file or the member is absent.
pub(crate) fn member(file: &str, key: &str) -> Value {
    let text = fs::read_to_string(Place::find().directory.join(file)).unwrap_or_default();
    serde_json::from_str::<Value>(&text).map_or(Value::Null, |mut file| file[key].take())
}

/// Says how many cases were run.
///
/// # Panics
/// When a case is broken.
pub(crate) fn report(file: &str, outcomes: Vec<(String, Outcome)>) {
    let total = outcomes.len();
    let mut broken = Vec::new();
    for (name, outcome) in outcomes {
        match outcome {
            Outcome::Kept => {}
            Outcome::Broken(why) => broken.push(format!("  {name}: {why}")),
        }
    }
    say(&format!("vectors: {file}: {total} cases"));
    assert!(broken.is_empty(), "{file}: {} of {total} cases broken:\n{}", broken.len(), broken.join("\n"));
}

/// The token of a case of `token_verify_reject.json` or `token_preflight.json`, at the instant `now`.
pub(crate) fn token_text(input: &Value, now: UnixSeconds) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    match (input.get("url"), input.get("token")) {
        (Some(url), _) => encoded(&at(&text(url), now), input.get("encode").map(text).as_deref()),
        (None, Some(Value::String(token))) => token.clone(),
        (None, Some(token)) => {
            let count = usize::try_from(token["count"].as_u64().expect("a count")).expect("a small count");
            format!("{}{}", text(&token["prefix"]), text(&token["repeat"]).repeat(count))
        }
        (None, None) => panic!("the input has neither url nor token"),
    }
}

/// `{now}`, `{now-N}`, `{now+N}` as yyyymmddThhmmssZ, `{day}`, `{day+N}` as yyyymmdd; all else stays.
pub(crate) fn at(text: &str, now: UnixSeconds) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let filled = after.split_once('}').and_then(|(name, tail)| Some((instant(name, now)?, tail)));
        match filled {
            Some((instant, tail)) => {
                out.push_str(&instant);
                rest = tail;
            }
            None => {
                out.push('{');
                rest = after;
            }
        }
    }
    out + rest
}

fn instant(name: &str, now: UnixSeconds) -> Option<String> {
    let (format, offset) = match (name.strip_prefix("now"), name.strip_prefix("day")) {
        (Some(offset), _) => ("%Y%m%dT%H%M%SZ", offset),
        (_, Some(offset)) => ("%Y%m%d", offset),
        (None, None) => return None,
    };
    let seconds = if offset.is_empty() { 0 } else { offset.parse().ok()? };
    let instant = jiff::Timestamp::from_second(now.plus(seconds).0).ok()?;
    Some(instant.strftime(format).to_string())
}

fn encoded(url: &str, way: Option<&str>) -> String {
    let base64 = match way {
        None => URL_SAFE_NO_PAD.encode(url),
        Some("b64url-padded-forced") => {
            let mut url = url.to_owned();
            while url.len().is_multiple_of(3) {
                url.push('&');
            }
            URL_SAFE.encode(url)
        }
        Some("b64std-nopad") => {
            let latin1: Vec<u8> = url.chars().map(|c| u8::try_from(c).expect("a latin-1 character")).collect();
            STANDARD_NO_PAD.encode(latin1)
        }
        Some("b64url-newline-after-8") => {
            let mut base64 = URL_SAFE_NO_PAD.encode(url);
            base64.insert(8, '\n');
            base64
        }
        Some(other) => panic!("unknown way to encode `{other}`"),
    };
    format!("k8s-aws-v1.{base64}")
}

/// A line for the person who runs the tests.
pub(crate) fn say(line: &str) {
    writeln!(std::io::stderr().lock(), "{line}").expect("stderr is open");
}

struct Place {
    directory: PathBuf,
    named: bool,
}

impl Place {
    #[expect(clippy::disallowed_methods, reason = "the tests' own switch; the product reads it nowhere")]
    fn find() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        match std::env::var_os("IAM_BRIDGE_VECTORS").filter(|named| !named.is_empty()) {
            Some(named) => Self { directory: root.join(named), named: true },
            None => Self { directory: own_directory(), named: false },
        }
    }

    fn is_own(&self) -> bool {
        self.directory.canonicalize().ok() == own_directory().canonicalize().ok()
    }
}

fn own_directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors")
}

#[test]
fn vectors_stand_where_they_are_looked_for() {
    let place = Place::find();
    let mut names: Vec<String> = fs::read_dir(&place.directory)
        .unwrap_or_else(|error| panic!("{}: {error}", place.directory.display()))
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| Path::new(name).extension().is_some_and(|extension| extension == "json"))
        .collect();
    names.sort();
    let (known, others): (Vec<_>, Vec<_>) = names.iter().partition(|name| FILES.contains(&name.as_str()));
    assert!(!known.is_empty(), "no vector file in {}", place.directory.display());
    for other in others {
        say(&format!("vectors: {other}: not run by this version"));
    }
}
