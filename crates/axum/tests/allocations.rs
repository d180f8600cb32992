//! How often a request to an application's own route allocates beyond what Axum does. A binary of
//! its own, since the allocator that counts is that of the whole process.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::alloc::System;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use crossauth_axum::{CurrentUser, testkit};
use http::Request;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use tower::{Service, ServiceExt};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// The allocations of one request, when everything that is made once has been made.
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

#[tokio::test]
async fn requests_to_the_applications_own_routes_cost_few_allocations_more_than_bare_ones() {
    let application = || {
        Router::new()
            .route("/plain", get(async || "x"))
            .route("/user", get(async |_: CurrentUser| "x"))
    };
    let bare = Router::new().route("/plain", get(async || "x"));
    let crossauth = testkit::crossauth();
    let bob = testkit::logged_in(&crossauth, "bob").await;
    let plain = || Request::get("/plain").body(Body::empty()).unwrap();
    let user = || bob.authorize(Request::get("/user")).body(Body::empty()).unwrap();

    let floor = count(&bare, plain).await;
    let site = crossauth.site_with(application());
    let mounted: Router = crossauth.mount(application());
    let figures = [
        ("site, anonymous", count(&site, plain).await - floor, 4),
        ("site, CurrentUser", count(&site, user).await - floor, MOST_FOR_A_USER),
        // A layer around each route, as Axum's router has it, boxes and clones once more.
        ("mounted, anonymous", count(&mounted, plain).await - floor, 8),
        ("mounted, CurrentUser", count(&mounted, user).await - floor, MOST_FOR_A_USER + 4),
    ];
    for (what, allocations, most) in figures {
        assert!(allocations <= most, "{what}: {allocations} more than bare; {figures:?}");
    }
}

/// With the session check of the store in memory.
const MOST_FOR_A_USER: usize = 12;
