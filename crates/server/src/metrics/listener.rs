//! The listener of the metrics: few short connections, apart from those of users.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, ORIGIN};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use super::Report;
use super::exposition;
use crate::serve::cannot_listen;

/// What sets the address.
pub(crate) const METRICS_OPTION: &str = "the setting metrics.listen";

/// Maximum number of open connections.
const CONNECTIONS: usize = 16;

/// Maximum time of a connection, which has one request.
const TIME_LIMIT: Duration = Duration::from_secs(10);

/// How long to wait after a connection cannot be accepted.
const PAUSE: Duration = Duration::from_millis(50);

/// Tells whose page a browser sends a request for; no other client sends it.
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The listening socket of the metrics.
#[derive(Debug)]
pub(crate) struct MetricsListener(TcpListener);

impl MetricsListener {
    /// Listens on an address. Connections are queued until [`serve`](Self::serve).
    pub(crate) async fn bind(address: SocketAddr) -> anyhow::Result<Self> {
        let bound = TcpListener::bind(address).await;
        Ok(Self(bound.map_err(|error| cannot_listen(address, METRICS_OPTION, error))?))
    }

    /// Serves the metrics for as long as it is polled.
    pub(crate) async fn serve(self, report: Report) {
        if let Ok(address) = self.0.local_addr() {
            tracing::info!(%address, "metrics are served at /metrics");
        }
        let (report, slots) = (Arc::new(report), Arc::new(Semaphore::new(CONNECTIONS)));
        loop {
            let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
            let Ok((stream, _)) = self.0.accept().await else {
                sleep(PAUSE).await;
                continue;
            };
            let report = Arc::clone(&report);
            tokio::spawn(async move {
                let _slot = slot;
                // A connection that takes longer is closed.
                let _ = timeout(TIME_LIMIT, connection(stream, &report)).await;
            });
        }
    }
}

async fn connection(stream: TcpStream, report: &Report) {
    let service =
        service_fn(|request| async move { Ok::<_, Infallible>(respond(&request, report).await) });
    let mut http = http1::Builder::new();
    http.keep_alive(false).header_read_timeout(None);
    if let Err(error) = http.serve_connection(TokioIo::new(stream), service).await {
        tracing::debug!(%error, "connection error of the metrics");
    }
}

async fn respond(request: &Request<Incoming>, report: &Report) -> Response<Body> {
    if request.uri().path() != "/metrics" {
        return refusal(StatusCode::NOT_FOUND);
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut response = refusal(StatusCode::METHOD_NOT_ALLOWED);
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    if is_of_a_page(request.headers()) {
        return refusal(StatusCode::FORBIDDEN);
    }
    // A page under a name that resolves to this address is of the same origin for the browser (DNS
    // rebinding), which then sends neither of the headers above over plain http.
    if !report.crossauth.is_allowed_host(request.headers(), request.uri()) {
        tracing::info!("metrics are not served under this host name: see allowed_hosts");
        let mut response = refusal(StatusCode::FORBIDDEN);
        *response.body_mut() = Body::from("this host name is not in the setting allowed_hosts\n");
        return response;
    }
    let mut response = Response::new(Body::from(report.text().await));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(exposition::CONTENT_TYPE));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Whether a page in a browser sends the request: a page of any site can, to this machine or, with
/// a name that it resolves to an address of this network, to others. A person who opens the
/// address is no page.
fn is_of_a_page(headers: &HeaderMap) -> bool {
    let site = headers.get(SEC_FETCH_SITE);
    headers.contains_key(ORIGIN) || site.is_some_and(|site| site != "none")
}

fn refusal(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}
