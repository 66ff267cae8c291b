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
    known: Faults,
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
            known: Faults::default(),
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
        let unread = |fault: &Option<Fault>| fault.as_ref().is_some_and(|fault| fault.unread);
        let pair_changed = forced || seen.pair != self.seen.pair || unread(&self.known.pair);
        let ca_changed = forced || seen.client_ca != self.seen.client_ca || unread(&self.known.client_ca);
        if !pair_changed && !ca_changed && !self.must_renew(now) {
            return;
        }
        self.seen = seen;
        if pair_changed {
            self.known.pair = self.reload(now).err().map(|fault| told(&fault, self.known.pair.as_ref()));
        }
        if self.must_renew(now) {
            self.known.renewal = self.renew(now).err().map(|fault| (now, told(&fault, None)));
        }
        if ca_changed {
            let fault = self.reload_client_ca().err();
            self.known.client_ca = fault.map(|fault| told(&fault, self.known.client_ca.as_ref()));
        }
        self.faults.publish(self.known.texts());
    }

    /// Also after a reload: what was on disk may have been a newer one.
    fn must_renew(&self, now: UnixSeconds) -> bool {
        let failed_lately = matches!(&self.known.renewal, Some((at, _)) if now.since(*at).abs() < RETRY_SECONDS);
        self.served.made && self.served.is_due(now) && !failed_lately
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
}

/// What cannot be used, as it was logged.
#[derive(Debug, Default)]
struct Faults {
    pair: Option<Fault>,
    renewal: Option<(UnixSeconds, Fault)>,
    client_ca: Option<Fault>,
}

#[derive(Debug)]
struct Fault {
    text: String,
    /// The system would not read a file now. It may the next time, with no sign of change on the file.
    unread: bool,
}

impl Faults {
    fn texts(&self) -> Vec<String> {
        let renewal = self.renewal.as_ref().map(|(_at, fault)| fault);
        let faults = [self.pair.as_ref(), renewal, self.client_ca.as_ref()];
        faults.into_iter().flatten().map(|fault| fault.text.clone()).collect()
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

/// Logs a fault, unless it is the one that is known.
fn told(fault: &CertificateError, known: Option<&Fault>) -> Fault {
    let text = chain_text(fault);
    if known.is_none_or(|known| known.text != text) {
        tracing::error!(error = %text, "certificate files cannot be used; what was served before still is");
    }
    Fault { text, unread: matches!(fault, CertificateError::Unreadable { .. }) }
}

/// An error and its causes on one line.
fn chain_text(error: &CertificateError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
