//! Certificate and kubeconfig: made, honoured, refused, renewed, swapped.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use iam_bridge::clock::{Clock, UnixSeconds};
use iam_bridge::server::{self, CertificateError, Init};
use x509_parser::prelude::{FromDer, X509Certificate, parse_x509_pem};

use crate::behaviour::server::wire::{Wire, client_config, eventually};
use crate::harness::authority::Authority;
use crate::harness::bridge::Bridge;

const DAY: i64 = 24 * 60 * 60;
const NOW: UnixSeconds = UnixSeconds(1_764_000_000);

fn plan(directory: &Path) -> Init {
    Init {
        directory: directory.to_owned(),
        kubeconfig: directory.join("webhook.kubeconfig"),
        hostname: "localhost".to_owned(),
        address: [127, 0, 0, 1].into(),
        port: 21362,
        client_certificate: false,
    }
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn put_pair(directory: &Path, (certificate, key): &(String, String)) {
    fs::write(directory.join("cert.pem"), certificate).unwrap();
    fs::write(directory.join("key.pem"), key).unwrap();
    set_mode(&directory.join("key.pem"), 0o600);
}

/// The value behind a key of the kubeconfig, decoded if it is base64.
fn decoded(kubeconfig: &str, key: &str) -> Option<String> {
    let line = kubeconfig.lines().find_map(|line| line.trim().strip_prefix(&format!("{key}: ")))?;
    Some(String::from_utf8(BASE64_STANDARD.decode(line).unwrap()).unwrap())
}

async fn wire(bridge: &Bridge) -> Wire {
    Wire::connect(bridge.server.address(), bridge.server.ca_pem()).await
}

#[test]
fn what_is_made_is_a_years_p256_end_entity_under_a_private_ca_of_ten() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let files = server::init(&plan(directory.path()), NOW).unwrap();
    let names = ["ca.pem", "ca-key.pem", "cert.pem", "key.pem", "webhook.kubeconfig"];
    assert_eq!(files, names.map(at));
    assert_eq!(names.map(|name| mode(&at(name))), [0o644, 0o600, 0o644, 0o600, 0o644]);
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 5, "no temporary file is left");

    let pem = fs::read(at("cert.pem")).unwrap();
    let (_, pem) = parse_x509_pem(&pem).unwrap();
    let leaf = pem.parse_x509().unwrap();
    let ca_pem = fs::read(at("ca.pem")).unwrap();
    let (_, ca_pem) = parse_x509_pem(&ca_pem).unwrap();
    let ca = ca_pem.parse_x509().unwrap();
    assert_eq!(leaf.issuer(), ca.subject());
    assert!(!leaf.is_ca() && ca.is_ca());
    assert_eq!(leaf.subject().to_string(), "CN=aws-iam-authenticator");
    assert_eq!(leaf.validity().not_after.timestamp(), NOW.0 + 365 * DAY);
    assert_eq!(ca.validity().not_after.timestamp(), NOW.0 + 3652 * DAY);
    assert_eq!(leaf.public_key().raw.len(), 91, "an uncompressed P-256 key");
    let names = leaf.subject_alternative_name().unwrap().unwrap().value.to_owned();
    assert_eq!(names.general_names.len(), 2, "{names:?}");
    let usage = leaf.extended_key_usage().unwrap().unwrap().value;
    assert!(usage.server_auth && !usage.client_auth);

    let before = fs::read(at("cert.pem")).unwrap();
    server::init(&plan(directory.path()), NOW.plus(30 * DAY)).unwrap();
    assert_eq!(fs::read(at("cert.pem")).unwrap(), before, "what is there is used");
    let elsewhere = Init { hostname: "webhook.example".to_owned(), ..plan(directory.path()) };
    server::init(&elsewhere, NOW.plus(30 * DAY)).unwrap();
    assert_ne!(fs::read(at("cert.pem")).unwrap(), before, "ours is made anew for another name");
}

