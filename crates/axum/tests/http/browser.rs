//! A simulated browser: keeps cookies, and sends forms with their CSRF token.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use http::header::{ACCEPT, CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE, UPGRADE};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::documented::assert_documented;

pub(crate) struct Browser {
    router: Router,
    /// The prefix of our routes.
    pub(crate) prefix: &'static str,
    /// Names and values of the stored cookies.
    pub(crate) cookies: BTreeMap<String, String>,
    /// The address of the connection, if the server provides it.
    peer: Option<SocketAddr>,
    /// Further headers of every request.
    pub(crate) headers: Vec<(&'static str, String)>,
}

pub(crate) struct TestResponse {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Browser {
    pub(crate) fn new(router: Router) -> Self {
        let (cookies, headers) = (BTreeMap::new(), Vec::new());
        Self { router, prefix: "/", cookies, peer: None, headers }
    }

    /// The same browser at this address.
    pub(crate) fn at(self, address: &str) -> Self {
        Self { peer: Some(SocketAddr::new(address.parse().unwrap(), 4711)), ..self }
    }

    /// Another browser with the same cookies.
    pub(crate) fn copy(&self) -> Self {
        Self {
            router: self.router.clone(),
            prefix: self.prefix,
            cookies: self.cookies.clone(),
            peer: self.peer,
            headers: self.headers.clone(),
        }
    }

    /// Requests a page.
    pub(crate) async fn get(&mut self, path: &str) -> TestResponse {
        self.send(request(Method::GET, path).header(ACCEPT, "text/html"), "").await
    }

    /// Requests JSON.
    pub(crate) async fn get_json(&mut self, path: &str) -> TestResponse {
        self.send(request(Method::GET, path).header(ACCEPT, "application/json"), "").await
    }

    /// A token as in our pages.
    pub(crate) async fn csrf_token(&mut self) -> String {
        let response = self.get_json(&format!("{}api/getcsrftoken", self.prefix)).await;
        response.json()["csrfToken"].as_str().unwrap().to_owned()
    }

    /// Sends a form with a valid CSRF token.
    pub(crate) async fn submit(&mut self, path: &str, fields: &[(&str, &str)]) -> TestResponse {
        let token = self.csrf_token().await;
        let mut fields = fields.to_vec();
        fields.push(("csrfToken", &token));
        self.submit_bare(path, &fields).await
    }

    /// Sends a form without adding a CSRF token.
    pub(crate) async fn submit_bare(
        &mut self,
        path: &str,
        fields: &[(&str, &str)],
    ) -> TestResponse {
        let body =
            url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = request(Method::POST, path)
            .header(ACCEPT, "text/html")
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.send(request, body).await
    }

    /// Sends JSON with a valid CSRF token in the header.
    pub(crate) async fn post(&mut self, path: &str, body: Value) -> TestResponse {
        let token = self.csrf_token().await;
        self.post_with_token(path, body, &token).await
    }

    pub(crate) async fn post_with_token(
        &mut self,
        path: &str,
        body: Value,
        token: &str,
    ) -> TestResponse {
        let request = json_request(path).header("X-CROSSAUTH-CSRF", token);
        self.send(request, body.to_string()).await
    }

    pub(crate) async fn log_in(&mut self, username: &str, password: &str) -> TestResponse {
        let body = json!({ "username": username, "password": password });
        self.post(&format!("{}api/login", self.prefix), body).await
    }

    /// The logged-in user, according to the site.
    pub(crate) async fn whoami(&mut self) -> Option<String> {
        let response = self.get_json(&format!("{}api/userforsessionkey", self.prefix)).await;
        response.json()["user"]["username"].as_str().map(str::to_owned)
    }

