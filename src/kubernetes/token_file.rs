//! A bearer token in a file, as pods and kubeconfigs have it: read anew each minute, since it is replaced while we run.
//!
//! kube's own reading takes a newline at the end of the file for a part of the token.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use http::Request;
use http::header::{AUTHORIZATION, HeaderValue};
use kube::client::Body;
use tokio::sync::Mutex;
use tokio::time::Instant;
use tower::filter::AsyncFilterLayer;
use zeroize::Zeroizing;

use super::watch::Passed;

/// From one reading to the next.
const KEPT: Duration = Duration::from_secs(60);

/// The file, and what stood in it last.
#[derive(Debug)]
pub(super) struct TokenFile {
    path: PathBuf,
    header: HeaderValue,
    read: Instant,
}

impl TokenFile {
    /// Reads it for the first time.
    pub(super) fn open(path: PathBuf) -> Result<Self, String> {
        let text = std::fs::read_to_string(&path)
            .map_err(|error| format!("its token file `{}` cannot be read: {error}", path.display()))?;
        let header = bearer(&Zeroizing::new(text))?;
        Ok(Self { path, header, read: Instant::now() })
    }

    /// The newest token that could be read.
    async fn header(&mut self) -> HeaderValue {
        if self.read.elapsed() > KEPT {
            let text = tokio::fs::read_to_string(&self.path).await.map(Zeroizing::new);
            if let Some(header) = text.ok().and_then(|text| bearer(&text).ok()) {
                self.header = header;
            }
            self.read = Instant::now();
        }
        self.header.clone()
    }
}

/// A token as it is sent.
pub(super) fn bearer(token: &str) -> Result<HeaderValue, String> {
    let header = Zeroizing::new(format!("Bearer {}", token.trim()));
    let mut header = HeaderValue::from_str(&header)
        .map_err(|_fault| "its token or password holds characters that cannot be sent".to_owned())?;
    header.set_sensitive(true);
    Ok(header)
}

/// The layer that puts the file's token to each request, if there is such a file.
pub(super) fn authorized(file: Option<TokenFile>) -> AsyncFilterLayer<impl Fn(Request<Body>) -> Passed + Clone> {
    let file = file.map(|file| Arc::new(Mutex::new(file)));
    AsyncFilterLayer::new(move |mut request: Request<Body>| {
        let file = file.clone();
        async move {
            if let Some(file) = file {
                let header = file.lock().await.header().await;
                request.headers_mut().insert(AUTHORIZATION, header);
            }
            Ok(request)
        }
        .boxed()
    })
}
