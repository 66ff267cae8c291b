//! [`Live`]: the newest value of something that changes while the process runs.
//!
//! One writer builds a whole value, checks it and publishes it; readers take an `Arc` once per request
//! and never see half a value. A fault publishes nothing: the old value stays.

use std::sync::Arc;

use tokio::sync::watch;

/// The reading end; cheap to clone.
#[derive(Debug)]
pub struct Live<T>(watch::Receiver<Arc<T>>);

/// The writing end; there is one.
#[derive(Debug)]
pub struct Publisher<T>(watch::Sender<Arc<T>>);

/// A pair that starts with `first`.
#[must_use]
pub fn live<T>(first: T) -> (Publisher<T>, Live<T>) {
    let (sender, receiver) = watch::channel(Arc::new(first));
    (Publisher(sender), Live(receiver))
}

impl<T> Live<T> {
    /// A value that never changes.
    #[must_use]
    pub fn fixed(value: T) -> Self {
        live(value).1
    }

    /// The newest value. Does not wait.
    #[must_use]
    pub fn now(&self) -> Arc<T> {
        Arc::clone(&self.0.borrow())
    }

    /// Waits for a value published after the last one this handle waited for.
    ///
    /// `false` when the publisher is gone and nothing more can come.
    pub async fn changed(&mut self) -> bool {
        self.0.changed().await.is_ok()
    }
}

impl<T> Clone for Live<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Publisher<T> {
    /// Replaces the value for every reader at once.
    pub fn publish(&self, value: T) {
        self.0.send_replace(Arc::new(value));
    }

    /// Replaces the value by one made of it. Writers that share the publisher lose nothing of one another.
    pub fn update(&self, make: impl FnOnce(&T) -> T) {
        self.0.send_modify(|value| *value = Arc::new(make(value)));
    }

    /// Whether anybody reads.
    #[must_use]
    pub fn has_readers(&self) -> bool {
        self.0.receiver_count() > 0
    }

    /// Another reading end.
    #[must_use]
    pub fn subscribe(&self) -> Live<T> {
        Live(self.0.subscribe())
    }
}
