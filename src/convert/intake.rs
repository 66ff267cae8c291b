//! Files, by their content, as lines; and the tables that the server would make of them.
//!
//! Each format is read by the parser of its source, so that a line means here what it means there. What a source would
//! leave out is a fault.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;

use super::foreign;
use super::kind::{Kind, kind_of};
use super::line::{Line, What, Written};
use crate::diagnostic::{Diagnostic, Position, Severity};
use crate::document::{self, Document, Faults, Format, Node, Place, Value, cure_for_unknown};
use crate::iam::Partition;
use crate::kubernetes::{MappingObject, SPEC_KEYS};
use crate::live::Live;
use crate::mapping::{
    Chain, DenyList, Entry, EntryList, MappedAccount, MappingTable, Origin, ReservedPrefixes, RolePaths, SourceKind,
    TableSettings,
};
use crate::sources::keys::{
    AccessEntryFileSettings, AwsAuthText, DynamicFile, KeySettings, aws_auth_of_data, aws_auth_of_node,
    parse_access_entry_file, parse_aws_auth, parse_dynamic_file, parse_iam_identity_mapping, parse_mappings,
    parse_mode,
};

/// Codes of doubts that are errors here: digits are lost, and nobody knows which.
const LOST: [&str; 1] = ["account-number"];

/// A file that was read.
#[derive(Clone, Copy, Debug)]
pub struct Input<'i> {
    /// Its name, for places.
    pub name: &'i str,
    /// Its text.
    pub text: &'i str,
    /// How it is read.
    pub format: Format,
}

/// What the files say.
#[derive(Debug)]
pub struct Intake {
    /// Their lines, as they stand.
    pub lines: Vec<Line>,
    /// What cannot be read (errors), and doubts about what can.
    pub faults: Vec<Diagnostic>,
    /// `server.backendMode` of a config among the files.
    pub backend_modes: Vec<SourceKind>,
    /// Which bindings name a user, by username.
    pub bound_users: BTreeMap<String, Vec<String>>,
    settings: KeySettings,
    deny: Option<DenyList>,
    reserved: ReservedPrefixes,
}

