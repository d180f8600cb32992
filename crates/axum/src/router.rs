//! Every route of ours on one page.

use axum::Router;
use axum::response::Response;
use axum::routing::{get, post};
use crossauth_core::error::ErrorCode;
use crossauth_core::signup::Door;
use http::{HeaderMap, StatusCode, Uri};

use crate::answer;
use crate::context::Context;
use crate::crossauth::Crossauth;
use crate::failure::Failure;
use crate::page::Asset;
use crate::routes::{asset, csrf_token, home, login, logout, setup, signup, user_for_session_key};

impl Crossauth {
    /// Adds our routes to an application and gives all its routes their sessions.
    ///
    /// The application's own routes may be at any path that is not one of ours.
    pub fn mount(&self, application: Router) -> Router {
        application.merge(self.routes()).layer(self.layer()).merge(self.assets())
    }

    /// A whole site of its own: our routes, the account page at the prefix, and an error page
    /// for everything else.
    pub fn site(&self) -> Router {
        let home = Router::new()
            .route(&self.path(""), get(home::show))
            .method_not_allowed_fallback(method_not_allowed);
        self.mount(home.fallback(not_found))
    }

    /// Our routes. They work only inside [`Crossauth::layer`]; [`Crossauth::mount`] sees to that.
    pub fn routes(&self) -> Router {
        // Paths follow the prefix. Pages and their JSON twins stand side by side.
        let at = |name: &str| self.path(name);
        let mut router = Router::new()
            .route(&at("login"), get(login::show).post(login::submit))
            .route(&at("api/login"), post(login::api))
            .route(&at("logout"), post(logout::submit))
            .route(&at("api/logout"), post(logout::api))
            .route(&at("api/getcsrftoken"), get(csrf_token::api))
            .route(&at("api/userforsessionkey"), get(user_for_session_key::api))
            .route(&at("setup"), get(setup::show).post(setup::submit));
        if self.auth().signup.config().open == Door::Open {
            router = router
                .route(&at("signup"), get(signup::show).post(signup::submit))
                .route(&at("api/signup"), post(signup::api));
        }
        router.method_not_allowed_fallback(method_not_allowed)
    }

    /// What our pages load. Outside the layer: no session is looked up for it.
    pub fn assets(&self) -> Router {
        Asset::ALL.iter().fold(Router::new(), |router, asset| {
            router.route(
                &self.path(asset.name),
                get(move |uri: Uri, headers: HeaderMap| async move {
                    asset::serve(asset, &uri, &headers)
                }),
            )
        })
    }
}

async fn method_not_allowed(context: Context) -> Response {
    let failure = Failure::new(ErrorCode::BadRequest)
        .status(StatusCode::METHOD_NOT_ALLOWED)
        .message("This address does not take requests of this method");
    elsewhere(&context, &failure)
}

/// For addresses that lead nowhere.
async fn not_found(context: Context) -> Response {
    let failure = Failure::new(ErrorCode::BadRequest)
        .status(StatusCode::NOT_FOUND)
        .message("There is nothing at this address");
    elsewhere(&context, &failure)
}

fn elsewhere(context: &Context, failure: &Failure) -> Response {
    answer::failure(context, context.surface, failure)
}
