//! Every fault of the files that decide who gets in, found without a network by the parsers the server starts with.
//!
//! What a file is, is told by its content: a server config, the ConfigMap `aws-auth` or its data, a dynamic file, a
//! backend-mode file, access entries, `IAMIdentityMappings` and their definition; one YAML file may hold several. Of a server config,
//! what would stop the start is an error, and an unknown key is one too. On top come doubts of security (`lint`) and,
//! where asked, what behaves differently from aws-iam-authenticator for this very file (`compat`).
//!
//! ```text
//! paths ─files─▶ FileText ─document─▶ trees ─kind─┬─▶ config_file ┐
//!         └─ neighbours: the server configs ──────┼─▶ mappings    ├─▶ faults, tables ─▶ report
//!            of the run, for what they settle     └─▶ objects     ┘
//! ```

mod access_entries;
mod compat;
mod config_file;
mod files;
mod kind;
mod lint;
mod mappings;
mod neighbours;
mod objects;
mod policy_roles;
mod precedence;
mod report;
mod table;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub use report::{failed, render_json, render_text};
pub use table::{Row, Table};

use crate::config::env::Env;
use crate::config::flags;
use crate::diagnostic::{Diagnostic, Position, Severity};
use crate::document::{self, Node, Value};
use crate::sources::FileText;
use kind::{Kind, kind_of, kind_of_item, looks_like_config};
use neighbours::Neighbours;
use objects::Mappings;

/// How files are checked.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Also list what behaves differently from the reference.
    pub compat: bool,
    /// Judge dynamic files as with `server.dynamicfileUserIDStrict`, where no server config of the run says.
    pub user_id_strict: bool,
    /// What the server would be given besides: `--cluster-id`, `--feature-gates`.
    pub global: flags::Global,
    /// The environment the server would run in.
    pub env: Env,
}

/// What was found.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Checked {
    /// Faults in the order of the files, and of each file's lines.
    pub faults: Vec<Diagnostic>,
    /// Who becomes whom, for each file of a source that can be used.
    pub tables: Vec<Table>,
}

/// Checks files, and the .yaml, .yml and .json files of directories, in the order given; no path at all checks the file
/// of `--config`.
#[must_use]
pub fn check(paths: &[PathBuf], options: &Options) -> Checked {
    let paths = if paths.is_empty() { options.global.config.as_slice() } else { paths };
    let mut checked = Checked::default();
    if paths.is_empty() {
        let cure = "name a file or directory, or give --config";
        checked.faults.push(whole(None, Severity::Error, "no-files", "there is nothing to check".to_owned(), cure));
    }
    let found = files::find(paths);
    let named: Vec<&Path> =
        found.iter().filter_map(|found| found.as_ref().ok()).map(|file| file.path.as_path()).collect();
    let neighbours = Neighbours::of(&named, options);
    for found in &found {
        match found {
            Ok(file) => match FileText::load(&file.path) {
                Ok(text) => checked.add(judge(&text, file.is_named, options, &neighbours)),
                Err(fault) => checked.faults.push(fault),
            },
            Err(fault) => checked.faults.push(fault.clone()),
        }
    }
    precedence::judge(&mut checked, neighbours.backend_modes());
    checked
}

/// Checks one file that is read already. Nothing of ours in it is an error if a person `named` it.
#[must_use]
pub fn check_text(file: &FileText, named: bool, options: &Options) -> Checked {
    judge(file, named, options, &Neighbours::default())
}

impl Checked {
    fn add(&mut self, other: Self) {
        self.faults.extend(other.faults);
        self.tables.extend(other.tables);
    }
}

fn judge(file: &FileText, named: bool, options: &Options, neighbours: &Neighbours) -> Checked {
    let text = match document::utf8(&file.name, &file.bytes) {
        Ok(text) => text,
        Err(fault) => return Checked { faults: vec![fault], tables: Vec::new() },
    };
    let sheet = Sheet { file, text, named, options, neighbours };
    let several = document::parse_all(&file.name, text, file.format);
    let mut found = Found::default();
    for (number, (document, faults)) in several.documents.iter().enumerate() {
        let root = document.root();
        let kind = kind_of(root);
        let passes = sheet.passes(kind, root);
        if passes || faults.is_empty() || (is_whole(faults) && !matches!(kind, Kind::ServerConfig)) {
            sheet.judge(number, kind, root, &mut found);
        }
        let places = std::mem::take(&mut found.passed_places);
        // What is wrong with another's object is the other's business.
        let is_ours = |fault: &&Diagnostic| !passes && !stands_in(&places, fault.at);
        let ours: Vec<Diagnostic> = faults.iter().filter(is_ours).cloned().collect();
        found.ours |= !ours.is_empty();
        found.faults.extend(ours);
    }
    if several.documents.is_empty() && several.end.is_empty() {
        config_file::judge(&sheet, &mut found);
    }
    if found.printed || found.entry_objects {
        access_entries::judge(&sheet, &several, &mut found);
    }
    found.faults.extend(several.end);
    sheet.conclude(found)
}

/// Whether a document with these faults was read to its end all the same. The server's own parsers, which read a file
/// anew, tell them for themselves.
fn is_whole(faults: &[Diagnostic]) -> bool {
    faults.iter().all(|fault| matches!(fault.code, "duplicate-key" | "yaml-tag"))
}