/// Reads files. A server config among them settles partition and role paths for all.
#[must_use]
pub fn read(inputs: &[Input<'_>]) -> Intake {
    let mut intake = Intake::default();
    let parsed: Vec<_> =
        inputs.iter().map(|input| (input, document::parse_all(input.name, input.text, input.format))).collect();
    for (document, _) in parsed.iter().flat_map(|(_, several)| &several.documents) {
        intake.settle(document);
    }
    for (input, several) in &parsed {
        let sheet = Sheet { input: **input, settings: intake.settings };
        let kinds: Vec<Kind<'_>> =
            several.documents.iter().map(|(document, _)| kind_of(document.root(), None)).collect();
        if kinds.is_empty() && several.end.is_empty() {
            intake.faults.push(sheet.fault(
                Position { line: 1, column: 1 },
                "empty-file",
                "the file is empty",
                "name another",
            ));
        }
        if kinds.iter().any(|kind| matches!(kind, Kind::AccessEntries)) {
            sheet.access_entries(&kinds, &several.documents, &mut intake);
        } else {
            for (number, ((document, faults), kind)) in several.documents.iter().zip(kinds).enumerate() {
                match faults.as_slice() {
                    [] => sheet.document(number, kind, document.root(), &mut intake),
                    faults => intake.faults.extend_from_slice(faults),
                }
            }
        }
        intake.faults.extend(several.end.iter().cloned());
    }
    intake.raise_lost_digits();
    intake
}

impl Default for Intake {
    fn default() -> Self {
        let settings = KeySettings {
            partition: Partition::Aws,
            role_paths: RolePaths::default(),
            sso_roles: true,
            unknown: Severity::Warning,
        };
        Self {
            lines: Vec::new(),
            faults: Vec::new(),
            backend_modes: Vec::new(),
            bound_users: BTreeMap::new(),
            settings,
            deny: None,
            reserved: ReservedPrefixes::default(),
        }
    }
}

impl Intake {
    /// Takes the data of an aws-auth of the API server.
    pub fn add_aws_auth(&mut self, data: &BTreeMap<String, String>, place: &str) {
        let text = aws_auth_of_data(data, place);
        self.aws_auth(&text);
        self.raise_lost_digits();
    }

    /// Takes an IAMIdentityMapping of the API server.
    pub fn add_mapping(&mut self, object: MappingObject) {
        let origin = Origin { place: format!("iamidentitymappings/{}", object.name()).into(), at: Position::default() };
        let bad = match object.into_spec() {
            Ok(spec) => match parse_iam_identity_mapping(&spec, self.settings, origin) {
                Ok(entry) => return self.mapping(Written::IamIdentityMapping, entry),
                Err(bad) => bad,
            },
            Err(bad) => {
                let file: Box<str> = origin.place.as_ref().into();
                let fault = |fault: crate::kubernetes::SpecFault| Diagnostic {
                    key: fault.key,
                    ..Diagnostic::keyless(Severity::Error, "bad-type", Some(file.clone()), None, fault.what, "")
                };
                bad.into_iter().map(fault).collect()
            }
        };
        self.faults.extend(bad);
    }

    /// Whether something could not be read.
    #[must_use]
    pub fn any_error(&self) -> bool {
        self.faults.iter().any(|fault| fault.severity == Severity::Error)
    }

    /// The sources of the lines, each once, as they come.
    #[must_use]
    pub fn sources(&self) -> Vec<SourceKind> {
        let mut sources = Vec::new();
        for line in &self.lines {
            if !sources.contains(&line.written.source()) {
                sources.push(line.written.source());
            }
        }
        sources
    }

    /// The tables that a server makes of the lines, asked in this order.
    #[must_use]
    pub fn chain(&self, order: &[SourceKind]) -> Chain {
        Chain {
            deny: Live::fixed(self.deny.clone().unwrap_or_default()),
            reserved: Live::fixed(self.reserved.clone()),
            tables: order.iter().map(|source| Live::fixed(self.table(*source))).collect(),
            ..Chain::default()
        }
    }

    fn table(&self, source: SourceKind) -> MappingTable {
        let settings = TableSettings { source, partition: self.settings.partition };
        let (mut roles, mut users, mut accounts) = (Vec::new(), Vec::new(), Vec::new());
        for line in self.lines.iter().filter(|line| line.written.source() == source) {
            match (&line.what, line.entry()) {
                (What::Account(account), _) => accounts.push(account.clone()),
                (_, Some(entry)) if entry.list() == EntryList::Roles => roles.push(entry.clone()),
                (_, Some(entry)) => users.push(entry.clone()),
                (_, None) => {}
            }
        }
        MappingTable::new(settings, roles, users, accounts)
    }

    /// What a server config says about all files.
    fn settle(&mut self, document: &Document<'_>) {
        let root = document.root();
        let Some(server) = root.member("server").filter(|_| matches!(kind_of(root, None), Kind::ServerConfig)) else {
            return;
        };
        if let Some(partition) = server.text_of("partition").and_then(|text| text.parse().ok()) {
            self.settings.partition = partition;
        }
        if server.text_of("rolePaths").is_some_and(|text| text.eq_ignore_ascii_case("ignore")) {
            self.settings.role_paths = RolePaths::Ignore;
        }
        let modes = server.member("backendMode");
        let names: Vec<&str> = match modes.map(Node::value) {
            Some(Value::List(items)) => items.filter_map(Node::scalar).map(|scalar| scalar.text).collect(),
            Some(Value::Scalar(scalar)) => scalar.text.split(',').collect(),
            Some(Value::Map(_)) | None => Vec::new(),
        };
        self.backend_modes.extend(names.into_iter().filter_map(|name| Some(parse_mode(name.trim()).ok()?.kind)));
    }

    fn mapping(&mut self, written: Written, entry: Entry) {
        self.lines.push(Line { written, what: What::Mapping(Box::new(entry)) });
    }

    fn mappings(&mut self, written: Written, lists: [Vec<Entry>; 2], accounts: Vec<MappedAccount>) {
        lists.into_iter().flatten().for_each(|entry| self.mapping(written, entry));
        self.lines.extend(accounts.into_iter().map(|account| Line { written, what: What::Account(account) }));
    }

    fn aws_auth(&mut self, text: &AwsAuthText) {
        let judged = parse_aws_auth(text, self.settings);
        self.faults.extend([judged.roles.faults, judged.users.faults, judged.accounts.faults].into_iter().flatten());
        let lists = [judged.roles.items.unwrap_or_default(), judged.users.items.unwrap_or_default()];
        self.mappings(Written::AwsAuth, lists, judged.accounts.items.unwrap_or_default());
    }

    fn raise_lost_digits(&mut self) {
        for fault in &mut self.faults {
            let is_account = fault.code == "unquoted-value" && fault.key.ends_with("accountID");
            if LOST.contains(&fault.code) || is_account {
                fault.severity = Severity::Error;
            }
        }
    }
}

/// One file at work.
struct Sheet<'s> {
    input: Input<'s>,
    settings: KeySettings,
}

