//! A CONNECT proxy that leads every tunnel to one address: how the real binary is steered to the fake STS.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A proxy on loopback; dropping it ends it.
pub(crate) struct Proxy {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    refused: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// Tunnels to `target`, whatever the client asks for.
    pub(crate) async fn start(target: SocketAddr) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let seen = Arc::clone(&asked);
        let refused: Arc<Mutex<Vec<String>>> = Arc::default();
        let unknown = Arc::clone(&refused);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(tunnel(client, target, Arc::clone(&seen), Arc::clone(&unknown)));
            }
        });
        Self { address, asked, refused, task }
    }

    /// For `HTTPS_PROXY`.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Tunnels to this host are refused, as when its name is not known.
    pub(crate) fn refuse(&self, host: &str) {
        self.refused.lock().unwrap().push(host.to_owned());
    }

    /// What clients wanted to reach, as `HOST:PORT`, in order.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn tunnel(
    client: TcpStream,
    target: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
    refused: Arc<Mutex<Vec<String>>>,
) -> Option<()> {
    let mut client = BufReader::new(client);
    let mut request = String::new();
    client.read_line(&mut request).await.ok()?;
    let mut line = request.clone();
    while line.trim_end() != "" {
        line.clear();
        client.read_line(&mut line).await.ok()?;
    }
    let mut words = request.split_whitespace();
    if words.next()? != "CONNECT" {
        client.write_all(b"HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\n\r\n").await.ok()?;
        return None;
    }
    let host = words.next()?.to_owned();
    let is_refused = refused.lock().unwrap().iter().any(|name| host.split(':').next() == Some(name));
    seen.lock().unwrap().push(host);
    if is_refused {
        client.write_all(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n").await.ok()?;
        return None;
    }
    let mut server = TcpStream::connect(target).await.ok()?;
    client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.ok()?;
    tokio::io::copy_bidirectional(&mut client, &mut server).await.ok()?;
    Some(())
}
