//! The cache file's YAML: a tree that keeps what it does not know, and the entries in it.
//!
//! ```yaml
//! clusters: {<cluster id>: {<profile>: {<role or "">: {accesskeyid, secretaccesskey, sessiontoken, source, canexpire, expires, accountid}}}}
//! ```
//!
//! Texts are wiped when dropped; no error quotes them.

use std::fmt;

use aws_credential_types::Credentials;
use jiff::Timestamp;
use zeroize::Zeroizing;

use super::locked_file::UNFINISHED;
use super::node::{Members, Node};
use crate::clock::UnixSeconds;
use crate::get_token::CredentialCacheSettings;

/// The one member of the file that the reference knows.
const CLUSTERS: &str = "clusters";

/// What an entry says about where its keys came from.
const SOURCE: &str = "iam-bridge";

/// What a new entry adds to the file's length, at most.
const ENTRY_LENGTH: usize = 8 * 1024;

/// The file's content.
#[derive(Default)]
pub(super) struct Document(Members);

/// Why a file's content is no cache.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Unfit {
    /// A cache file whose writing was cut off.
    Torn,
    /// Not YAML.
    Unreadable,
    /// YAML, but of something else: a kubeconfig, say.
    Foreign,
}

impl Document {
    /// Reads a file's content. Nothing, or nothing but the zeroes of a crashed disk, is an empty cache.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Unfit> {
        if bytes.iter().all(|byte| *byte == 0 || byte.is_ascii_whitespace()) {
            return Ok(Self::default());
        }
        // A parse error would quote the file, so it is not passed on.
        let root = std::str::from_utf8(bytes).ok().and_then(|text| serde_saphyr::from_str(text).ok());
        match root {
            Some(Node::Null) => Ok(Self::default()),
            Some(Node::Map(members)) => match members.get(CLUSTERS) {
                Some(Node::Map(_) | Node::Null) => Ok(Self(members)),
                None if members.is_empty() => Ok(Self(members)),
                Some(_) | None => Err(Unfit::Foreign),
            },
            Some(Node::List(_)) => Err(Unfit::Foreign),
            Some(_) | None if is_torn(bytes) => Err(Unfit::Torn),
            Some(_) | None => Err(Unfit::Unreadable),
        }
    }

    /// The keys kept for these settings, and their end. An entry without an end has been cut off, or was never one.
    pub(super) fn keys(&self, settings: &CredentialCacheSettings) -> Option<(Credentials, UnixSeconds)> {
        let mut place = &self.0;
        for name in [CLUSTERS, &settings.cluster_id, &settings.profile, &settings.role] {
            place = place.get(name)?.map()?;
        }
        let text = |name: &str| place.get(name).and_then(Node::text).filter(|text| !text.is_empty());
        // Whatever `canexpire` says: the reference takes keys whose end is past for good if it says nothing.
        let end = text("expires")?.parse::<Timestamp>().ok()?;
        let mut builder = Credentials::builder()
            .access_key_id(text("accesskeyid")?)
            .secret_access_key(text("secretaccesskey")?)
            .expiry(end.into())
            .provider_name("CredentialCache");
        builder.set_session_token(text("sessiontoken").map(str::to_owned));
        builder.set_account_id(text("accountid").map(Into::into));
        Some((builder.build(), UnixSeconds(end.as_second())))
    }

    /// Puts `keys`, which end at `end`, where these settings look for them.
    pub(super) fn put(&mut self, settings: &CredentialCacheSettings, keys: &Credentials, end: Timestamp) {
        let account = keys.account_id().map(|account| account.as_str()).unwrap_or_default();
        let entry = [
            ("accesskeyid", Node::of(keys.access_key_id())),
            ("secretaccesskey", Node::of(keys.secret_access_key())),
            ("sessiontoken", Node::of(keys.session_token().unwrap_or_default())),
            ("source", Node::of(SOURCE)),
            ("canexpire", Node::Bool(true)),
            ("expires", Node::of(&end.to_string())),
            ("accountid", Node::of(account)),
        ];
        let entry = Node::Map(entry.map(|(name, value)| (name.to_owned(), value)).into());
        let mut clusters = take_map(&mut self.0, CLUSTERS);
        let mut profiles = take_map(&mut clusters, &settings.cluster_id);
        let mut roles = take_map(&mut profiles, &settings.profile);
        roles.insert(settings.role.clone(), entry);
        profiles.insert(settings.profile.clone(), Node::Map(roles));
        clusters.insert(settings.cluster_id.clone(), Node::Map(profiles));
        self.0.insert(CLUSTERS.to_owned(), Node::Map(clusters));
    }

    /// Drops the entries that have ended, whichever cluster they are for.
    ///
    /// Nobody can use them any more, whoever made them, and each holds a secret; the reference keeps them for ever.
    pub(super) fn drop_ended(&mut self, now: UnixSeconds) {
        let Some(Node::Map(clusters)) = self.0.get_mut(CLUSTERS) else { return };
        retain_maps(clusters, |profiles| {
            retain_maps(profiles, |roles| roles.retain(|_, entry| !has_ended(entry, now)))
        });
    }

    /// The YAML, for a file that was `length` long.
    pub(super) fn render(&self, length: usize) -> Option<Zeroizing<String>> {
        // Long enough from the start: a buffer that grew would leave copies behind.
        let mut text = Zeroizing::new(String::with_capacity(length.saturating_mul(2).saturating_add(ENTRY_LENGTH)));
        let options = serde_saphyr::ser_options! { prefer_block_scalars: false };
        serde_saphyr::to_fmt_writer_with_options(&mut *text, &self.0, options).ok()?;
        Some(text)
    }
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Document")
    }
}

