//! Allocations of a request to an application's route, compared with plain Axum. A separate binary,
//! because the counting allocator is global.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::alloc::System;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use crossauth_axum::{AnyUser, CurrentUser, Site, testkit};
use crossauth_core::api_key::{ApiKeyConfig, NewApiKey};
use crossauth_core::storage::Change;
use crossauth_core::storage::memory::MemoryStorage;
use crossauth_core::user::{FactorName, Normalization, Patch, UserUpdate};
use crossauth_testkit::storage::change_user;
use http::Request;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use tower::{Service, ServiceExt};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// The allocations of one request, after lazy initialization.
async fn count<S>(service: &S, request: impl Fn() -> Request<Body>) -> usize
where
    S: Service<Request<Body>, Response = axum::response::Response> + Clone,
    S::Error: std::fmt::Debug,
{
    let mut least = usize::MAX;
    for _ in 0..8 {
        let (service, request) = (service.clone(), request());
        let before = ALLOCATOR.stats();
        let response = service.oneshot(request).await.unwrap();
        let after = ALLOCATOR.stats();
        assert_eq!(response.status(), 200);
        let allocations = after.allocations - before.allocations;
        least = least.min(allocations + after.reallocations - before.reallocations);
    }
    least
}

/// A site that accepts API keys, and the header of a request with one.
async fn site_with_keys(application: Router) -> (Site, String) {
    let keys = ApiKeyConfig { enabled: true, ..ApiKeyConfig::default() };
    let crossauth = testkit::builder().api_keys(keys).build().unwrap();
    let dora = testkit::logged_in(&crossauth, "dora").await;
    let key = NewApiKey { owner: Some(&dora.user.id), ..NewApiKey::new("bench") };
    let token = crossauth.auth().api_keys.create(key).await.unwrap().token;
    (crossauth.site_with(application), format!("ApiKey {token}"))
}

#[tokio::test]
async fn application_routes_add_few_allocations_to_bare_routes() {
    let application = || {
        Router::new()
            .route("/plain", get(async || "x"))
            .route("/user", get(async |_: CurrentUser| "x"))
            .route("/key", get(async |_: AnyUser| "x"))
    };
    let bare = Router::new().route("/plain", get(async || "x"));
    let crossauth = testkit::crossauth();
    let bob = testkit::logged_in(&crossauth, "bob").await;
    let plain = || Request::get("/plain").body(Body::empty()).unwrap();
    let user = || bob.authorize(Request::get("/user")).body(Body::empty()).unwrap();

    let storage = MemoryStorage::new(Normalization::default()).storage();
    let with_factor = testkit::builder().storage(storage.clone()).build().unwrap();
    let eve = testkit::logged_in(&with_factor, "eve").await;
    let factor2 = Patch::Set(FactorName::TOTP);
    let user_update = UserUpdate { factor2, ..UserUpdate::default() };
    change_user(&storage, &eve.user.id, &Change { user: user_update, ..Change::default() }).await;
    let with_factor = with_factor.site_with(application());
    let factor = || eve.authorize(Request::get("/user")).body(Body::empty()).unwrap();

    let (with_keys, authorization) = site_with_keys(application()).await;
    let key = || {
        Request::get("/key").header("authorization", &authorization).body(Body::empty()).unwrap()
    };

    // Includes the session check of the in-memory store.
    let floor = count(&bare, plain).await;
    let site = crossauth.site_with(application());
    let mounted: Router = crossauth.mount(application());
    let page = || Request::get("/login").header("accept", "text/html").body(Body::empty()).unwrap();
    let figures = [
        // The engine makes a value of each macro, argument and intermediate text.
        ("login page", count(&site, page).await - floor, 280),
        // One is the boxed future of the service.
        ("site, anonymous", count(&site, plain).await - floor, 5),
        ("site, CurrentUser", count(&site, user).await - floor, 10),
        // The name of the factor.
        ("site, CurrentUser with a factor", count(&with_factor, factor).await - floor, 11),
        // Name, id and data of the key.
        ("site, AnyUser with an API key", count(&with_keys, key).await - floor, 14),
        // With a layer around each route, Axum's router boxes and clones once more.
        ("mounted, anonymous", count(&mounted, plain).await - floor, 8),
        ("mounted, CurrentUser", count(&mounted, user).await - floor, 14),
    ];
    for (what, allocations, most) in figures {
        assert!(allocations <= most, "{what}: {allocations} more than bare; {figures:?}");
    }
}
