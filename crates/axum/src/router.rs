//! Routers: our routes, mounted in an application.

use axum::Router;
use axum::routing::{MethodFilter, MethodRouter, get, on};
use crossauth_core::error::ErrorCode;
use http::{HeaderMap, Method, StatusCode, Uri};

use crate::crossauth::Crossauth;
use crate::failure::Failure;
use crate::page::{Asset, NOTHING_HERE};
use crate::rejection::Rejection;
use crate::request::RequestInfo;
use crate::response;
use crate::routes::{HandlerResult, Route, Scope, asset};

impl Crossauth {
    /// Adds our routes to an application and authenticates requests to all routes.
    ///
    /// The application's routes may have any path that is not one of ours, nested or not, with or
    /// without state. Routes that are added to the result are outside the layer, where our
    /// extractors return an error. To move our routes below a path, use
    /// [`Builder::prefix`](crate::Builder::prefix) instead of nesting the result.
    ///
    /// ```
    /// # use axum::{Router, extract::State, routing::get};
    /// # use crossauth_axum::{Crossauth, CurrentUser};
    /// # fn example(crossauth: &Crossauth) {
    /// #[derive(Clone)]
    /// struct Shop;
    ///
    /// async fn orders(State(_shop): State<Shop>, user: CurrentUser) -> String {
    ///     format!("orders of {}", user.username)
    /// }
    ///
    /// let app = Router::new().nest("/shop", Router::new().route("/orders", get(orders)));
    /// let app: Router = crossauth.mount(app).with_state(Shop);
    /// # }
    /// ```
    pub fn mount<S>(&self, application: Router<S>) -> Router<S>
    where
        S: Clone + Send + Sync + 'static,
    {
        application.merge(self.routes()).layer(self.layer()).merge(self.assets())
    }

    /// Our routes. They work only inside [`Crossauth::layer`], which [`Crossauth::mount`] adds.
    pub fn routes<S>(&self) -> Router<S>
    where
        S: Clone + Send + Sync + 'static,
    {
        self.router_in(Scope::Application)
    }

    /// The assets of our pages. Outside the layer, because they do not need a session.
    pub fn assets<S>(&self) -> Router<S>
    where
        S: Clone + Send + Sync + 'static,
    {
        Asset::ALL.iter().fold(Router::new(), |router, asset| {
            router.route(
                &self.path(asset.name),
                get(async |uri: Uri, headers: HeaderMap| asset::serve(asset, &uri, &headers)),
            )
        })
    }

    pub(crate) fn router_in<S>(&self, scope: Scope) -> Router<S>
    where
        S: Clone + Send + Sync + 'static,
    {
        let mut router = Router::new();
        for route in self.routes_in(scope) {
            let path = self.path_of(route);
            router = router.route(&path, handler(route));
            if route.method == Method::GET && !route.path.is_empty() {
                let slash = format!("{path}/");
                router = router.route(&slash, get(redirect_trailing_slash));
            }
        }
        router.method_not_allowed_fallback(method_not_allowed)
    }
}

fn handler<S>(route: &'static Route) -> MethodRouter<S>
where
    S: Clone + Send + Sync + 'static,
{
    let filter = if route.method == Method::GET { MethodFilter::GET } else { MethodFilter::POST };
    on(filter, move |info: RequestInfo, request| route.handle(info, request))
}

async fn redirect_trailing_slash(info: RequestInfo) -> HandlerResult {
    trailing_slash_redirect(&info).ok_or_else(page_not_found)
}

/// A redirect to a route that differs only by a trailing slash.
fn trailing_slash_redirect(info: &RequestInfo) -> Option<axum::response::Response> {
    let path = info.crossauth.without_trailing_slash(info.uri.path())?;
    let to = match info.uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path,
    };
    Some(response::redirect(info, &to))
}

pub(crate) async fn method_not_allowed() -> Failure {
    Failure::new(ErrorCode::BadRequest)
        .status(StatusCode::METHOD_NOT_ALLOWED)
        .message("This address does not accept requests with this method")
}

/// 404 as an error page or JSON, for the fallback of an application.
///
/// ```
/// # use axum::{Router, routing::get};
/// # use crossauth_axum::Crossauth;
/// # fn example(crossauth: &Crossauth) {
/// let app = Router::new()
///     .route("/account", get(crossauth_axum::account_page))
///     .fallback(crossauth_axum::not_found);
/// let app: Router = crossauth.mount(app);
/// # }
/// ```
pub async fn not_found() -> Rejection {
    page_not_found().into()
}

/// 404 for unknown paths of a site.
pub(crate) async fn not_found_in_site(info: RequestInfo) -> HandlerResult {
    let safe = matches!(info.method, Method::GET | Method::HEAD);
    match trailing_slash_redirect(&info).filter(|_| safe) {
        Some(response) => Ok(response),
        None => Err(page_not_found()),
    }
}

pub(crate) fn page_not_found() -> Failure {
    Failure::new(ErrorCode::BadRequest).status(StatusCode::NOT_FOUND).message(NOTHING_HERE)
}
