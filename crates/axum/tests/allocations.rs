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

    // The session check is that of the store in memory.
    let floor = count(&bare, plain).await;
    let site = crossauth.site_with(application());
    let mounted: Router = crossauth.mount(application());
    let figures = [
        // One of them is the box for the future of the service.
        ("site, anonymous", count(&site, plain).await - floor, 5),
        ("site, CurrentUser", count(&site, user).await - floor, 10),
        // A layer around each route, as Axum's router has it, boxes and clones once more.
        ("mounted, anonymous", count(&mounted, plain).await - floor, 8),
        ("mounted, CurrentUser", count(&mounted, user).await - floor, 14),
    ];
    for (what, allocations, most) in figures {
        assert!(allocations <= most, "{what}: {allocations} more than bare; {figures:?}");
    }
}
