//! Single HTTP requests, for gateways and for checks of a site.

use std::fmt;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;

use http::header::{HOST, HeaderValue};
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use url::Url;

use crate::smtp::SetupError;
use crate::tls;

/// Maximum size of the body of a response, in bytes.
const MAX_BODY: usize = 64 * 1024;

/// The server was not reached, or its response cannot be read.
pub type Unreachable = Box<dyn std::error::Error + Send + Sync>;

/// Sends requests to one server, each over a connection of its own. Follows no redirects and keeps
/// no cookies. Waits without a limit; the caller sets one.
#[derive(Clone)]
pub struct HttpClient {
    host: String,
    port: u16,
    authority: HeaderValue,
    /// `None` for plain http.
    tls: Option<Arc<ClientConfig>>,
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpClient").field("authority", &self.authority).finish_non_exhaustive()
    }
}

impl HttpClient {
    /// A client for the server of `url`, whose path is ignored.
    pub fn new(url: &str) -> Result<Self, Unreachable> {
        Ok(Self::of(&Url::parse(url)?)?)
    }

    /// As [`new`](Self::new).
    pub(crate) fn of(url: &Url) -> Result<Self, SetupError> {
        let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
            return Err(SetupError::Gateway);
        };
        let authority = match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        };
        let authority = HeaderValue::from_str(&authority).map_err(|_| SetupError::Gateway)?;
        let tls = if url.scheme() == "https" { Some(tls::client()?) } else { None };
        Ok(Self { host: host.trim_matches(['[', ']']).to_owned(), port, authority, tls })
    }

    /// Sends a request, whose URI is a path, and reads the response: at most 64 KiB of its body.
    pub async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Unreachable> {
        let mut request = request.map(Full::new);
        request.headers_mut().insert(HOST, self.authority.clone());
        let stream = TcpStream::connect((&*self.host, self.port)).await?;
        match &self.tls {
            None => exchange(stream, request).await,
            Some(config) => {
                let name = ServerName::try_from(self.host.clone())?;
                let stream = TlsConnector::from(config.clone()).connect(name, stream).await?;
                exchange(stream, request).await
            }
        }
    }
}

/// Sends one request over a connection and reads the response.
async fn exchange<S>(
    stream: S,
    request: Request<Full<Bytes>>,
) -> Result<Response<Bytes>, Unreachable>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let response = async {
        let response: Response<Incoming> = sender.send_request(request).await?;
        let (parts, body) = response.into_parts();
        let body = Limited::new(body, MAX_BODY).collect().await?.to_bytes();
        Ok(Response::from_parts(parts, body))
    };
    let (mut response, mut connection) = (pin!(response), pin!(connection));
    let mut is_open = true;
    poll_fn(|context| {
        if is_open {
            // Its error is that of the response, too.
            is_open = connection.as_mut().poll(context).is_pending();
        }
        response.as_mut().poll(context)
    })
    .await
}