/// One file, and what its judgement depends on.
struct Sheet<'s> {
    file: &'s FileText,
    text: &'s str,
    /// Whether a person named it, and did not only name a directory.
    named: bool,
    options: &'s Options,
    neighbours: &'s Neighbours,
}

/// What is found in one file.
#[derive(Default)]
struct Found {
    faults: Vec<Diagnostic>,
    tables: Vec<Table>,
    mappings: Mappings,
    /// Whether anything in the file is ours.
    ours: bool,
    /// Whether it holds `AccessEntry` objects.
    entry_objects: bool,
    /// Whether it holds access entries as a file alone may: as our list, or as the AWS CLI prints them.
    printed: bool,
    /// Where the first `aws-auth` stands.
    aws_auth: Option<Position>,
    /// Objects of other kinds: the first of each kind, and how many.
    passed: BTreeMap<String, (Position, usize)>,
    /// From where to where they stand in the lists of one document.
    passed_places: Vec<(Position, Option<Position>)>,
}

impl Sheet<'_> {
    fn judge(&self, number: usize, kind: Kind<'_>, node: Node<'_>, found: &mut Found) {
        match kind {
            Kind::List(items, of) => {
                let Value::List(items) = items.value() else { return };
                // The API server has no kind of this list: it is a file's.
                found.printed |= of == Some(kind::ENTRY_KIND);
                let mut items = items.peekable();
                while let Some(item) = items.next() {
                    let kind = kind_of_item(item, of);
                    if self.passes(kind, item) {
                        found.passed_places.push((item.at(), items.peek().map(|next| next.at())));
                    }
                    self.judge(number, kind, item, found);
                }
                return;
            }
            kind if self.passes(kind, node) => {
                return found.pass(if let Kind::Object(other) = kind { other } else { "" }, node.at());
            }
            Kind::Object(_) => {}
            Kind::AccessEntry => access_entries::object(self, node, found),
            Kind::EksAccessEntry => found.printed = true,
            Kind::PolicyRole(policy) => policy_roles::judge(self, policy, node, found),
            Kind::AwsAuth => mappings::aws_auth(self, node, found),
            Kind::BackendModeFile => mappings::backend_mode_file(self, node, found),
            Kind::Definition => objects::definition(self, node, found),
            Kind::DynamicFile => mappings::dynamic_file(self, node, found),
            Kind::IamIdentityMapping => objects::mapping(self, node, found),
            Kind::ServerConfig if number == 0 => config_file::judge(self, found),
            Kind::ServerConfig => {
                let what = "a server config stands behind another document, and the server reads the first alone";
                let cure = "give it a file of its own";
                found.faults.push(self.fault(Severity::Error, node.at(), "second-document", what.to_owned(), cure));
            }
        }
        found.ours = true;
    }

    /// Whether it is none of ours. Of what stands in a directory, much is no config of a server.
    fn passes(&self, kind: Kind<'_>, node: Node<'_>) -> bool {
        match kind {
            Kind::Object(_) => true,
            Kind::ServerConfig => !self.named && !looks_like_config(node),
            _ => false,
        }
    }

    /// A fault of no key.
    fn fault(&self, severity: Severity, at: Position, code: &'static str, what: String, cure: &str) -> Diagnostic {
        Diagnostic::keyless(severity, code, Some(self.file.name.as_ref().into()), Some(at), what, cure)
    }

    fn conclude(&self, mut found: Found) -> Checked {
        objects::conclude(self, &mut found);
        // The server drops such an entry; a file that is not in force yet must not come so far.
        for fault in found.faults.iter_mut().filter(|fault| fault.code == "policy-group") {
            fault.severity = Severity::Error;
        }
        let severity = if self.named && !found.ours { Severity::Error } else { Severity::Note };
        let cure = match severity {
            Severity::Error => {
                "name a server config, an aws-auth, a dynamic or backend-mode file, access entries or IAMIdentityMappings"
            }
            Severity::Warning | Severity::Note => "",
        };
        for (kind, (at, count)) in &found.passed {
            let what = match (kind.as_str(), count) {
                ("", _) => "nothing here is known, and it is passed over".to_owned(),
                ("Config", _) => "a kubeconfig is passed over".to_owned(),
                (kind, 1) => format!("an object of kind `{kind}` is passed over"),
                (kind, count) => format!("{count} objects of kind `{kind}` are passed over"),
            };
            found.faults.push(self.fault(severity, *at, "other-format", what, cure));
        }
        found.faults.sort_by_key(|fault| fault.at);
        Checked { faults: found.faults, tables: found.tables }
    }
}

impl Found {
    fn pass(&mut self, kind: &str, at: Position) {
        let (_, count) = self.passed.entry(kind.to_owned()).or_insert((at, 0));
        *count = count.saturating_add(1);
    }
}

/// Whether a fault stands in one of these places.
fn stands_in(places: &[(Position, Option<Position>)], at: Option<Position>) -> bool {
    let Some(at) = at else { return false };
    places.iter().any(|(from, to)| at >= *from && to.is_none_or(|to| at < to))
}

fn whole(path: Option<&Path>, severity: Severity, code: &'static str, what: String, cure: &str) -> Diagnostic {
    let file = path.map(|path| path.display().to_string().into());
    Diagnostic::keyless(severity, code, file, None, what, cure)
}
