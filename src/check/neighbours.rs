//! The server configs of a run, for what they settle about the other files: how ARNs and user ids are taken.

use std::path::{Path, PathBuf};

use super::{Kind, Options, config_file, kind_of, looks_like_config};
use crate::config::feature_gates::FeatureGates;
use crate::diagnostic::Severity;
use crate::document;
use crate::iam::{AccountId, Partition};
use crate::mapping::{RolePaths, SourceKind};
use crate::sources::keys::{KeySettings, ModeNeeds};
use crate::sources::{FileText, SourceSettings};

/// The good ones among them.
#[derive(Debug, Default)]
pub(super) struct Neighbours(Vec<SourceSettings>);

impl Neighbours {
    /// Those among `files`, and that of `--config`. A bad one is told when it is checked itself.
    pub(super) fn of(files: &[&Path], options: &Options) -> Self {
        let besides = options.global.config.as_deref().filter(|config| !files.contains(config));
        if files.len() < 2 && besides.is_none() {
            return Self::default();
        }
        Self(files.iter().copied().chain(besides).filter_map(|file| settings(file, options)).collect())
    }

    /// How the keys of a mapping file are judged: as all of them say, or by default.
    pub(super) fn key_settings(&self, options: &Options) -> KeySettings {
        let gates = FeatureGates::parse(&options.global.feature_gates).unwrap_or_default();
        let unknown = Severity::Warning;
        let mut told = self.0.iter().map(|config| KeySettings { unknown, ..config.key_settings() });
        let default = KeySettings {
            partition: Partition::Aws,
            role_paths: RolePaths::default(),
            sso_roles: gates.sso_role_match,
            unknown,
        };
        told.next().filter(|first| told.all(|other| other == *first)).unwrap_or(default)
    }

    /// The account of the cluster, if one of them tells it.
    pub(super) fn cluster_account(&self) -> Option<AccountId> {
        self.0.iter().find_map(|config| config.cluster_account)
    }

    /// The order in which sources are asked, if there is one config.
    pub(super) fn backend_modes(&self) -> Option<&[SourceKind]> {
        match self.0.as_slice() {
            [config] => Some(&config.backend_modes),
            _ => None,
        }
    }

    /// Whether entries of this dynamic file are found by their user ids, if one of them names it.
    pub(super) fn user_id_strict(&self, file: &Path) -> Option<bool> {
        let mut naming = self.0.iter().filter(|config| is_named(config.dynamic_file.as_ref(), file));
        naming.next().map(|config| config.dynamic_user_id_strict)
    }

    /// What the server that reads this backend-mode file has settings for, if one of them names it.
    pub(super) fn mode_needs(&self, file: &Path) -> Option<ModeNeeds> {
        let mut naming = self.0.iter().filter(|config| is_named(config.backend_mode_file.as_ref(), file));
        naming.next().map(SourceSettings::mode_needs)
    }
}

/// Whether a path of a config is the file's: on the machine of the server it may stand elsewhere, under its name.
fn is_named(configured: Option<&PathBuf>, file: &Path) -> bool {
    let Some(configured) = configured else { return false };
    match (configured.canonicalize(), file.canonicalize()) {
        (Ok(configured), Ok(file)) => configured == file,
        _ => configured.file_name().is_some() && configured.file_name() == file.file_name(),
    }
}

fn settings(path: &Path, options: &Options) -> Option<SourceSettings> {
    let file = FileText::load(path).ok()?;
    let text = document::utf8(&file.name, &file.bytes).ok()?;
    let document = document::parse(&file.name, text, file.format).ok()?;
    let is_config = matches!(kind_of(document.root()), Kind::ServerConfig) && looks_like_config(document.root());
    let resolved = is_config.then(|| config_file::resolve(&file, options))?.ok()?;
    Some(resolved.settings.sources)
}
