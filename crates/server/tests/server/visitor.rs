//! A browser that uses the JSON endpoints, as the front end of upstream does.

use std::sync::Arc;

use crossauth_testkit::server::Server;
use reqwest::cookie::Jar;
use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};

/// A browser with its own cookies.
pub(crate) struct Visitor<'a> {
    client: Client,
    server: &'a Server,
}

impl<'a> Visitor<'a> {
    pub(crate) fn new(server: &'a Server) -> Self {
        Self::with_cookie(server, "")
    }

    /// A browser that has a cookie already.
    pub(crate) fn with_cookie(server: &'a Server, cookie: &str) -> Self {
        let jar = Jar::default();
        jar.add_cookie_str(cookie, &server.url("/").parse().unwrap());
        let client = Client::builder().cookie_provider(Arc::new(jar)).build().unwrap();
        Self { client, server }
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, Value) {
        send(self.client.get(self.server.url(path))).await
    }

    /// The whole response.
    #[cfg(feature = "redis")]
    pub(crate) async fn respond(&self, path: &str) -> reqwest::Response {
        self.client.get(self.server.url(path)).send().await.unwrap()
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        send(self.prepare(path, body).await).await
    }

    /// A request that is ready to be sent.
    pub(crate) async fn prepare(&self, path: &str, body: &Value) -> RequestBuilder {
        let (_, token) = self.get("/api/getcsrftoken").await;
        let token = token["csrfToken"].as_str().unwrap();
        let request = self.client.post(self.server.url(path)).header("X-CROSSAUTH-CSRF", token);
        request.json(body)
    }

    pub(crate) async fn log_in(&self, username: &str, password: &str) -> (u16, Value) {
        let body = json!({ "username": username, "password": password });
        self.post("/api/login", &body).await
    }

    /// The name of the user who is logged in; null if none is.
    pub(crate) async fn user(&self) -> Value {
        self.get("/api/userforsessionkey").await.1["user"]["username"].clone()
    }
}

async fn send(request: RequestBuilder) -> (u16, Value) {
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}
