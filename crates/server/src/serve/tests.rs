use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use async_trait::async_trait;
use axum::{Router, routing};
use crossauth_core::storage::memory::MemoryStorage;
use crossauth_core::user::Normalization;

use super::*;
use crossauth_settings::{Inputs, Program};

struct FixedProbe {
    is_available: bool,
}

#[async_trait]
impl Probe for FixedProbe {
    async fn is_available(&self) -> bool {
        self.is_available
    }
}

fn crossauth() -> Crossauth {
    let storage = MemoryStorage::new(Normalization::default()).storage();
    Crossauth::builder().secret("at least sixteen bytes").storage(storage).build().unwrap()
}

/// Serves `app` until the end of the test; `is_available` is the result of the storage probe.
async fn serve(app: Router, is_available: bool) -> SocketAddr {
    serve_with(&[("limits.request_timeout", "200ms")], app, is_available).await
}

async fn serve_with(settings: &[(&str, &str)], app: Router, is_available: bool) -> SocketAddr {
    let inputs = Inputs::new(Program::Server);
    let inputs =
        settings.iter().fold(inputs, |inputs, (name, value)| inputs.argument(*name, *value));
    let settings = inputs.load().unwrap().settings;
    let server = Server::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    let address = server.address();
    let readiness = Arc::new(Readiness::new(Box::new(FixedProbe { is_available })));
    let signals = StopSignals::catch().unwrap();
    let crossauth = crossauth();
    let site = crossauth.site_with(app);
    let application = Application { site, crossauth, readiness, metrics: None, database: None };
    tokio::spawn(async move { server.run(application, &settings, signals).await });
    address
}

async fn get_status(address: SocketAddr, path: &'static str) -> String {
    get(address, path).await.lines().next().unwrap_or_default().to_owned()
}

/// The whole response.
async fn get(address: SocketAddr, path: &'static str) -> String {
    let ask = move || {
        let mut stream = TcpStream::connect(address).unwrap();
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).unwrap();
        response
    };
    tokio::task::spawn_blocking(ask).await.unwrap()
}

#[tokio::test]
async fn panicking_handler_fails_one_request() {
    async fn panics() -> &'static str {
        panic!("on purpose")
    }
    let app = Router::new()
        .route("/panics", routing::get(panics))
        .route("/works", routing::get(|| async { "" }));
    let address = serve(app, true).await;
    let response = get(address, "/panics").await;
    assert!(response.starts_with("HTTP/1.1 500 Internal Server Error\r\n"), "{response}");
    assert!(response.contains("\r\nx-request-id: "), "{response}");
    assert_eq!(get_status(address, "/works").await, "HTTP/1.1 200 OK");
    assert_eq!(get_status(address, "/ready").await, "HTTP/1.1 200 OK");
}

#[tokio::test]
async fn pending_handler_times_out() {
    let app = Router::new().route("/", routing::get(std::future::pending::<()>));
    let address = serve(app, true).await;
    assert_eq!(get_status(address, "/").await, "HTTP/1.1 503 Service Unavailable");
}

#[tokio::test]
async fn without_storage_the_server_is_live_but_not_ready() {
    let address = serve(Router::new(), false).await;
    assert_eq!(get_status(address, "/ready").await, "HTTP/1.1 503 Service Unavailable");
    assert_eq!(get_status(address, "/live").await, "HTTP/1.1 200 OK");
}

#[tokio::test]
async fn active_requests_are_not_closed_for_new_connections() {
    let (begun, mut begins) = tokio::sync::mpsc::channel(1);
    let answer = Arc::new(tokio::sync::Notify::new());
    let ready = Arc::clone(&answer);
    let handler = async move || {
        begun.send(()).await.unwrap();
        ready.notified().await;
        "answered"
    };
    let app = Router::new().route("/", routing::get(handler));
    let address = serve_with(&[("limits.connections_per_address", "1")], app, true).await;
    let busy = tokio::spawn(get(address, "/"));
    begins.recv().await.unwrap();
    // One more of this address is rejected while the first is busy.
    let refused = tokio::task::spawn_blocking(move || {
        let mut answer = Vec::new();
        TcpStream::connect(address).unwrap().read_to_end(&mut answer).unwrap();
        answer
    });
    assert_eq!(refused.await.unwrap(), b"");
    answer.notify_one();
    assert!(busy.await.unwrap().ends_with("answered"));
}
