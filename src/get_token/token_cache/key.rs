//! What a cached thing depends on, as a name: a hash over everything that decides whose keys sign, and for whom.
//!
//! It costs a few looks at files and no network, process or parser. Secret access keys are not part of it; session tokens
//! are, inside the hash. Left out is what changes nothing about the answer: whether a person may be asked, where
//! kept keys are, and what messages call the cluster. A web identity token file counts by its name: its text rotates and stays the same identity.

use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{Context, SHA256};
use secrecy::ExposeSecret;

use super::stamp::{self, Stamp};
use crate::get_token::{KeySettings, Role, SessionName};
use crate::token::ClusterId;

/// Version of the list below and of the files' formats: another one finds none of the old files.
const FORMAT: u64 = 1;

/// What is kept under a key.
#[derive(Clone, Copy, Debug)]
pub enum Kind<'c> {
    /// Credentials: kept keys of roles.
    Credentials,
    /// A presigned token for a cluster.
    Token(&'c ClusterId),
}

/// Name of a cached thing: 64 hex digits, of which nothing can be read.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Key {
    hex: String,
    kind: &'static str,
}

/// The key of `kind` under these settings, as the files they name stand now.
#[must_use]
pub fn key(kind: Kind<'_>, settings: &KeySettings) -> Key {
    let mut list = List(Context::new(&SHA256));
    list.number(FORMAT);
    list.number(u64::from(stamp::user()));
    match kind {
        Kind::Credentials => list.word("credentials"),
        Kind::Token(cluster_id) => {
            list.word("presigned token");
            list.word(cluster_id.as_str());
        }
    }
    list.settings(settings);
    Key { hex: hex(list), kind: kind.label() }
}

impl Kind<'_> {
    /// `credentials` or `token`.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Credentials => "credentials",
            Self::Token(_) => "token",
        }
    }
}

impl Key {
    /// The digits: what a file says of itself, so that a copied or renamed one is noticed.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.hex
    }

    /// Tells one secret access key from another of the same id: one that was mistyped must not live on in a kept token.
    /// For the inside of a private file, where a token stands that the same secret has signed; never for a name.
    pub(super) fn proof_of(&self, secret_access_key: &str) -> String {
        let mut list = List(Context::new(&SHA256));
        list.word(&self.hex);
        list.word(secret_access_key);
        hex(list)
    }

    /// The file of this thing.
    #[must_use]
    pub fn file_in(&self, directory: &Path) -> PathBuf {
        directory.join(format!("{}.{}.json", self.hex, self.kind))
    }

    /// The file that is locked by whoever makes it anew.
    #[must_use]
    pub fn lock_in(&self, directory: &Path) -> PathBuf {
        directory.join(format!("{}.lock", self.hex))
    }
}

/// A list whose items have their lengths before them: no item can be read as the end of the one before.
struct List(Context);

fn hex(list: List) -> String {
    list.0.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

impl List {
    fn settings(&mut self, settings: &KeySettings) {
        // All fields, so that a new one is judged here.
        let KeySettings {
            cluster_id: _,
            region,
            profile,
            environment_profile,
            environment_keys,
            role,
            fips,
            dual_stack,
            endpoint_url,
            ignore_endpoint_urls,
            ca_bundle,
            home,
            login_cache_directory,
            asking: _,
            credential_cache,
            kept_keys: _,
            fingerprint,
        } = settings;
        self.text(region.as_deref());
        self.text(profile.as_deref());
        self.text(environment_profile.as_deref());
        self.present(environment_keys.as_ref(), |list, keys| {
            list.word(keys.access_key_id());
            list.text(keys.session_token());
        });
        self.present(role.as_ref(), Self::role);
        for switch in [fips, dual_stack, ignore_endpoint_urls] {
            self.present(*switch, |list, on| list.number(on.into()));
        }
        self.text(endpoint_url.as_deref());
        for path in [ca_bundle, home, login_cache_directory] {
            self.present(path.as_ref(), |list, path| list.path(path));
        }
        // Its cluster id, profile and role say nothing that is not said already, or must not count: kept keys serve all.
        self.present(credential_cache.as_ref(), |list, cache| list.path(&cache.file));
        self.number(fingerprint.variables.len().try_into().unwrap_or(u64::MAX));
        for (name, value) in &fingerprint.variables {
            self.word(name);
            self.word(value.expose_secret());
        }
        for file in [&fingerprint.config_file, &fingerprint.credentials_file] {
            self.present(file.as_ref(), |list, path| list.file(path));
        }
    }

    fn role(&mut self, role: &Role) {
        let Role { arn, external_id, mfa_serial, session_name } = role;
        self.word(arn);
        self.text(external_id.as_deref());
        self.text(mfa_serial.as_deref());
        match session_name {
            SessionName::Forwarded => self.word("forwarded"),
            SessionName::Given(name) => {
                self.word("given");
                self.word(name);
            }
            SessionName::OfCaller => self.word("of caller"),
            SessionName::Random => self.word("random"),
        }
    }

    /// A file by its name and by what stands there.
    fn file(&mut self, path: &Path) {
        self.path(path);
        self.present(Stamp::of(path), |list, stamp| stamp.numbers().into_iter().for_each(|number| list.number(number)));
    }

    fn path(&mut self, path: &Path) {
        self.bytes(path.as_os_str().as_encoded_bytes());
    }

    fn text(&mut self, text: Option<&str>) {
        self.present(text, Self::word);
    }

    fn present<T>(&mut self, item: Option<T>, add: impl FnOnce(&mut Self, T)) {
        self.0.update(&[u8::from(item.is_some())]);
        if let Some(item) = item {
            add(self, item);
        }
    }

    fn word(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    fn number(&mut self, number: u64) {
        self.0.update(&number.to_be_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len().try_into().unwrap_or(u64::MAX));
        self.0.update(bytes);
    }
}
