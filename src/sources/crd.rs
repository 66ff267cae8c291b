//! `CRD`: objects of kind IAMIdentityMapping, watched.
//!
//! What decides is `spec.arn`; the status repeats it in canonical form.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::fleet::Ground;
use super::keys::{self, KeySettings};
use super::objects::{self, Indexed, Kind, Report, Statuses, Terms};
use super::outlet::Outlet;
use crate::diagnostic::{Diagnostic, Position, Severity};
use crate::iam::{CanonicalArn, strip_role_path};
use crate::kubernetes::{IamIdentityMappingSpec, InstalledKind, MappingObject, MappingParts, SpecFault};
use crate::mapping::{Entry, EntryList, MappingTable, Origin, RolePaths, SourceKind, TableSettings};

/// Follows the objects until it is dropped.
pub(super) async fn run(ground: Ground, outlet: Outlet) {
    let kind = IdentityMappings { settings: ground.settings.key_settings() };
    objects::run(kind, ground, outlet).await;
}

#[derive(Debug)]
struct IdentityMappings {
    settings: KeySettings,
}

/// What was made of an object.
#[derive(Debug)]
struct Judged {
    /// Canonical form of `spec.arn` in lower case: what the status is to say. `None` when it is no principal's ARN.
    canonical: Option<Box<str>>,
    entry: Result<Entry, Vec<Diagnostic>>,
}

type Known = objects::Known<Judged>;

impl Kind for IdentityMappings {
    type Parts = MappingParts;
    type Text = Result<IamIdentityMappingSpec, Vec<SpecFault>>;
    /// `status.canonicalARN`
    type Shown = Option<String>;
    type Judged = Judged;
    type Verdicts = ();
    type Report = Known;

    const TERMS: Terms = Terms {
        kind: "IAMIdentityMapping",
        plural: "iamidentitymappings",
        manifest: "deploy/iamidentitymapping.yaml",
        lost: "they narrow nothing",
        installed: InstalledKind::IAM_IDENTITY_MAPPING,
        lease: "iam-bridge-iamidentitymapping-status",
        synced: "Identity synced successfully",
    };

    fn take(mut object: MappingObject) -> (Self::Text, Self::Shown) {
        let shown = object.take_canonical_arn();
        (object.into_spec(), shown)
    }

    fn judge(&self, name: &str, text: Self::Text) -> Judged {
        let canonical = text.as_ref().ok().and_then(|spec| canonical(&spec.arn));
        Judged { canonical, entry: entry_of(name, text, self.settings) }
    }

    fn indexer(&self, ground: &Ground) -> impl FnOnce(Vec<Arc<Known>>) -> Indexed<()> + Send + 'static {
        let (paths, settings) = (self.settings.role_paths, ground.table_settings(SourceKind::Crd));
        move |objects| {
            let (table, told) = table_of(objects, paths, settings);
            Indexed { table, told, verdicts: () }
        }
    }

    fn see(&mut self, known: &Arc<Known>, shown: Self::Shown, _changed: bool, news: bool, statuses: &Statuses<Known>) {
        statuses.see(known, shown.as_deref() != known.judged.canonical.as_deref(), news);
    }
}

impl Report for Known {
    fn name(&self) -> &Arc<str> {
        &self.name
    }

    fn uid(&self) -> &str {
        &self.uid
    }

    fn status(&self) -> Value {
        json!({ "canonicalARN": self.judged.canonical })
    }

    fn fault(&self) -> Option<String> {
        let faults = self.judged.entry.as_ref().err()?;
        let line = |fault: &Diagnostic| format!("{}: {}; {}", fault.key, fault.what, fault.cure);
        Some(faults.iter().map(line).collect::<Vec<_>>().join(" | "))
    }
}

/// The table of all good objects, and what is to be told of the others.
fn table_of(
    mut objects: Vec<Arc<Known>>,
    paths: RolePaths,
    settings: TableSettings,
) -> (MappingTable, Vec<Diagnostic>) {
    objects.sort_unstable_by(|one, other| one.age().cmp(&other.age()));
    let (mut roles, mut told) = (Vec::with_capacity(objects.len()), Vec::new());
    let mut names: HashMap<String, &str> = HashMap::with_capacity(objects.len());
    for object in &objects {
        let (entry, key) = match (&object.judged.entry, &object.judged.canonical) {
            (Ok(entry), Some(canonical)) => (entry, key(canonical, paths)),
            (Ok(_), None) => continue,
            (Err(faults), _) => {
                // One object is one that is dropped, whatever number of faults it has.
                let severity = |at| if at == 0 { Severity::Error } else { Severity::Warning };
                told.extend(
                    faults.iter().enumerate().map(|(at, one)| Diagnostic { severity: severity(at), ..one.clone() }),
                );
                continue;
            }
        };
        if let Some(older) = names.get(&key) {
            told.push(repeated(object, &key, older));
        } else {
            names.insert(key, &object.name);
            roles.push(entry.clone());
        }
    }
    // The two lists of a table differ in the order they are asked, and users of one name are no roles.
    let users = roles.extract_if(.., |entry| entry.list() == EntryList::Users).collect();
    (MappingTable::new(settings, roles, users, Vec::new()), told)
}

/// What a caller's ARN is compared with.
fn key(canonical: &str, paths: RolePaths) -> String {
    match paths {
        RolePaths::Exact => canonical.to_owned(),
        RolePaths::Ignore => strip_role_path(canonical).unwrap_or_else(|_| canonical.to_owned()),
    }
}

fn canonical(arn: &str) -> Option<Box<str>> {
    CanonicalArn::parse(&arn.to_ascii_lowercase()).ok().map(|arn| arn.lowercase().into())
}

fn entry_of(
    name: &str,
    spec: Result<IamIdentityMappingSpec, Vec<SpecFault>>,
    settings: KeySettings,
) -> Result<Entry, Vec<Diagnostic>> {
    let place: Arc<str> = format!("iamidentitymapping/{name}").into();
    let file: Box<str> = place.as_ref().into();
    let fault = |SpecFault { key, what, wrong }| {
        let (code, cure) =
            if wrong { ("bad-type", "write what belongs there") } else { ("missing", "write its value") };
        let (severity, file, cure) = (Severity::Error, Some(file.clone()), cure.to_owned());
        Diagnostic { severity, code, file, at: None, key, what, cure }
    };
    let spec = spec.map_err(|faults| faults.into_iter().map(fault).collect::<Vec<_>>())?;
    keys::parse_iam_identity_mapping(&spec, settings, Origin { place, at: Position::default() })
}

fn repeated(object: &Known, arn: &str, older: &str) -> Diagnostic {
    Diagnostic {
        severity: Severity::Warning,
        code: "repeated-entry",
        file: Some(format!("iamidentitymapping/{}", object.name).into()),
        at: None,
        key: "spec.arn".to_owned(),
        what: format!("`{arn}` is mapped by iamidentitymapping/{older} too, which is older and in force"),
        cure: "remove one of the two".to_owned(),
    }
}
