//! The routes: one table, and the handlers, one file per noun.
//!
//! A handler reads its request, calls one use case and responds. It serves a page and its JSON
//! twin, depending on the surface of the request. To add one more endpoint, write a handler and add
//! a line to [`ROUTES`].

pub(crate) mod asset;
pub(crate) mod csrf_token;
pub(crate) mod home;
pub(crate) mod login;
pub(crate) mod logout;
pub(crate) mod setup;
pub(crate) mod signup;
mod table;
pub(crate) mod user_for_session_key;

use axum::response::Response;
use http::Method;

use crate::failure::Failure;
use crate::page::{ErrorPage, PageEntry};

pub use table::{Access, Endpoint};
pub(crate) use table::{Feature, Route};
use table::{at_once, later};

/// The result of a handler.
pub(crate) type Answer = Result<Response, Failure>;

/// All routes. Paths are relative to the prefix.
#[rustfmt::skip]
pub(crate) const ROUTES: &[Route] = &[
    Route::new(Method::GET,  "",                       Access::LoggedIn,  at_once(home::show)).of(Feature::Home),
    Route::new(Method::GET,  "login",                  Access::Public,    at_once(login::show)),
    Route::new(Method::POST, "login",                  Access::CsrfToken, later!(login::submit)),
    Route::new(Method::POST, "api/login",              Access::CsrfToken, later!(login::submit)),
    Route::new(Method::GET,  "logout",                 Access::Public,    at_once(logout::show)),
    Route::new(Method::POST, "logout",                 Access::CsrfToken, later!(logout::submit)),
    Route::new(Method::POST, "api/logout",             Access::CsrfToken, later!(logout::submit)),
    Route::new(Method::GET,  "signup",                 Access::Public,    at_once(signup::show)).of(Feature::Signup),
    Route::new(Method::POST, "signup",                 Access::CsrfToken, later!(signup::submit)).of(Feature::Signup),
    Route::new(Method::POST, "api/signup",             Access::CsrfToken, later!(signup::submit)).of(Feature::Signup),
    Route::new(Method::GET,  "setup",                  Access::Public,    later!(setup::show)),
    Route::new(Method::POST, "setup",                  Access::CsrfToken, later!(setup::submit)),
    Route::new(Method::GET,  "api/getcsrftoken",       Access::Public,    at_once(csrf_token::show)),
    Route::new(Method::POST, "api/getcsrftoken",       Access::Public,    at_once(csrf_token::show)),
    Route::new(Method::GET,  "api/userforsessionkey",  Access::Public,    at_once(user_for_session_key::show)),
    Route::new(Method::POST, "api/userforsessionkey",  Access::CsrfToken, later!(user_for_session_key::submit)),
];

/// All pages.
pub(crate) const PAGES: &[PageEntry] = &[
    PageEntry::of::<login::LoginPage>(),
    PageEntry::of::<login::LoggedInPage>(),
    PageEntry::of::<logout::LogoutPage>(),
    PageEntry::of::<signup::SignupPage>(),
    PageEntry::of::<home::AccountPage>(),
    PageEntry::of::<setup::SetupPage>(),
    PageEntry::of::<ErrorPage>(),
];
