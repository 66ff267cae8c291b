//! The private CA: signs the webhook's own certificate and, on request, the API server's client certificate.

use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PublicKeyData as _,
};
use secrecy::{ExposeSecret as _, SecretString};

use super::CertificateError;
use super::certificate::{Names, Place, chain_of, parse_first};
use super::state_files::{self, Audience};
use crate::clock::UnixSeconds;

const DAY: i64 = 24 * 60 * 60;
/// Ten years: clients hold it, and nothing tells them of another.
const CA_LIFE: i64 = 3652 * DAY;
const SERVER_LIFE: i64 = 365 * DAY;
/// A CA with less to live than this is replaced at the next start.
const CA_REST: i64 = 30 * DAY;
/// Certificates begin a little in the past, for clients whose clock is behind.
const SKEW: i64 = 5 * 60;

/// The CA of a state directory.
#[derive(Debug)]
pub(super) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    not_after: UnixSeconds,
}

impl Authority {
    /// `ca.pem` and `ca-key.pem`, made if either is missing or the CA is about to end.
    pub(super) fn load_or_make(place: &Place, now: UnixSeconds) -> Result<Self, CertificateError> {
        if !place.ca().exists() || !place.ca_key().exists() {
            return Self::make(place, now);
        }
        let authority = Self::load(place)?;
        if authority.not_after.since(now) > CA_REST {
            return Ok(authority);
        }
        tracing::warn!(
            path = %place.ca().display(),
            "the private CA was at its end; made another: restart the API server, so that it reads the new kubeconfig"
        );
        Self::make(place, now)
    }

    /// `ca.pem` and `ca-key.pem`.
    pub(super) fn load(place: &Place) -> Result<Self, CertificateError> {
        let (path, key_path) = (place.ca(), place.ca_key());
        let chain = chain_of(&state_files::load(&path)?, &path)?;
        let bad_key = |why: String| CertificateError::BadKey { path: key_path.clone(), why };
        let key_pem = SecretString::from(state_files::load_private(&key_path)?);
        let key = KeyPair::from_pem(key_pem.expose_secret()).map_err(|error| bad_key(error.to_string()))?;
        let certificate = parse_first(&chain, &path)?;
        if certificate.public_key().raw != key.subject_public_key_info() {
            return Err(CertificateError::Mismatch { certificate: path, key: key_path });
        }
        let not_after = UnixSeconds(certificate.validity().not_after.timestamp());
        let issuer = chain
            .first()
            .ok_or(rcgen::Error::CouldNotParseCertificate)
            .and_then(|der| Issuer::from_ca_cert_der(der, key));
        let issuer =
            issuer.map_err(|error| CertificateError::BadCertificate { path: path.clone(), why: error.to_string() })?;
        Ok(Self { issuer, not_after })
    }

    /// Makes `cert.pem` and `key.pem`. The key goes first: a certificate never stands beside a key that came before it.
    pub(super) fn issue_server(&self, place: &Place, names: &Names, now: UnixSeconds) -> Result<(), CertificateError> {
        let mut params = CertificateParams::new(names.texts())
            .map_err(|_error| CertificateError::BadHostname(names.hostname.clone()))?;
        params.distinguished_name = common_name("aws-iam-authenticator");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let (certificate, key) = self.issue(params, now, SERVER_LIFE)?;
        state_files::write(&place.key(), key.expose_secret(), Audience::Owner)?;
        state_files::write(&place.certificate(), &certificate, Audience::Everybody)
    }

    /// Makes `client.pem` and `client-key.pem`, which live as long as the CA: the API server reads a kubeconfig once.
    pub(super) fn issue_client(&self, place: &Place, now: UnixSeconds) -> Result<(), CertificateError> {
        let mut params = CertificateParams::default();
        params.distinguished_name = common_name("kube-apiserver");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let (certificate, key) = self.issue(params, now, CA_LIFE)?;
        state_files::write(&place.client_key(), key.expose_secret(), Audience::Owner)?;
        state_files::write(&place.client(), &certificate, Audience::Everybody)
    }

    fn make(place: &Place, now: UnixSeconds) -> Result<Self, CertificateError> {
        let key = new_key()?;
        let mut params = CertificateParams::default();
        let id: String = params.key_identifier(&key).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        params.distinguished_name = common_name(&format!("iam-bridge webhook CA {id}"));
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let not_after = now.plus(CA_LIFE);
        set_life(&mut params, now, not_after);
        let certificate = params.self_signed(&key).map_err(not_made)?;
        let key_pem = SecretString::from(key.serialize_pem());
        state_files::write(&place.ca_key(), key_pem.expose_secret(), Audience::Owner)?;
        state_files::write(&place.ca(), &certificate.pem(), Audience::Everybody)?;
        Ok(Self { issuer: Issuer::new(params, key), not_after })
    }

    fn issue(
        &self,
        mut params: CertificateParams,
        now: UnixSeconds,
        life: i64,
    ) -> Result<(String, SecretString), CertificateError> {
        let key = new_key()?;
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.use_authority_key_identifier_extension = true;
        set_life(&mut params, now, now.plus(life).min(self.not_after));
        let certificate = params.signed_by(&key, &self.issuer).map_err(not_made)?;
        Ok((certificate.pem(), SecretString::from(key.serialize_pem())))
    }
}

fn new_key() -> Result<KeyPair, CertificateError> {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(not_made)
}

fn common_name(name: &str) -> DistinguishedName {
    let mut names = DistinguishedName::new();
    names.push(DnType::CommonName, name);
    names
}

fn set_life(params: &mut CertificateParams, now: UnixSeconds, not_after: UnixSeconds) {
    let since_epoch = |at: UnixSeconds| Duration::from_secs(u64::try_from(at.0).unwrap_or_default());
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    params.not_before = epoch + since_epoch(now.plus(-SKEW));
    params.not_after = epoch + since_epoch(not_after);
}

#[expect(clippy::needless_pass_by_value, reason = "the shape of map_err")]
fn not_made(error: rcgen::Error) -> CertificateError {
    CertificateError::NotMade(error.to_string())
}
