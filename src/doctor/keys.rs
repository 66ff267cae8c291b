//! Checks 5 to 7: there are keys, this machine's clock agrees with AWS's, and STS takes a token made with them.

use std::sync::Arc;

use secrecy::SecretString;

use super::finding::Finding;
use super::scene::Scene;
use super::{Check, Verdict};
use crate::aws::{Connector, ConnectorSettings, Errand, Sts, StsError, StsSettings};
use crate::clock::Clock;
use crate::get_token::{self, GetTokenError, KeySettings, Keys};
use crate::iam::{Partition, VerifiedIdentity};
use crate::telemetry::Metrics;
use crate::token::{ClusterId, Token, TokenError, TokenKind, TokenRules};
use crate::whoami;

/// Names of the checks, in order.
pub(super) const NAMES: [&str; 3] = ["credentials", "clock", "token"];

/// Cluster id of a token that no cluster is meant to take.
const NO_CLUSTER: &str = "iam-bridge-doctor";

/// Keys with less life than this are about to end, seconds.
const TOO_SHORT: i64 = 120;

/// A clock this wrong is not worth a word, seconds.
const UNNOTICED: i64 = 30;

/// AWS refuses signatures from a clock that is off by more, and servers tokens from one that is ahead by more; seconds.
const TOLERATED: i64 = 300;

/// What came of it.
#[derive(Debug)]
pub(super) struct AtAws {
    pub(super) clock: Check,
    pub(super) token: Check,
    /// The token, if one could be signed.
    pub(super) signed: Option<SecretString>,
    /// Who STS says it belongs to.
    pub(super) identity: Option<VerifiedIdentity>,
    /// STS has said that it takes the token from nobody.
    pub(super) is_refused: bool,
}

/// Check 5, and the keys. Blocks.
pub(super) fn credentials(scene: &Scene<'_>, clock: &Clock) -> (Check, Option<Keys>) {
    let mut finding = Finding::new("credentials");
    let settings = match &scene.keys {
        Ok(settings) => settings,
        Err(error) => {
            finding.bad(error.to_string(), "mend the file that --config names");
            return (finding.end(), None);
        }
    };
    let began = clock.moment().monotonic;
    let keys = match get_token::load_keys(settings, &|| {}, clock) {
        Ok(keys) => keys,
        Err(error) => {
            finding.bad(error.to_string(), error.remedy());
            if let Some(ahead) = error.clock_ahead().filter(|ahead| ahead.abs() > TOLERATED) {
                finding.bad(off(ahead), SET_THE_CLOCK);
            }
            return (finding.end(), None);
        }
    };
    let took = clock.moment().monotonic.saturating_sub(began).as_millis();
    let id = whoami::short_key_id(keys.credentials.access_key_id());
    let role = settings.role.as_ref().map(|role| format!(", then role `{}`", role.arn)).unwrap_or_default();
    let end = whoami::end_of(&keys).map(|end| format!(", until {end}")).unwrap_or_default();
    finding.good(format!("key {id} from {}{role}{end}, in {took} ms", keys.source.label()));
    let left = keys.credentials.expiry().and_then(|end| jiff::Timestamp::try_from(end).ok());
    if left.is_some_and(|end| end.as_second().saturating_sub(clock.now().0) < TOO_SHORT) {
        finding.warn("they are about to end", "log in again, or wait for new ones");
    }
    for note in &keys.notes {
        if note == get_token::REGION_IS_GUESSED {
            finding.warn(
                note.clone(),
                "add `--region R` with the cluster's region to the args of the exec entry, or set AWS_REGION",
            );
        } else {
            finding.good(note.clone());
        }
    }
    (finding.end(), Some(keys))
}

/// Checks 6 and 7.
pub(super) async fn at_aws(scene: &Scene<'_>, keys: Option<&Keys>, clock: &Clock) -> AtAws {
    let (Some(keys), Ok(settings)) = (keys, &scene.keys) else {
        let why = "there are no credentials";
        return AtAws {
            clock: Check::skipped("clock", why),
            token: Check::skipped("token", why),
            signed: None,
            identity: None,
            is_refused: false,
        };
    };
    let (said, verified) =
        tokio::join!(Box::pin(get_token::caller(keys)), Box::pin(verify(scene, settings, keys, clock)));
    let mut at_aws = verified;
    at_aws.clock = judge_clock(&said.map_or_else(|error| error.clock_ahead(), |caller| caller.clock_ahead));
    if at_aws.clock.verdict == Verdict::Bad && at_aws.is_refused {
        at_aws.token.remedy.clone_from(&at_aws.clock.remedy);
    }
    at_aws
}

const SET_THE_CLOCK: &str =
    "set this machine's clock: `timedatectl set-ntp true`, on Windows `w32tm /resync`, in WSL2 `wsl --shutdown`";

