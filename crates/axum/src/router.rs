//! Every route of ours on one page.

use axum::Router;
use axum::extract::Request;
use axum::response::Response;
use axum::routing::{get, post};
use crossauth_core::error::ErrorCode;
use crossauth_core::signup::Door;
use http::StatusCode;

use crate::answer::{self, Surface};
use crate::context::Context;
use crate::crossauth::Crossauth;
use crate::failure::Failure;
use crate::page::Asset;
use crate::routes::{asset, csrf_token, home, login, logout, setup, signup, user_for_session_key};

/// Paths follow the prefix. Pages and their JSON twins stand side by side.
pub(crate) fn routes(crossauth: &Crossauth) -> Router {
    let at = |name: &str| crossauth.path(name);
    let mut router = Router::new()
        .route(&at("login"), get(login::show).post(login::submit))
        .route(&at("api/login"), post(login::api))
        .route(&at("logout"), post(logout::submit))
        .route(&at("api/logout"), post(logout::api))
        .route(&at("api/getcsrftoken"), get(csrf_token::api))
        .route(&at("api/userforsessionkey"), get(user_for_session_key::api))
        .route(&at("setup"), get(setup::show).post(setup::submit));
    if crossauth.auth().signup.config().open == Door::Open {
        router = router
            .route(&at("signup"), get(signup::show).post(signup::submit))
            .route(&at("api/signup"), post(signup::api));
    }
    router.method_not_allowed_fallback(method_not_allowed)
}

/// The account page, for a site that has no home page of its own.
pub(crate) fn home(crossauth: &Crossauth) -> Router {
    Router::new()
        .route(&crossauth.path(""), get(home::show))
        .method_not_allowed_fallback(method_not_allowed)
}

/// What pages load, outside the layer: no session is looked up for it.
pub(crate) fn assets(crossauth: &Crossauth) -> Router {
    Asset::ALL.iter().fold(Router::new(), |router, asset| {
        router.route(&crossauth.path(asset.name), get(move || async { asset::serve(asset) }))
    })
}

async fn method_not_allowed(context: Context, request: Request) -> Response {
    let failure = Failure::new(ErrorCode::BadRequest)
        .status(StatusCode::METHOD_NOT_ALLOWED)
        .message("This address does not take requests of this method");
    elsewhere(&context, &request, &failure)
}

/// For addresses that lead nowhere.
pub(crate) async fn not_found(context: Context, request: Request) -> Response {
    let failure = Failure::new(ErrorCode::BadRequest)
        .status(StatusCode::NOT_FOUND)
        .message("There is nothing at this address");
    elsewhere(&context, &request, &failure)
}

fn elsewhere(context: &Context, request: &Request, failure: &Failure) -> Response {
    let surface = Surface::of(&context.crossauth, request.headers(), request.uri().path());
    answer::failure(context, surface, failure)
}