impl Sheet<'_> {
    fn document(&self, number: usize, kind: Kind<'_>, node: Node<'_>, intake: &mut Intake) {
        let mut faults = Faults::new(self.input.name.into());
        match kind {
            Kind::List(items, of) => {
                let Value::List(items) = items.value() else { return };
                for item in items {
                    self.document(number, kind_of(item, of), item, intake);
                }
            }
            Kind::Ack => {
                let spec = foreign::ack(node, &mut faults);
                intake
                    .lines
                    .extend(spec.map(|(entry, name)| Line { written: Written::Ack, what: What::Entry(entry, name) }));
            }
            Kind::Eksctl => {
                let (entries, mappings, accounts) = foreign::eksctl(node, self.settings, &mut faults);
                let line = |entry| Line { written: Written::Eksctl, what: What::Entry(Box::new(entry), None) };
                intake.lines.extend(entries.into_iter().map(line));
                intake.mappings(Written::AwsAuth, [mappings, Vec::new()], accounts);
            }
            Kind::AwsAuth => match aws_auth_of_node(self.input.name, self.input.text, node) {
                Ok(text) => intake.aws_auth(&text),
                Err(bad) => intake.faults.extend(bad),
            },
            Kind::Binding => bound_users(node, &mut intake.bound_users),
            Kind::DynamicFile => {
                match parse_dynamic_file(self.input.name, self.input.text.as_bytes(), false, self.settings) {
                    Ok(DynamicFile { roles, users, accounts, warnings, .. }) => {
                        intake.faults.extend(warnings);
                        intake.mappings(Written::DynamicFile, [roles, users], accounts);
                    }
                    Err(bad) => intake.faults.extend(bad),
                }
            }
            Kind::IamIdentityMapping => {
                let entry = self.iam_identity_mapping(node, &mut faults);
                entry.into_iter().for_each(|entry| intake.mapping(Written::IamIdentityMapping, entry));
            }
            Kind::ServerConfig if number > 0 => {
                let what = "a server config stands behind another document, and the server reads the first alone";
                intake.faults.push(self.fault(node.at(), "second-document", what, "give it a file of its own"));
            }
            Kind::ServerConfig => self.server_config(node, intake, &mut faults),
            Kind::AccessEntries | Kind::Other(_) => {
                let what = match kind {
                    Kind::Other(kind) if !kind.is_empty() => format!("an object of kind `{kind}` holds no mappings"),
                    _ => "nothing here is known".to_owned(),
                };
                let cure = "name aws-auth, a server config, a dynamic file, IAMIdentityMappings or access entries";
                intake.faults.push(self.fault(node.at(), "other-format", &what, cure));
            }
        }
        intake.faults.extend(faults.into_list());
    }

    fn server_config(&self, node: Node<'_>, intake: &mut Intake, faults: &mut Faults) {
        let mappings = parse_mappings(node, self.settings, faults);
        let (roles, users) =
            mappings.table.entries().iter().cloned().partition(|entry| entry.list() == EntryList::Roles);
        intake.mappings(Written::ServerConfig, [roles, users], mappings.table.accounts().to_vec());
        intake.deny = Some(mappings.deny);
        intake.reserved = mappings.reserved;
    }

    /// Our objects, and what EKS prints: a file of its own.
    fn access_entries(&self, kinds: &[Kind<'_>], documents: &[(Document<'_>, Vec<Diagnostic>)], intake: &mut Intake) {
        let other = kinds.iter().zip(documents).find(|(kind, _)| !matches!(kind, Kind::AccessEntries));
        if let Some((_, (document, _))) = other {
            let what = "something else stands in a file of access entries";
            return intake.faults.push(self.fault(
                document.root().at(),
                "other-format",
                what,
                "give it a file of its own",
            ));
        }
        let settings = AccessEntryFileSettings { cluster_account: None, unknown: Severity::Error };
        match parse_access_entry_file(self.input.name, self.input.text, self.input.format, &settings) {
            Ok(file) => {
                intake.faults.extend(file.warnings);
                let named = file.entries.into_iter().zip(file.names);
                let line =
                    |(entry, name)| Line { written: Written::AccessEntry, what: What::Entry(Box::new(entry), name) };
                intake.lines.extend(named.map(line));
            }
            Err(bad) => intake.faults.extend(bad),
        }
    }

    fn iam_identity_mapping(&self, node: Node<'_>, faults: &mut Faults) -> Option<Entry> {
        let place = Place::Key(&Place::Root, "spec");
        let Some(spec) = node.member("spec").filter(|spec| !spec.is_null()) else {
            let what = "the mapping has no `spec`".to_owned();
            faults.error(node.at(), &place, "no-spec", what, "write `spec:` with `arn:` and `username:` below it");
            return None;
        };
        if let Value::Map(members) = spec.value() {
            for member in members.filter(|member| !SPEC_KEYS.contains(&member.key)) {
                let what = format!("the API server drops the key `{}`: what it was to narrow is not known", member.key);
                let cure = cure_for_unknown(&SPEC_KEYS, member.key);
                faults.error(member.at, &Place::Key(&place, member.key), "unknown-key", what, &cure);
            }
        }
        let object: MappingObject = serde_json::from_value(json!({ "metadata": {}, "spec": spec.to_json() })).ok()?;
        let bad = match object.into_spec() {
            Ok(spec) => {
                let origin = Origin { place: Arc::clone(faults.file()), at: node.at() };
                match parse_iam_identity_mapping(&spec, self.settings, origin) {
                    Ok(entry) => return Some(entry).filter(|_| !faults.any_error()),
                    Err(bad) => bad,
                }
            }
            Err(bad) => bad
                .into_iter()
                .map(|fault| Diagnostic { key: fault.key, ..self.fault(spec.at(), "bad-type", &fault.what, "") })
                .collect(),
        };
        bad.into_iter().for_each(|fault| faults.push(fault));
        None
    }

    fn fault(&self, at: Position, code: &'static str, what: &str, cure: &str) -> Diagnostic {
        Diagnostic::keyless(Severity::Error, code, Some(self.input.name.into()), Some(at), what.to_owned(), cure)
    }
}

/// Notes the users that a binding names.
fn bound_users(binding: Node<'_>, users: &mut BTreeMap<String, Vec<String>>) {
    let Some(Value::List(subjects)) = binding.member("subjects").map(Node::value) else { return };
    let metadata = binding.member("metadata");
    let of = |key| metadata.and_then(|metadata| metadata.text_of(key));
    let name = match (of("namespace"), of("name").unwrap_or_default()) {
        (Some(namespace), name) => format!("RoleBinding {namespace}/{name}"),
        (None, name) => format!("ClusterRoleBinding {name}"),
    };
    for user in
        subjects.filter(|subject| subject.text_of("kind") == Some("User")).filter_map(|user| user.text_of("name"))
    {
        users.entry(user.to_owned()).or_default().push(name.clone());
    }
}