fn judge_clock(ahead: &Option<i64>) -> Check {
    let mut finding = Finding::new("clock");
    match *ahead {
        None => return Check::skipped("clock", "STS gave no date to compare with"),
        Some(ahead) if ahead.abs() > TOLERATED => finding.bad(off(ahead), SET_THE_CLOCK),
        Some(ahead) if ahead.abs() > UNNOTICED => finding.warn(off(ahead), SET_THE_CLOCK),
        Some(_) => finding.good(format!("agrees with AWS's within {UNNOTICED} s")),
    }
    finding.end()
}

fn off(ahead: i64) -> String {
    let (seconds, way) = (ahead.unsigned_abs(), if ahead < 0 { "behind" } else { "ahead of" });
    let time = if seconds < 120 { format!("{seconds} s") } else { format!("{} min", seconds / 60) };
    format!("this machine's clock is {time} {way} AWS's")
}

/// Signs a token and asks STS about it with a server's own rules and client.
async fn verify(scene: &Scene<'_>, settings: &KeySettings, keys: &Keys, clock: &Clock) -> AtAws {
    let mut finding = Finding::new("token");
    let made_up = ClusterId::parse(NO_CLUSTER).ok();
    let Some(cluster_id) = scene.cluster_id.clone().or(made_up) else {
        return ended(Check::skipped("token", "there is no cluster id"), None, None, false);
    };
    let region = keys.endpoint.signing_region();
    let rules = TokenRules {
        partition: Partition::of_region(region).unwrap_or(Partition::Aws),
        cluster_id: cluster_id.clone(),
        instance_region: keys.region.clone(),
        strict_preflight: true,
        allowed_regions: Vec::new(),
    };
    let now = clock.now();
    let signed = match get_token::sign(&keys.credentials, &keys.endpoint, &cluster_id, now) {
        Ok(signed) => signed.token,
        Err(error) => {
            let error = GetTokenError::from(error);
            finding.bad(error.to_string(), error.remedy());
            return ended(finding.end(), None, None, false);
        }
    };
    let parsed = match Token::parse(&signed, &rules, now) {
        Ok(parsed) => parsed,
        Err(error) => {
            let remedy = match error {
                TokenError::DateInFuture => SET_THE_CLOCK,
                _ if keys.endpoint.is_configured() => {
                    "unset AWS_ENDPOINT_URL_STS and AWS_ENDPOINT_URL, and take endpoint_url out of the profile"
                }
                TokenError::AccessKeyIdShape => "check the access key id for a stray character",
                _ => "give the cluster's region: `--region R`",
            };
            finding.bad(format!("a server refuses the token without asking STS: {error}"), remedy);
            return ended(finding.end(), Some(signed), None, true);
        }
    };
    let TokenKind::Presigned(request) = parsed.kind();
    let asked = ask(settings, request, &cluster_id, clock).await;
    match asked {
        Ok(identity) => {
            let whose = if scene.cluster_id.is_some() { "" } else { "made-up " };
            finding.good(format!(
                "STS in {region} takes it with {whose}cluster id `{cluster_id}`, and says `{}`; mappings must name `{}`",
                identity.arn(),
                identity.canonical_arn()
            ));
            ended(finding.end(), Some(signed), Some(identity), false)
        }
        Err(error) => {
            finding.bad(error.to_string(), cure(&error));
            ended(finding.end(), Some(signed), None, matches!(error, StsError::Refused { .. }))
        }
    }
}

fn ended(token: Check, signed: Option<SecretString>, identity: Option<VerifiedIdentity>, is_refused: bool) -> AtAws {
    AtAws { clock: Check::skipped("clock", "STS was not asked"), token, signed, identity, is_refused }
}

async fn ask(
    settings: &KeySettings,
    request: &crate::token::PresignedRequest,
    cluster_id: &ClusterId,
    clock: &Clock,
) -> Result<VerifiedIdentity, StsError> {
    let region = request.host().region_label();
    let failed = |why: String| StsError::Connection { region, why };
    let roots = ConnectorSettings { connect_to: None, ca_bundle: settings.ca_bundle.clone() };
    let connector = Connector::system(&roots).map_err(|error| failed(error.to_string()))?;
    let metrics = Metrics::new().map_err(|error| failed(error.to_string()))?;
    let limits = StsSettings { max_in_flight: 1, ..StsSettings::default() };
    let sts = Sts::new(limits, connector, clock.clone(), Arc::new(metrics));
    sts.caller_identity(request, cluster_id, Errand::Proof).await
}

fn cure(error: &StsError) -> &'static str {
    let StsError::Refused { code, .. } = error else {
        return "check network, proxy variables and AWS_CA_BUNDLE; the cluster's own way to STS may be a better one";
    };
    match code.as_str() {
        "ExpiredToken" | "ExpiredTokenException" => "log in again: `aws sso login` or `aws login`, or export new keys",
        "InvalidClientTokenId" => {
            "the key is deleted, switched off, or of another partition: `aws sts get-caller-identity` must work first"
        }
        "SignatureDoesNotMatch" => "check the secret key for a stray character, and this machine's clock",
        _ => "see AWS's documentation of this code, and try `aws sts get-caller-identity`",
    }
}
