//! A browser without a network.

use std::collections::BTreeMap;
use std::fmt;

use axum::Router;
use axum::body::Body;
use http::header::{ACCEPT, CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE};
use http::{HeaderMap, Method, Request, StatusCode, request};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower_service::Service as _;
use url::form_urlencoded::Serializer;

use super::{LoggedIn, PASSWORD};
use crate::crossauth::Crossauth;

/// A visitor of a [`Site`](super::Site): keeps cookies, and sends CSRF tokens with forms and JSON.
/// It does not follow redirects.
#[derive(Clone)]
pub struct Browser {
    crossauth: Crossauth,
    router: Router,
    cookies: BTreeMap<String, String>,
}

impl fmt::Debug for Browser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Browser").field("cookies", &self.cookies.keys()).finish_non_exhaustive()
    }
}

/// A response, with its body read.
#[derive(Clone)]
#[non_exhaustive]
pub struct Response {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let body = String::from_utf8_lossy(&self.body);
        write!(f, "{}\n{:?}\n{body}", self.status, self.headers)
    }
}

impl Browser {
    pub(super) fn new(crossauth: Crossauth, router: Router) -> Self {
        Self { crossauth, router, cookies: BTreeMap::new() }
    }

    /// Takes over the cookies of a logged-in user.
    pub(super) fn adopt(&mut self, user: &LoggedIn) {
        let cookies = user.headers().get_all(COOKIE).iter().filter_map(|it| it.to_str().ok());
        let pairs = cookies.flat_map(|line| line.split("; ")).filter_map(|it| it.split_once('='));
        self.cookies.extend(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    /// Opens a page: a path, or a link of the site in a message.
    pub async fn get(&mut self, path: &str) -> Response {
        self.send(self.request(Method::GET, path).header(ACCEPT, "text/html"), "").await
    }

    /// Requests JSON.
    pub async fn get_json(&mut self, path: &str) -> Response {
        self.send(self.request(Method::GET, path).header(ACCEPT, "application/json"), "").await
    }

    /// Sends a form, with a CSRF token.
    pub async fn submit(&mut self, path: &str, fields: &[(&str, &str)]) -> Response {
        let token = self.csrf_token();
        let mut form = Serializer::new(String::new());
        let form = form.extend_pairs(fields).append_pair("csrfToken", &token).finish();
        let request = self
            .request(Method::POST, path)
            .header(ACCEPT, "text/html")
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.send(request, form).await
    }

    /// Sends JSON, with a CSRF token in the header.
    pub async fn post(&mut self, path: &str, body: Value) -> Response {
        let token = self.csrf_token();
        let request = self
            .request(Method::POST, path)
            .header(ACCEPT, "application/json")
            .header(CONTENT_TYPE, "application/json")
            .header(&self.crossauth.config().csrf_header, token);
        self.send(request, body.to_string()).await
    }

    /// Logs in with [`PASSWORD`], as the login page does.
    pub async fn log_in(&mut self, username: &str) -> Response {
        let path = self.crossauth.path("api/login");
        self.post(&path, json!({ "username": username, "password": PASSWORD })).await
    }

    /// Sends any other request, with the cookies.
    ///
    /// # Panics
    ///
    /// If the request is invalid, or the body of the response cannot be read.
    #[expect(clippy::expect_used, reason = "a test fails by panicking")]
    pub async fn send(&mut self, request: request::Builder, body: impl Into<Body>) -> Response {
        let cookies = self.cookies.iter().map(|(name, value)| format!("{name}={value}"));
        let cookies = cookies.collect::<Vec<_>>().join("; ");
        let request = if cookies.is_empty() { request } else { request.header(COOKIE, cookies) };
        let request = request.body(body.into()).expect("the request is valid");
        // A router is always ready.
        let Ok(response) = self.router.call(request).await;
        let (parts, body) = response.into_parts();
        let body = body.collect().await.expect("the body can be read").to_bytes().into();
        self.store_cookies(&parts.headers);
        Response { status: parts.status, headers: parts.headers, body }
    }

    fn request(&self, method: Method, path: &str) -> request::Builder {
        let site = self.crossauth.config().base_url.as_str();
        Request::builder().method(method).uri(path.strip_prefix(site).unwrap_or(path))
    }

    /// The token of the session or, without one, of the cookie, which is set if it is absent.
    fn csrf_token(&mut self) -> String {
        let auth = self.crossauth.auth();
        let names = self.crossauth.cookie_names();
        let session = self.cookies.get(names.session);
        let session = session.and_then(|cookie| auth.sessions.read_id(cookie).ok());
        let cookie = self.cookies.get(names.csrf);
        let token = cookie.and_then(|cookie| auth.csrf.from_cookie(cookie, session.as_ref()));
        let token = token.unwrap_or_else(|| auth.csrf.token(session.as_ref()));
        let cookie = auth.csrf.cookie(&token);
        let form_value = auth.csrf.form_value(&token);
        self.cookies.insert(names.csrf.to_owned(), cookie);
        form_value
    }

    fn store_cookies(&mut self, headers: &HeaderMap) {
        let set = headers.get_all(SET_COOKIE).iter().filter_map(|value| value.to_str().ok());
        for (name, rest) in set.filter_map(|cookie| cookie.split_once('=')) {
            let (value, attributes) = rest.split_once(';').unwrap_or((rest, ""));
            if attributes.contains("Expires=Thu, 01 Jan 1970") || attributes.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
    }
}

impl Response {
    /// The body as text.
    ///
    /// # Panics
    ///
    /// If it is not UTF-8.
    #[expect(clippy::expect_used, reason = "a test fails by panicking")]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("the body is text")
    }

    /// The body as JSON.
    ///
    /// # Panics
    ///
    /// If it is not JSON.
    #[expect(clippy::panic, reason = "a test fails by panicking")]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|_| panic!("not JSON: {}", String::from_utf8_lossy(&self.body)))
    }

    /// Where it redirects to.
    pub fn location(&self) -> Option<&str> {
        self.headers.get(LOCATION)?.to_str().ok()
    }
}
