//! An in-memory site with one user and one session.

use axum::Router;
use axum::body::Body;
use crossauth::Crossauth;
use crossauth_core::crypto::{Signer, csrf};
use crossauth_core::password::{Argon2idParams, HasherConfig, NewHashes};
use crossauth_core::random::SystemRandom;
use crossauth_core::secret::ServerSecret;
use crossauth_core::storage::memory::MemoryStorage;
use crossauth_core::user::Normalization;
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use tokio::runtime::{self, Runtime};
use tower::ServiceExt as _;

const SECRET: &str = "the secret of a site that is fuzzed";

/// A response of the site.
pub(crate) struct SiteResponse {
    pub(crate) status: StatusCode,
    pub(crate) body: String,
}

/// A running site.
pub(crate) struct Site {
    runtime: Runtime,
    router: Router,
    /// The CSRF cookie of a browser, as `name=value`, and its token.
    pub(crate) csrf_cookie: String,
    pub(crate) csrf_token: String,
}

thread_local! {
    static SITE: Site = Site::new();
}

/// Sends one request to the site of this thread and expects a response other than an error of the
/// server.
pub(crate) fn ask(request: impl FnOnce(&Site) -> Option<Request<Body>>) -> Option<SiteResponse> {
    SITE.with(|site| {
        let response = site.handle(request(site)?);
        let SiteResponse { status, body } = &response;
        assert!(!status.is_server_error(), "{status}: {body}");
        Some(response)
    })
}

impl Site {
    fn new() -> Self {
        let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let cheap = Argon2idParams { memory_kib: 8, passes: 1, lanes: 1 };
        let hasher =
            HasherConfig { new_hashes: NewHashes::Argon2id(cheap), ..HasherConfig::default() };
        let storage = MemoryStorage::new(Normalization::Nfkc);
        let build = Crossauth::builder().secret(SECRET).storage(storage.storage()).hasher(hasher);
        // Some parts need a Tokio runtime.
        let router = runtime.block_on(async { build.build().unwrap().site() });
        let signer = Signer::new(&ServerSecret::new(SECRET).unwrap());
        let token = csrf::new_token(&SystemRandom);
        Self {
            runtime,
            router: router.into(),
            csrf_cookie: format!("CSRFTOKEN={}", csrf::cookie_value(&signer, &token)),
            csrf_token: csrf::mask(&token, &csrf::new_token(&SystemRandom)).unwrap(),
        }
    }

    fn handle(&self, request: Request<Body>) -> SiteResponse {
        self.runtime.block_on(async {
            let response = self.router.clone().oneshot(request).await.unwrap();
            let status = response.status();
            let body = response.into_body().collect().await.unwrap().to_bytes();
            SiteResponse { status, body: String::from_utf8_lossy(&body).into_owned() }
        })
    }
}
