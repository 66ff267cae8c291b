//! The JSON file `dynamicBackendModePath`: all of it is good, or none of it is used.
//!
//! Types are exact, names of members have no case, unknown ones are told and ignored. Source: aws-iam-authenticator
//! 0.7.18, `pkg/server`.

use super::dynamic::{instant, judged, members, object};
use super::modes::{ModeName, mode_names, parse_mode, stands_behind_aws_auth};
use super::typing::Typing;
use crate::clock::UnixSeconds;
use crate::diagnostic::{Diagnostic, Position};
use crate::document::{self, Faults, Node, Place};
use crate::mapping::{AuthenticationMode, SourceKind};

const KEYS: &[&str] = &["Version", "LastUpdatedDateTime", "backendMode"];

/// A backend-mode file, read.
#[derive(Clone, Debug)]
pub struct BackendModeFile {
    /// `backendMode`, each kind once.
    pub modes: Vec<SourceKind>,
    /// `LastUpdatedDateTime`; absent when not given or not a number.
    pub updated: Option<UnixSeconds>,
    /// What is good and probably not meant.
    pub warnings: Vec<Diagnostic>,
}

/// What the server has settings for, and so may be named in the file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ModeNeeds {
    /// `server.dynamicfilepath`
    pub dynamic_file: bool,
    /// `server.accessEntryFile`
    pub access_entry_file: bool,
    /// `server.eksAccessEntries`
    pub eks: bool,
    /// `server.authenticationMode`, where it does not come from the mirrored cluster.
    pub mode: Option<AuthenticationMode>,
}

impl ModeNeeds {
    /// Everything: for a file whose server is not known.
    pub const ALL: Self = Self { dynamic_file: true, access_entry_file: true, eks: true, mode: None };

    /// The key that a source needs and the server does not have.
    const fn lacking(self, kind: SourceKind) -> Option<(&'static str, &'static str)> {
        match kind {
            SourceKind::DynamicFile if !self.dynamic_file => Some(("no-dynamic-file", "server.dynamicfilepath")),
            SourceKind::AccessEntryFile if !self.access_entry_file => {
                Some(("no-access-entry-file", "server.accessEntryFile"))
            }
            SourceKind::EksAccessEntries if !self.eks => {
                Some(("no-eks-access-entries", "server.eksAccessEntries.clusterName"))
            }
            SourceKind::AccessEntry
            | SourceKind::AccessEntryFile
            | SourceKind::Crd
            | SourceKind::DynamicFile
            | SourceKind::EksAccessEntries
            | SourceKind::EksConfigMap
            | SourceKind::MountedFile => None,
        }
    }
}

/// Reads a backend-mode file of a server that has `needs`.
///
/// # Errors
/// Every fault; one is enough to refuse the whole file.
pub fn parse_backend_mode_file(file: &str, bytes: &[u8], needs: ModeNeeds) -> Result<BackendModeFile, Vec<Diagnostic>> {
    let text = document::utf8(file, bytes).map_err(|fault| vec![fault])?;
    let document = object(file, text)?;
    let mut faults = Faults::new(file.into());
    let (mut modes, mut updated) = (None, None);
    for (key, node, place) in members(&document, KEYS, &mut faults) {
        let place = Place::Key(&Place::Root, place);
        match key {
            "backendMode" => modes = Some(kinds(node, needs, &place, &mut faults)),
            "LastUpdatedDateTime" => updated = instant(node, &place, &mut faults),
            _ => {
                Typing::Json.text(node, &place, &mut faults);
            }
        }
    }
    if modes.is_none() {
        let what = "the file names no sources".to_owned();
        let cure = "write `\"backendMode\": \"MountedFile EKSConfigMap\"`";
        faults.error(document.root().at(), &Place::Root, "no-backend-mode", what, cure);
    }
    let warnings = judged(faults)?;
    Ok(BackendModeFile { modes: modes.unwrap_or_default(), updated, warnings })
}

/// The sources a list of names stands for, each once.
fn kinds(node: Node<'_>, needs: ModeNeeds, place: &Place<'_>, faults: &mut Faults) -> Vec<SourceKind> {
    let mut kinds = Vec::new();
    let Some(text) = Typing::Json.text(node, place, faults) else { return kinds };
    if text.trim_ascii().is_empty() {
        let what = "the list of sources is empty".to_owned();
        faults.error(node.at(), place, "no-backend-mode", what, "name at least one source");
    }
    for name in text.split_ascii_whitespace() {
        let ModeName { kind, deprecated } = match parse_mode(name) {
            Ok(mode) => mode,
            Err(error) => {
                let cure = format!("the sources are {}; case counts", mode_names());
                faults.error(node.at(), place, "bad-backend-mode", error.to_string(), &cure);
                continue;
            }
        };
        if deprecated {
            let what = format!("`{name}` is the old name of {kind}");
            faults.warning(node.at(), place, "deprecated-backend-mode", what, &format!("write `{kind}`"));
        }
        if let Some((code, key)) = needs.lacking(kind) {
            let what = format!("{kind} is named, and the server has no {key}");
            faults.error(node.at(), place, code, what, &format!("set {key}, or remove it"));
        } else if let Some(mode) = needs.mode.filter(|mode| !mode.asks(kind)) {
            let what = format!("{kind} is named, and server.authenticationMode {} does not ask it", mode.as_str());
            faults.error(node.at(), place, "authentication-mode", what, "remove it, or write API_AND_CONFIG_MAP");
        } else if kinds.contains(&kind) {
            let what = format!("{kind} stands twice; the first counts");
            faults.warning(node.at(), place, "backend-mode-twice", what, "remove one");
        } else {
            kinds.push(kind);
        }
    }
    tell_order(&kinds, needs, node.at(), place, faults);
    kinds
}

/// Entries behind aws-auth: on EKS it is the other way round.
fn tell_order(kinds: &[SourceKind], needs: ModeNeeds, at: Position, place: &Place<'_>, faults: &mut Faults) {
    if needs.mode.is_some_and(|mode| mode != AuthenticationMode::ApiAndConfigMap) {
        return;
    }
    for kind in kinds.iter().filter(|kind| stands_behind_aws_auth(**kind, kinds)) {
        let what = format!("{kind} stands behind EKSConfigMap: whoever is in both gets what aws-auth says");
        faults.warning(at, place, "entries-behind-aws-auth", what, &format!("write {kind} before EKSConfigMap"));
    }
}