#[test]
fn the_kubeconfig_has_the_references_names_and_our_trust() {
    let directory = tempfile::tempdir().unwrap();
    let mut plan = plan(directory.path());
    server::init(&plan, NOW).unwrap();
    let text = fs::read_to_string(&plan.kubeconfig).unwrap();
    for part in [
        "  - name: aws-iam-authenticator\n",
        "      server: \"https://localhost:21362/authenticate\"\n",
        "  - name: apiserver\n",
        "  - name: webhook\n",
        "\ncurrent-context: webhook\n",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(text.starts_with('\n') && !text.contains("apiVersion") && !text.contains("kind"), "{text}");
    let ca = fs::read_to_string(directory.path().join("ca.pem")).unwrap();
    assert_eq!(decoded(&text, "certificate-authority-data").unwrap(), ca);

    (plan.hostname, plan.port) = ("::1".to_owned(), 443);
    server::init(&plan, NOW).unwrap();
    let text = fs::read_to_string(&plan.kubeconfig).unwrap();
    assert!(text.contains("server: \"https://[::1]:443/authenticate\"\n"), "{text}");
}

#[test]
fn a_client_pair_is_inlined_and_its_kubeconfig_private() {
    let directory = tempfile::tempdir().unwrap();
    let plan = Init { client_certificate: true, ..plan(directory.path()) };
    let files = server::init(&plan, NOW).unwrap();
    assert!(files.contains(&directory.path().join("client-key.pem")), "{files:?}");
    let text = fs::read_to_string(&plan.kubeconfig).unwrap();
    let at = |name: &str| fs::read_to_string(directory.path().join(name)).unwrap();
    assert_eq!(decoded(&text, "client-certificate-data").unwrap(), at("client.pem"));
    assert_eq!(decoded(&text, "client-key-data").unwrap(), at("client-key.pem"));
    assert_eq!((mode(&plan.kubeconfig), mode(&directory.path().join("client-key.pem"))), (0o600, 0o600));
    server::init(&Init { client_certificate: false, ..plan.clone() }, NOW).unwrap();
    assert_eq!(fs::read_to_string(&plan.kubeconfig).unwrap(), text, "a later start does not take it out");
}

#[test]
fn keys_that_others_may_read_wrong_pairs_and_missing_directories_are_refused_with_the_reason() {
    let directory = tempfile::tempdir().unwrap();
    let plan = plan(directory.path());
    let refused = || server::init(&plan, NOW).unwrap_err();
    let authority = Authority::new("own");
    put_pair(directory.path(), &authority.leaf("localhost"));
    let key = directory.path().join("key.pem");
    for bits in [0o640, 0o604, 0o660, 0o620] {
        set_mode(&key, bits);
        let error = refused();
        assert!(matches!(&error, CertificateError::KeyNotPrivate { mode, .. } if *mode == bits), "{error:?}");
        assert!(error.to_string().contains("chmod 600"), "{error}");
    }
    set_mode(&key, 0o600);
    fs::write(&key, authority.leaf("localhost").1).unwrap();
    assert!(matches!(refused(), CertificateError::Mismatch { .. }), "{}", refused());
    fs::write(&key, "junk").unwrap();
    assert!(matches!(refused(), CertificateError::BadKey { .. }), "{}", refused());
    fs::write(directory.path().join("cert.pem"), "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
        .unwrap();
    fs::write(&key, authority.leaf("localhost").1).unwrap();
    assert!(matches!(refused(), CertificateError::BadCertificate { .. }), "{}", refused());

    let nowhere = Init { directory: directory.path().join("no/where"), ..plan.clone() };
    let error = server::init(&nowhere, NOW).unwrap_err();
    assert!(matches!(error, CertificateError::NoDirectory(_)) && error.to_string().contains("mkdir"), "{error}");
    let fresh = tempfile::tempdir().unwrap();
    let nowhere = Init { kubeconfig: fresh.path().join("no/kubeconfig"), directory: fresh.path().to_owned(), ..plan };
    assert!(matches!(server::init(&nowhere, NOW).unwrap_err(), CertificateError::NoDirectory(_)));
}

#[test]
fn a_renewal_that_was_interrupted_is_finished() {
    let directory = tempfile::tempdir().unwrap();
    let plan = plan(directory.path());
    server::init(&plan, NOW).unwrap();
    let before = fs::read(directory.path().join("cert.pem")).unwrap();
    let other = tempfile::tempdir().unwrap();
    server::init(&self::plan(other.path()), NOW).unwrap();
    fs::copy(other.path().join("key.pem"), directory.path().join("key.pem")).unwrap();
    server::init(&plan, NOW).unwrap();
    assert_ne!(fs::read(directory.path().join("cert.pem")).unwrap(), before);
}

#[tokio::test]
async fn an_existing_pair_is_served_trusted_and_never_renewed() {
    let authority = Authority::new("own");
    let pair = authority.leaf("127.0.0.1");
    let bridge = Bridge::start_with("", Clock::system(), |settings| put_pair(&settings.state_dir, &pair)).await;
    assert_eq!(bridge.server.ca_pem(), pair.0, "what the reference puts into its kubeconfig");
    let shown = Wire::connect_with(bridge.server.address(), client_config(authority.pem(), None)).await.unwrap();
    assert_eq!(shown.certificate(), parse_x509_pem(pair.0.as_bytes()).unwrap().1.contents);
    assert!(!bridge.at("ca.pem").exists(), "no CA is made beside it");
}

#[tokio::test]
async fn made_certificates_are_renewed_at_two_thirds_and_swapped_without_a_failed_request() {
    // Clients judge by the real clock: the server's begins in the past, so that both certificates are valid today.
    let (clock, hand) = Clock::manual(Clock::system().now().plus(-250 * DAY));
    let bridge = Bridge::start_with("", clock, |_| {}).await;
    let first = wire(&bridge).await.certificate();
    let (end, failed) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let (address, ca) = (bridge.server.address(), bridge.server.ca_pem().to_owned());
    let load = tokio::spawn({
        let (end, failed) = (Arc::clone(&end), Arc::clone(&failed));
        async move {
            let mut kept = Wire::connect(address, &ca).await;
            while !end.load(Ordering::Acquire) {
                let fresh = Wire::connect(address, &ca).await.ask("GET", "/livez", "").await.status;
                let kept = kept.ask("GET", "/livez", "").await.status;
                failed.fetch_or(fresh != 200 || kept != 200, Ordering::AcqRel);
            }
        }
    });
    // It began five minutes before it was made.
    let two_thirds = (365 * DAY + 300) / 3 * 2 - 300;
    hand.advance(u32::try_from(two_thirds - 60).unwrap());
    bridge.server.reload();
    assert_eq!(wire(&bridge).await.certificate(), first, "not yet two thirds");
    hand.advance(120);
    bridge.server.reload();
    eventually("another certificate", async || wire(&bridge).await.certificate() != first).await;
    let second = wire(&bridge).await.certificate();
    let (_, certificate) = X509Certificate::from_der(&second).unwrap();
    let ends = certificate.validity().not_after.timestamp();
    let metrics = wire(&bridge).await.ask("GET", "/metrics", "").await.body;
    assert!(metrics.contains(&format!("iam_bridge_certificate_not_after_seconds {ends}")), "{metrics}");
    end.store(true, Ordering::Release);
    load.await.unwrap();
    assert!(!failed.load(Ordering::Acquire), "a request failed during the swap");
}

#[tokio::test]
async fn a_replaced_pair_is_swapped_in_and_a_bad_one_is_not() {
    let authority = Authority::new("own");
    let pair = authority.leaf("127.0.0.1");
    let bridge = Bridge::start_with("", Clock::system(), |settings| {
        put_pair(&settings.state_dir, &pair);
        settings.limits.file_poll = std::time::Duration::from_millis(20);
    })
    .await;
    let config = client_config(authority.pem(), None);
    let connect = async || Wire::connect_with(bridge.server.address(), config.clone()).await.unwrap();
    let detail = async || connect().await.ask("GET", "/readyz", "").await.body;
    let first = connect().await.certificate();

    let next = authority.leaf("127.0.0.1");
    fs::write(bridge.at("key.pem"), &next.1).unwrap();
    eventually("a mismatch", async || detail().await.contains("is not the one of the certificate")).await;
    assert_eq!(connect().await.certificate(), first, "half a pair");
    fs::write(bridge.at("cert.pem"), &next.0).unwrap();
    eventually("the new pair", async || connect().await.certificate() != first).await;
    let second = connect().await.certificate();
    eventually("no fault", async || detail().await == "ok").await;

    set_mode(&bridge.at("key.pem"), 0o644);
    eventually("the key's mode", async || detail().await.contains("has mode 0644")).await;
    assert_eq!(connect().await.certificate(), second, "a key that all may read is not taken, the old one serves");
    let seen = connect().await.ask("GET", "/readyz", "").await;
    assert_eq!(seen.status, 200);
}

#[tokio::test]
async fn client_ca_file_demands_a_certificate_on_the_whole_listener_and_is_reloaded() {
    let (api_server, stranger) = (Authority::new("api server"), Authority::new("stranger"));
    let directory = tempfile::tempdir().unwrap();
    let ca_file = directory.path().join("clients.pem");
    fs::write(&ca_file, api_server.pem()).unwrap();
    let bridge = Bridge::start_with("", Clock::system(), |settings| {
        settings.client_ca_file = Some(ca_file.clone());
    })
    .await;
    let ca = bridge.server.ca_pem();
    let status = async |client: Option<&(String, String)>| {
        let client = client.map(|(certificate, key)| (certificate.as_str(), key.as_str()));
        let mut wire = Wire::connect_with(bridge.server.address(), client_config(ca, client)).await.ok()?;
        // With TLS 1.3 a client learns of its refusal only when it reads.
        wire.try_ask("GET", "/livez", "").await.map(|seen| seen.status)
    };
    let (known, unknown) = (api_server.leaf("kube-apiserver"), stranger.leaf("kube-apiserver"));
    assert_eq!(status(Some(&known)).await, Some(200));
    assert_eq!(status(Some(&unknown)).await, None);
    assert_eq!(status(None).await, None);

    fs::write(&ca_file, "no certificate").unwrap();
    bridge.server.reload();
    assert_eq!(status(Some(&known)).await, Some(200), "a bad file changes nothing");
    fs::write(&ca_file, stranger.pem()).unwrap();
    bridge.server.reload();
    eventually("the new CA", async || status(Some(&unknown)).await == Some(200)).await;
    assert_eq!(status(Some(&known)).await, None, "the CA was exchanged");
}