/// Whether the reference, or we, were cut off while writing: see `locked_file` for the mark.
fn is_torn(bytes: &[u8]) -> bool {
    let start: Vec<u8> = bytes.iter().copied().skip_while(|byte| *byte == 0).take(CLUSTERS.len() + 1).collect();
    start.first() == Some(&UNFINISHED) || start.starts_with(CLUSTERS.as_bytes())
}

/// Runs `prune` over each map among `members`, and drops those that it empties.
fn retain_maps(members: &mut Members, prune: impl Fn(&mut Members)) {
    members.retain(|_, node| match node {
        Node::Map(inner) if !inner.is_empty() => {
            prune(inner);
            !inner.is_empty()
        }
        _ => true,
    });
}

fn has_ended(entry: &Node, now: UnixSeconds) -> bool {
    let end = entry.map().and_then(|members| members.get("expires")).and_then(Node::text);
    end.and_then(|text| text.parse::<Timestamp>().ok()).is_some_and(|end| end.as_second() <= now.0)
}

/// The map of that name, taken out; empty if there is none, or something else.
fn take_map(members: &mut Members, name: &str) -> Members {
    match members.remove(name) {
        Some(Node::Map(inner)) => inner,
        _ => Members::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixSeconds = UnixSeconds(1_800_000_000);

    fn settings(cluster_id: &str, profile: &str, role: &str) -> CredentialCacheSettings {
        let [cluster_id, profile, role] = [cluster_id, profile, role].map(str::to_owned);
        CredentialCacheSettings { file: "unused".into(), cluster_id, profile, role }
    }

    fn keys(id: &str) -> Credentials {
        Credentials::new(id, "secret/+=", Some("session/+=".repeat(120)), None, "Test")
    }

    fn end(seconds: i64) -> Timestamp {
        Timestamp::from_nanosecond(i128::from(NOW.0 + seconds) * 1_000_000_000 + 123_456_789).unwrap()
    }

    #[test]
    fn names_of_every_shape_come_back_as_they_were() {
        let names =
            ["", "~", "null", "on", "1e5", "0x10", "12:30", "2026-11-24", "a: b", "- a", "#", "ü", "'", "\"", "<<"];
        let mut document = Document::default();
        for name in names {
            document.put(&settings(name, name, name), &keys(name), end(600));
        }
        let text = document.render(0).unwrap();
        let again = Document::parse(text.as_bytes()).unwrap();
        for name in names.into_iter().filter(|name| !name.is_empty()) {
            let (found, _) = again.keys(&settings(name, name, name)).expect(name);
            assert_eq!((found.access_key_id(), found.session_token()), (name, keys(name).session_token()));
        }
        assert_eq!(again.render(0).unwrap(), text);
    }
}
