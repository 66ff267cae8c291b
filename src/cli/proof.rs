//! Who a token belongs to: the server's rules and client, for one call.

use std::io::{self, Read};
use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use super::output;
use crate::authenticator::Denial;
use crate::aws::{self, Connector, Errand, ImdsSettings, Sts, StsSettings};
use crate::clock::Clock;
use crate::iam::VerifiedIdentity;
use crate::telemetry::Metrics;
use crate::token::{Token, TokenError, TokenKind, TokenRules};

/// Most that is read from standard input: a token is refused far below it.
const MOST_READ: u64 = 64 * 1024;

/// What it takes to ask STS once.
#[derive(Debug)]
pub(super) struct Asking {
    pub(super) rules: TokenRules,
    pub(super) sts: StsSettings,
    pub(super) connector: Connector,
    pub(super) metadata: ImdsSettings,
    pub(super) clock: Clock,
}

impl Asking {
    /// Checks `token` and asks STS who signed it.
    pub(super) async fn prove(
        mut self,
        token: &SecretString,
        metrics: Arc<Metrics>,
    ) -> Result<VerifiedIdentity, Denial> {
        let now = self.clock.now();
        // The metadata service knows one host more (rule d); it is asked only when that can matter.
        if Token::parse(token, &self.rules, now).err() == Some(TokenError::BadHost) {
            self.rules.instance_region = aws::instance_region(&self.metadata).await;
            if self.rules.instance_region.is_none() {
                output::warning("the instance metadata service names no region");
            }
        }
        let parsed = Token::parse(token, &self.rules, now)?;
        let TokenKind::Presigned(request) = parsed.kind();
        let sts = Sts::new(self.sts, self.connector, self.clock, metrics);
        Ok(sts.caller_identity(request, &self.rules.cluster_id, Errand::Proof).await?)
    }
}

/// A secret that was typed; `-` stands for standard input.
pub(super) fn typed(text: &SecretString) -> io::Result<SecretString> {
    if text.expose_secret() != "-" {
        return Ok(text.clone());
    }
    let mut read = Zeroizing::new(String::new());
    io::stdin().take(MOST_READ).read_to_string(&mut read)?;
    Ok(SecretString::from(read.trim()))
}