    pub(crate) async fn send(
        &mut self,
        request: http::request::Builder,
        body: impl Into<Body>,
    ) -> TestResponse {
        let cookies = self.cookies.iter().map(|(name, value)| format!("{name}={value}"));
        let cookies = cookies.collect::<Vec<_>>().join("; ");
        let mut request =
            if cookies.is_empty() { request } else { request.header(COOKIE, cookies) };
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        if let Some(peer) = self.peer {
            request = request.extension(ConnectInfo(peer));
        }
        let request = request.body(body.into()).unwrap();
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let upgrades = request.headers().contains_key(UPGRADE);
        let response = send_bare(&self.router, request).await;
        if let Some(path) = path.strip_prefix(self.prefix).filter(|_| !upgrades) {
            assert_documented(&method, path, &response);
        }
        for cookie in response.set_cookies() {
            let (name, rest) = cookie.split_once('=').unwrap();
            let (value, attributes) = rest.split_once(';').unwrap_or((rest, ""));
            if is_removal(attributes) {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        response
    }
}

/// Sends a request without adding cookies.
pub(crate) async fn send_bare(router: &Router, request: Request<Body>) -> TestResponse {
    let response = router.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let body = String::from_utf8(body.into()).unwrap();
    TestResponse { status: parts.status, headers: parts.headers, body }
}

pub(crate) fn request(method: Method, path: &str) -> http::request::Builder {
    Request::builder().method(method).uri(path)
}

pub(crate) fn json_request(path: &str) -> http::request::Builder {
    request(Method::POST, path)
        .header(ACCEPT, "application/json")
        .header(CONTENT_TYPE, "application/json")
}

fn is_removal(cookie: &str) -> bool {
    cookie.contains("Expires=Thu, 01 Jan 1970")
}

impl TestResponse {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("not JSON: {}", self.body))
    }

    /// Status, headers and body, without random values.
    pub(crate) fn shape(&self) -> (StatusCode, BTreeMap<String, String>, String) {
        let volatile = ["x-request-id", "x-crossauth-csrf", "set-cookie"];
        let shown = |name: &str, value: &str| {
            let value = if volatile.contains(&name) { "…" } else { value };
            (name.to_owned(), value.to_owned())
        };
        let headers =
            self.headers.iter().map(|(name, value)| shown(name.as_str(), value.to_str().unwrap()));
        (self.status, headers.collect(), self.body.clone())
    }

    /// The body of a page with character references decoded.
    pub(crate) fn text(&self) -> String {
        self.body.replace("&#x2f;", "/").replace("&#x27;", "'").replace("&quot;", "\"")
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn location(&self) -> Option<&str> {
        self.header(LOCATION.as_str())
    }

    pub(crate) fn set_cookies(&self) -> Vec<&str> {
        self.headers.get_all(SET_COOKIE).iter().map(|value| value.to_str().unwrap()).collect()
    }

    /// The `Set-Cookie` header of one cookie.
    pub(crate) fn set_cookie(&self, name: &str) -> Option<&str> {
        let prefix = format!("{name}=");
        self.set_cookies().into_iter().find(|cookie| cookie.starts_with(&prefix))
    }

    /// Asserts that this is a JSON failure with the code of that name and the given status.
    #[track_caller]
    pub(crate) fn assert_failure(&self, status: u16, code: &str) {
        assert_eq!(
            (self.status.as_u16(), self.code()),
            (status, Some(code.to_owned())),
            "{}",
            self.body
        );
        let body = self.json();
        assert_eq!(body["ok"], json!(false));
        assert!(!body["errorMessage"].as_str().unwrap().is_empty());
        assert!(!body["errorMessages"].as_array().unwrap().is_empty());
        assert!(body["errorCode"].as_u64().unwrap() > 0);
        assert_eq!(self.header("content-type"), Some("application/json; charset=utf-8"));
        assert_eq!(self.header("cache-control"), Some("no-store"));
    }

    /// Asserts that this is a page with this status that contains `text`.
    #[track_caller]
    pub(crate) fn assert_page(&self, status: u16, text: &str) {
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        assert_eq!(self.header("content-type"), Some("text/html; charset=utf-8"));
        assert_eq!(self.header("cache-control"), Some("no-store"));
        assert!(self.text().contains(text), "{text:?} is not in {}", self.body);
    }

    /// Asserts that this response begins no session.
    #[track_caller]
    pub(crate) fn assert_no_session(&self) {
        let began = self.set_cookie("SESSIONID").filter(|cookie| !is_removal(cookie));
        assert_eq!(began, None);
    }

    fn code(&self) -> Option<String> {
        self.json()["errorCodeName"].as_str().map(str::to_owned)
    }
}
