//! A web site other than the one under test.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Static pages on a free port, served until dropped.
///
/// Chromium resolves every name that ends in `.localhost` to this machine, so the site can be
/// cross-site to the one under test: see [`Site::url`].
#[derive(Debug)]
pub struct Site {
    address: SocketAddr,
    serving: JoinHandle<()>,
}

impl Site {
    /// Serves this HTML by path; other paths are not found.
    pub async fn start<const N: usize>(pages: [(&str, &str); N]) -> Self {
        let pages = pages.map(|(path, html)| (path.to_owned(), html.to_owned()));
        let pages = Arc::new(BTreeMap::from(pages));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(respond(stream, Arc::clone(&pages)));
            }
        });
        Self { address, serving }
    }

    /// The URL of a path on this site under a host name such as `evil.localhost`.
    pub fn url(&self, host: &str, path: &str) -> String {
        format!("http://{host}:{}{path}", self.address.port())
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Responds to one request. Errors are ignored: the browser reports them.
async fn respond(stream: TcpStream, pages: Arc<BTreeMap<String, String>>) -> Option<()> {
    let mut stream = BufReader::new(stream);
    let mut path = None;
    loop {
        let mut line = String::new();
        (&mut stream).take(16 * 1024).read_line(&mut line).await.ok()?;
        path = path.or_else(|| line.split(' ').nth(1).map(str::to_owned));
        if line.trim().is_empty() {
            break;
        }
    }
    let (status, html) = match path.and_then(|path| pages.get(path.split('?').next()?)) {
        Some(html) => ("200 OK", html.as_str()),
        None => ("404 Not Found", ""),
    };
    let length = html.len();
    let response = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\n\
         Content-Length: {length}\r\nConnection: close\r\n\r\n{html}"
    );
    stream.write_all(response.as_bytes()).await.ok()?;
    stream.shutdown().await.ok()
}
