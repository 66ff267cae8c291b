//! The key changes if and only if one of its inputs does.

use std::path::PathBuf;

use aws_credential_types::Credentials;
use iam_bridge::get_token::token_cache::{Key, Kind, key};
use iam_bridge::get_token::{Asking, CredentialCacheSettings, FingerprintInputs, KeySettings, Role, SessionName};
use iam_bridge::token::ClusterId;
use proptest::prelude::*;
use secrecy::SecretString;

use super::*;

/// Texts that run into each other unless lengths stand before them.
const TEXTS: [&str; 5] = ["a", "ab", "b", "aa", "a\u{0}b"];

fn text() -> impl Strategy<Value = String> + Clone {
    prop::sample::select(TEXTS.to_vec()).prop_map(str::to_owned)
}

fn maybe() -> impl Strategy<Value = Option<String>> {
    prop::option::of(text())
}

/// What a token depends on, in a form that can be compared.
#[derive(Clone, Debug, PartialEq)]
struct Inputs {
    cluster_id: Option<String>,
    texts: [Option<String>; 5],
    paths: [Option<String>; 3],
    switches: [Option<bool>; 3],
    keys: Option<(String, Option<String>)>,
    role: Option<(String, Option<String>, Option<String>, SessionName)>,
    cache: Option<String>,
    variables: Vec<(&'static str, String)>,
}

fn inputs() -> impl Strategy<Value = Inputs> {
    let session = prop_oneof![
        Just(SessionName::Forwarded),
        text().prop_map(SessionName::Given),
        Just(SessionName::OfCaller),
        Just(SessionName::Random),
    ];
    let names = prop::sample::select(vec!["AWS_PROFILE", "AWS_REGION", "HOME"]);
    (
        prop::option::of(text()),
        prop::array::uniform5(maybe()),
        prop::array::uniform3(maybe()),
        prop::array::uniform3(any::<Option<bool>>()),
        prop::option::of((text(), maybe())),
        prop::option::of((text(), maybe(), maybe(), session)),
        maybe(),
        prop::collection::vec((names, text()), 0..3),
    )
        .prop_map(|(cluster_id, texts, paths, switches, keys, role, cache, variables)| Inputs {
            cluster_id,
            texts,
            paths,
            switches,
            keys,
            role,
            cache,
            variables,
        })
}

impl Inputs {
    /// One field of `other`, the rest of `self`: neighbours, which two random ones never are.
    fn with(mut self, other: &Self, field: usize) -> Self {
        let other = other.clone();
        match field {
            0 => self.cluster_id = other.cluster_id,
            1 => self.texts = other.texts,
            2 => self.paths = other.paths,
            3 => self.switches = other.switches,
            4 => self.keys = other.keys,
            5 => self.role = other.role,
            6 => self.cache = other.cache,
            7 => self.variables = other.variables,
            place => self.texts.swap(place % 5, (place + 1) % 5),
        }
        self
    }

    /// `noise` is what the key must not depend on.
    fn key(&self, noise: &str) -> Key {
        let [region, profile, environment_profile, endpoint_url, config] = self.texts.clone();
        let [ca_bundle, home, login_cache_directory] = self.paths.clone().map(|path| path.map(PathBuf::from));
        let [fips, dual_stack, ignore_endpoint_urls] = self.switches;
        let settings = KeySettings {
            cluster_id: String::new(),
            region,
            profile,
            environment_profile,
            environment_keys: self.keys.clone().map(|(id, session)| Credentials::new(id, noise, session, None, "test")),
            role: self.role.clone().map(|(arn, external_id, mfa_serial, session_name)| Role {
                arn,
                external_id,
                mfa_serial,
                session_name,
            }),
            fips,
            dual_stack,
            endpoint_url,
            ignore_endpoint_urls,
            ca_bundle,
            home,
            login_cache_directory,
            asking: if noise == "a" { Asking::Allowed } else { Asking::Refused },
            credential_cache: self.cache.clone().map(|file| CredentialCacheSettings {
                file: file.into(),
                cluster_id: noise.to_owned(),
                profile: noise.to_owned(),
                role: noise.to_owned(),
            }),
            kept_keys: Some(PathBuf::from(noise)),
            fingerprint: FingerprintInputs {
                variables: self
                    .variables
                    .iter()
                    .map(|(name, value)| (*name, SecretString::from(value.as_str())))
                    .collect(),
                config_file: config.map(|name| PathBuf::from(format!("/nonexistent/{name}").replace('\0', "0"))),
                credentials_file: None,
            },
        };
        // A NUL stands in no cluster id.
        let cluster_id = self.cluster_id.as_ref().map(|id| ClusterId::parse(&id.replace('\0', "0")).unwrap());
        key(cluster_id.as_ref().map_or(Kind::Credentials, Kind::Token), &settings)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn the_key_changes_if_and_only_if_an_input_does(
        (one, other) in (inputs(), inputs()),
        field in 0_usize..13,
        (noise, more) in (text(), text()),
    ) {
        let neighbour = one.clone().with(&other, field);
        prop_assert_eq!(one == neighbour, one.key(&noise) == neighbour.key(&more));
        prop_assert_eq!(one == other, one.key(&noise) == other.key(&more));
    }
}

/// The two AWS files count by what stands there: place, size, inode, times.
#[test]
fn the_key_follows_the_aws_files() {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir(home.path().join(".aws")).unwrap();
    let now = || {
        let settings = clock::settings(home.path(), &BARE, &[]);
        key(Kind::Token(&settings.cluster_id), &settings.keys)
    };
    for name in ["config", "credentials"] {
        let file = home.path().join(".aws").join(name);
        let mut seen = vec![now()];
        let mut changed = |why: &str| {
            let key = now();
            assert!(!seen.contains(&key), "{name}: {why}");
            assert_eq!(key, now(), "{name}: {why}, and then it stays");
            seen.push(key);
        };
        fs::write(&file, "a").unwrap();
        changed("it has come");
        fs::write(&file, "ab").unwrap();
        changed("it has grown");
        let open = fs::File::options().write(true).open(&file).unwrap();
        open.set_modified(
            std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_nanos(1_700_000_000_000_000_001),
        )
        .unwrap();
        changed("it was touched");
        let twin = home.path().join("twin");
        fs::write(&twin, "ab").unwrap();
        fs::File::options()
            .write(true)
            .open(&twin)
            .unwrap()
            .set_modified(open.metadata().unwrap().modified().unwrap())
            .unwrap();
        fs::rename(twin, &file).unwrap();
        changed("another file of the same size and time");
        fs::remove_file(&file).unwrap();
        assert_eq!(now(), seen[0], "{name}: gone again");
    }
}
