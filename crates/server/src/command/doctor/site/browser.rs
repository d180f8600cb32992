//! A client that keeps cookies, as a browser does.

use std::collections::BTreeMap;
use std::time::Duration;

use crossauth_mail::{HttpClient, Unreachable};
use http::header::{ACCEPT, CONTENT_TYPE, COOKIE, ORIGIN, SET_COOKIE, USER_AGENT};
use http::{HeaderName, Method, Request, Response};
use hyper::body::Bytes;
use serde_json::Value;
use tokio::time::timeout;

/// Maximum time of a request with its response.
const TIME_LIMIT: Duration = Duration::from_secs(10);

/// A client of one site.
pub(super) struct Browser {
    client: HttpClient,
    origin: String,
    cookies: BTreeMap<String, String>,
    csrf_header: HeaderName,
    /// The CSRF token of forms.
    pub(super) token: String,
}

impl Browser {
    pub(super) fn new(url: &str, csrf_header: HeaderName) -> Result<Self, Unreachable> {
        let client = HttpClient::new(url)?;
        let (origin, cookies) = (url.to_owned(), BTreeMap::new());
        Ok(Self { client, origin, cookies, csrf_header, token: String::new() })
    }

    pub(super) fn cookie(&self, name: &str) -> Option<String> {
        self.cookies.get(name).cloned()
    }

    pub(super) async fn get(&mut self, path: &str) -> Result<Response<Bytes>, Unreachable> {
        self.send(Method::GET, path, Bytes::new()).await
    }

    pub(super) async fn post(
        &mut self,
        path: &str,
        form: &Value,
    ) -> Result<Response<Bytes>, Unreachable> {
        self.send(Method::POST, path, Bytes::from(form.to_string())).await
    }

    async fn send(
        &mut self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<Response<Bytes>, Unreachable> {
        let cookies: Vec<_> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut request = Request::builder()
            .method(&method)
            .uri(path)
            .header(ACCEPT, "application/json")
            .header(USER_AGENT, concat!("crossauth-doctor/", env!("CARGO_PKG_VERSION")));
        if !cookies.is_empty() {
            request = request.header(COOKIE, cookies.join("; "));
        }
        if method == Method::POST {
            request = request
                .header(CONTENT_TYPE, "application/json")
                .header(ORIGIN, &self.origin)
                .header(&self.csrf_header, &self.token);
        }
        let response = timeout(TIME_LIMIT, self.client.send(request.body(body)?)).await;
        let response = response.map_err(|_| "no response within 10 seconds")??;
        for cookie in response.headers().get_all(SET_COOKIE) {
            let pair = cookie.to_str()?.split(';').next().unwrap_or_default();
            if let Some((name, value)) = pair.split_once('=') {
                self.cookies.insert(name.trim().to_owned(), value.trim().to_owned());
            }
        }
        Ok(response)
    }
}
