//! Keeps certificate and client CA new while the server runs: looks at the files, renews what is due, swaps what is good.
//!
//! A fault keeps what is served, is logged once, and shows in `/readyz`. A pair is replaced file by file, so between
//! the two a look finds a mismatch: the next one finds the pair.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::sign::CertifiedKey;
use tokio::sync::Notify;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::certificate::{Names, Pair, Place};
use super::state_files::FileStamp;
use super::tls::server_config;
use super::{CertificateError, Limits};
use crate::clock::{Clock, UnixSeconds};
use crate::live::{Live, Publisher, live};
use crate::telemetry::Metrics;

/// A server that cannot renew its certificate says so again after this long.
const RETRY_SECONDS: i64 = 60 * 60;

/// The writing end of what TLS serves.
#[derive(Debug)]
pub(super) struct Rotation {
    place: Place,
    names: Names,
    client_ca: Option<PathBuf>,
    clock: Clock,
    metrics: Arc<Metrics>,
    certificate: Publisher<CertifiedKey>,
    tls: Publisher<ServerConfig>,
    faults: Publisher<Vec<String>>,
    seen: Seen,
    served: Pair,
    renewal_failed_at: Option<UnixSeconds>,
}

/// The reading ends.
#[derive(Clone, Debug)]
pub(super) struct Rotated {
    pub(super) tls: Live<ServerConfig>,
    /// What of the files on disk is not served, and why.
    pub(super) faults: Live<Vec<String>>,
}

#[derive(Debug, Eq, PartialEq)]
struct Seen {
    pair: (FileStamp, FileStamp),
    client_ca: Option<FileStamp>,
}

impl Rotation {
    /// Serves `pair`, which was loaded from `place`.
    pub(super) fn new(
        pair: Pair,
        place: Place,
        names: Names,
        client_ca: Option<PathBuf>,
        clock: Clock,
        metrics: Arc<Metrics>,
    ) -> Result<(Self, Rotated), CertificateError> {
        let seen = Seen::now(&place, client_ca.as_deref());
        let (certificate, newest) = live(pair.certified.clone());
        let (tls, newest_tls) = live(server_config(newest, client_ca.as_deref())?);
        let (faults, newest_faults) = live(Vec::new());
        metrics.certificate_ends(pair.not_after);
        if pair.is_over(clock.now()) {
            tracing::warn!(path = %place.certificate().display(), "the served certificate has ended; put a new pair there");
        }
        let rotation = Self {
            place,
            names,
            client_ca,
            clock,
            metrics,
            certificate,
            tls,
            faults,
            seen,
            served: pair,
            renewal_failed_at: None,
        };
        Ok((rotation, Rotated { tls: newest_tls, faults: newest_faults }))
    }

    /// Looks at the files every `limits.file_poll`, and whenever `asked`.
    pub(super) async fn run(mut self, limits: Limits, asked: Arc<Notify>, end: CancellationToken) {
        let mut ticks = interval(limits.file_poll);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let forced = tokio::select! {
                () = end.cancelled() => return,
                () = asked.notified() => true,
                _ = ticks.tick() => false,
            };
            self.look(forced);
        }
    }

    fn look(&mut self, forced: bool) {
        let now = self.clock.now();
        let seen = Seen::now(&self.place, self.client_ca.as_deref());
        let pair_changed = forced || seen.pair != self.seen.pair;
        let ca_changed = forced || seen.client_ca != self.seen.client_ca;
        let due = self.served.made && self.served.is_due(now) && !self.failed_lately(now);
        if !pair_changed && !ca_changed && !due {
            return;
        }
        self.seen = seen;
        let mut faults = Vec::new();
        if pair_changed && let Err(fault) = self.reload(now) {
            faults.push(fault);
        }
        // What was on disk may have been a newer one.
        if self.served.made && self.served.is_due(now) && !self.failed_lately(now) {
            self.renewal_failed_at = None;
            if let Err(fault) = self.renew(now) {
                self.renewal_failed_at = Some(now);
                faults.push(fault);
            }
        }
        if ca_changed && let Err(fault) = self.reload_client_ca() {
            faults.push(fault);
        }
        let texts: Vec<_> = faults.iter().map(chain_text).collect();
        for fault in &texts {
            tracing::error!(error = %fault, "certificate files cannot be used; still serving the ones from before");
        }
        self.faults.publish(texts);
    }

    fn reload(&mut self, now: UnixSeconds) -> Result<(), CertificateError> {
        let pair = Pair::load(&self.place)?;
        if pair.certified.cert == self.served.certified.cert {
            return Ok(());
        }
        if pair.is_over(now) {
            let why = "it has ended".to_owned();
            return Err(CertificateError::BadCertificate { path: self.place.certificate(), why });
        }
        self.serve(pair, "serving another certificate");
        Ok(())
    }

    fn renew(&mut self, now: UnixSeconds) -> Result<(), CertificateError> {
        let pair = Pair::renew(&self.place, &self.names, now)?;
        self.seen.pair = Seen::now(&self.place, None).pair;
        self.serve(pair, "renewed the certificate");
        Ok(())
    }

    fn serve(&mut self, pair: Pair, what: &str) {
        self.certificate.publish(pair.certified.clone());
        self.metrics.certificate_ends(pair.not_after);
        tracing::info!(path = %self.place.certificate().display(), not_after = pair.not_after.0, "{what}");
        self.served = pair;
    }

    fn reload_client_ca(&self) -> Result<(), CertificateError> {
        if self.client_ca.is_none() {
            return Ok(());
        }
        self.tls.publish(server_config(self.certificate.subscribe(), self.client_ca.as_deref())?);
        Ok(())
    }

    fn failed_lately(&self, now: UnixSeconds) -> bool {
        self.renewal_failed_at.is_some_and(|at| now.since(at).abs() < RETRY_SECONDS)
    }
}

impl Seen {
    fn now(place: &Place, client_ca: Option<&std::path::Path>) -> Self {
        Self {
            pair: (FileStamp::of(&place.certificate()), FileStamp::of(&place.key())),
            client_ca: client_ca.map(FileStamp::of),
        }
    }
}

/// An error and its causes on one line.
pub(super) fn chain_text(error: &CertificateError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
