//! The routes: one table, and the handlers, one file per noun.
//!
//! A handler reads its request, calls one use case and responds. It serves a page and its JSON
//! twin, depending on the surface of the request. To add one more endpoint, write a handler and add
//! a line to [`ROUTES`].

mod access;
pub(crate) mod admin;
pub(crate) mod api_key;
pub(crate) mod asset;
pub(crate) mod change_factor2;
pub(crate) mod configure_factor2;
pub(crate) mod csrf_token;
pub(crate) mod device;
pub(crate) mod home;
pub(crate) mod login;
pub(crate) mod logout;
pub(crate) mod openapi;
pub(crate) mod password;
pub(crate) mod preview;
pub(crate) mod profile;
pub(crate) mod reauthenticate;
pub(crate) mod recovery_codes;
pub(crate) mod request_password_reset;
pub(crate) mod resend_verification;
pub(crate) mod reset_password;
pub(crate) mod restore_email;
pub(crate) mod second_factor;
mod served;
pub(crate) mod session;
pub(crate) mod setup;
pub(crate) mod signup;
mod table;
pub(crate) mod user_for_session_key;
pub(crate) mod verify_email;

use axum::response::Response;
use http::Method;

use crate::failure::Failure;
use crate::page::{ErrorPage, PageEntry};

pub use access::Access;
pub(crate) use served::Served;
pub use table::Endpoint;
use table::{Feature, async_handler, parameter_of, sync_handler};
pub(crate) use table::{Route, Scope};

/// The result of a handler.
pub(crate) type HandlerResult = Result<Response, Failure>;

/// All routes but those of administration. Paths are relative to the prefix.
#[rustfmt::skip]
pub(crate) const ROUTES: &[Route] = &[
    Route::new(Method::GET,  "",                         Access::LoggedIn,              async_handler!(home::show)).of(Feature::Home),
    Route::new(Method::GET,  "login",                    Access::Public,                sync_handler!(login::show)),
    Route::new(Method::POST, "login",                    Access::CsrfToken,             async_handler!(login::submit)),
    Route::new(Method::POST, "api/login",                Access::CsrfToken,             async_handler!(login::submit)),
    Route::new(Method::GET,  "loginfactor2",             Access::Public,                sync_handler!(second_factor::show_login)).of(Feature::Factor2),
    Route::new(Method::POST, "loginfactor2",             Access::CsrfToken,             async_handler!(second_factor::log_in)).of(Feature::Factor2),
    Route::new(Method::POST, "api/loginfactor2",         Access::CsrfToken,             async_handler!(second_factor::log_in)).of(Feature::Factor2),
    Route::new(Method::GET,  "resendfactor2",            Access::Public,                sync_handler!(second_factor::show_again)).of(Feature::Factor2),
    Route::new(Method::POST, "resendfactor2",            Access::CsrfToken,             async_handler!(second_factor::resend)).of(Feature::Factor2),
    Route::new(Method::POST, "api/resendfactor2",        Access::CsrfToken,             async_handler!(second_factor::resend)).of(Feature::Factor2),
    Route::new(Method::GET,  "factor2",                  Access::Public,                sync_handler!(second_factor::show)).of(Feature::Factor2),
    Route::new(Method::POST, "cancelfactor2",            Access::CsrfToken,             async_handler!(second_factor::cancel)).of(Feature::Factor2),
    Route::new(Method::POST, "api/cancelfactor2",        Access::CsrfToken,             async_handler!(second_factor::cancel)).of(Feature::Factor2),
    Route::new(Method::GET,  "api/cancelfactor2",        Access::Public,                sync_handler!(second_factor::cancel_by_get)).of(Feature::Factor2),
    Route::new(Method::GET,  "logout",                   Access::Public,                sync_handler!(logout::show)),
    Route::new(Method::POST, "logout",                   Access::CsrfToken,             async_handler!(logout::submit)),
    Route::new(Method::POST, "api/logout",               Access::CsrfToken,             async_handler!(logout::submit)),
    Route::new(Method::GET,  "reauthenticate",           Access::LoggedIn,              sync_handler!(reauthenticate::show)),
    Route::new(Method::POST, "reauthenticate",           Access::LoggedInWithCsrfToken, async_handler!(reauthenticate::submit)).with_factor(),
    Route::new(Method::POST, "api/reauthenticate",       Access::LoggedInWithCsrfToken, async_handler!(reauthenticate::submit)).with_factor(),
    Route::new(Method::GET,  "signup",                   Access::Public,                sync_handler!(signup::show)).of(Feature::Signup),
    Route::new(Method::POST, "signup",                   Access::CsrfToken,             async_handler!(signup::submit)).of(Feature::Signup),
    Route::new(Method::POST, "api/signup",               Access::CsrfToken,             async_handler!(signup::submit)).of(Feature::Signup),
    Route::new(Method::GET,  "configurefactor2",         Access::Public,                async_handler!(configure_factor2::show)).of(Feature::Factor2),
    Route::new(Method::POST, "configurefactor2",         Access::CsrfToken,             async_handler!(configure_factor2::submit)).of(Feature::Factor2),
    Route::new(Method::GET,  "api/configurefactor2",     Access::Public,                async_handler!(configure_factor2::show)).of(Feature::Factor2),
    Route::new(Method::POST, "api/configurefactor2",     Access::CsrfToken,             async_handler!(configure_factor2::submit)).of(Feature::Factor2),
    Route::new(Method::GET,  "changefactor2",            Access::Public,                sync_handler!(change_factor2::show)).of(Feature::Factor2),
    Route::new(Method::POST, "changefactor2",            Access::CsrfToken,             async_handler!(change_factor2::submit)).of(Feature::Factor2).with_factor(),
    Route::new(Method::POST, "api/changefactor2",        Access::CsrfToken,             async_handler!(change_factor2::submit)).of(Feature::Factor2).with_factor(),
    Route::new(Method::GET,  "recoverycodes",            Access::LoggedIn,              async_handler!(recovery_codes::show)).of(Feature::Factor2),
    Route::new(Method::POST, "recoverycodes",            Access::LoggedInWithCsrfToken, async_handler!(recovery_codes::submit)).of(Feature::Factor2).with_factor(),
    Route::new(Method::POST, "api/recoverycodes",        Access::LoggedInWithCsrfToken, async_handler!(recovery_codes::submit)).of(Feature::Factor2).with_factor(),
    Route::new(Method::GET,  "api/devices",              Access::LoggedIn,              async_handler!(device::list)).of(Feature::Factor2),
    Route::new(Method::POST, "forgetdevice",             Access::LoggedInWithCsrfToken, async_handler!(device::forget)).of(Feature::Factor2),
    Route::new(Method::POST, "api/forgetdevice",         Access::LoggedInWithCsrfToken, async_handler!(device::forget)).of(Feature::Factor2),
    Route::new(Method::GET,  "changepassword",           Access::Public,                sync_handler!(password::show)),
    Route::new(Method::POST, "changepassword",           Access::CsrfToken,             async_handler!(password::submit)),
    Route::new(Method::POST, "api/changepassword",       Access::CsrfToken,             async_handler!(password::submit)),
    Route::new(Method::GET,  "updateuser",               Access::LoggedIn,              sync_handler!(profile::show_update)),
    Route::new(Method::POST, "updateuser",               Access::LoggedInWithCsrfToken, async_handler!(profile::update)),
    Route::new(Method::POST, "api/updateuser",           Access::ProfileEditor,         async_handler!(profile::update)),
    Route::new(Method::GET,  "deleteuser",               Access::LoggedIn,              sync_handler!(profile::show_delete)),
    Route::new(Method::POST, "deleteuser",               Access::LoggedInWithCsrfToken, async_handler!(profile::delete)).with_factor(),
    Route::new(Method::POST, "api/deleteuser",           Access::LoggedInWithCsrfToken, async_handler!(profile::delete)).with_factor(),
    Route::new(Method::GET,  "api/sessions",             Access::LoggedIn,              async_handler!(session::list)),
    Route::new(Method::POST, "endsession/{id}",          Access::LoggedInWithCsrfToken, async_handler!(session::end)),
    Route::new(Method::POST, "api/endsession/{id}",      Access::LoggedInWithCsrfToken, async_handler!(session::end)),
    Route::new(Method::POST, "endothersessions",         Access::LoggedInWithCsrfToken, async_handler!(session::end_others)),
    Route::new(Method::POST, "api/endothersessions",     Access::LoggedInWithCsrfToken, async_handler!(session::end_others)),
    Route::new(Method::GET,  "apikeys",                 Access::LoggedIn,              async_handler!(api_key::list)).of(Feature::ApiKeys),
    Route::new(Method::GET,  "api/apikeys",             Access::LoggedIn,              async_handler!(api_key::list)).of(Feature::ApiKeys),
    Route::new(Method::GET,  "createapikey",            Access::LoggedIn,              sync_handler!(api_key::show_create)).of(Feature::ApiKeys),
    Route::new(Method::POST, "createapikey",            Access::LoggedInWithCsrfToken, async_handler!(api_key::create)).of(Feature::ApiKeys).with_factor(),
    Route::new(Method::POST, "api/createapikey",        Access::LoggedInWithCsrfToken, async_handler!(api_key::create)).of(Feature::ApiKeys).with_factor(),
    Route::new(Method::GET,  "deleteapikey/{id}",       Access::LoggedIn,              async_handler!(api_key::show_delete)).of(Feature::ApiKeys),
    Route::new(Method::POST, "deleteapikey/{id}",       Access::LoggedInWithCsrfToken, async_handler!(api_key::delete)).of(Feature::ApiKeys),
    Route::new(Method::POST, "api/deleteapikey/{id}",   Access::LoggedInWithCsrfToken, async_handler!(api_key::delete)).of(Feature::ApiKeys),
    Route::new(Method::GET,  "setup",                    Access::Public,                async_handler!(setup::show)),
    Route::new(Method::POST, "setup",                    Access::CsrfToken,             async_handler!(setup::submit)),
    Route::new(Method::GET,  "api/getcsrftoken",         Access::Public,                sync_handler!(csrf_token::show)),
    Route::new(Method::POST, "api/getcsrftoken",         Access::Public,                sync_handler!(csrf_token::show)),
    Route::new(Method::GET,  "api/userforsessionkey",    Access::LoggedIn,              sync_handler!(user_for_session_key::show)),
    Route::new(Method::POST, "api/userforsessionkey",    Access::LoggedInWithCsrfToken, async_handler!(user_for_session_key::submit)),
    Route::new(Method::GET,  "api/openapi.json",         Access::Public,                sync_handler!(openapi::show)),
    Route::new(Method::GET,  "verifyemail/{token}",      Access::Link,                  async_handler!(verify_email::show)).of(Feature::EmailVerification),
    Route::new(Method::GET,  "api/verifyemail/{token}",  Access::Link,                  async_handler!(verify_email::follow)).of(Feature::EmailVerification),
    Route::new(Method::GET,  "verifyemail",              Access::Public,                sync_handler!(login::redirect)).of(Feature::EmailVerification),
    Route::new(Method::POST, "verifyemail",              Access::CsrfToken,             async_handler!(verify_email::submit)).of(Feature::EmailVerification),
    Route::new(Method::POST, "api/verifyemail",          Access::CsrfToken,             async_handler!(verify_email::submit)).of(Feature::EmailVerification),
    Route::new(Method::GET,  "resendverification",       Access::Public,                sync_handler!(resend_verification::show)).of(Feature::EmailVerification),
    Route::new(Method::POST, "resendverification",       Access::CsrfToken,             async_handler!(resend_verification::submit)).of(Feature::EmailVerification),
    Route::new(Method::POST, "api/resendverification",   Access::CsrfToken,             async_handler!(resend_verification::submit)).of(Feature::EmailVerification),
    Route::new(Method::GET,  "restoreemail/{token}",     Access::Link,                  async_handler!(restore_email::show)).of(Feature::AddressRestore),
    Route::new(Method::GET,  "restoreemail",             Access::Public,                sync_handler!(login::redirect)).of(Feature::AddressRestore),
    Route::new(Method::POST, "restoreemail",             Access::CsrfToken,             async_handler!(restore_email::submit)).of(Feature::AddressRestore),
    Route::new(Method::POST, "api/restoreemail",         Access::CsrfToken,             async_handler!(restore_email::submit)).of(Feature::AddressRestore),
    Route::new(Method::GET,  "requestpasswordreset",     Access::Public,                sync_handler!(request_password_reset::show)).of(Feature::PasswordReset),
    Route::new(Method::POST, "requestpasswordreset",     Access::CsrfToken,             async_handler!(request_password_reset::submit)).of(Feature::PasswordReset),
    Route::new(Method::POST, "api/requestpasswordreset", Access::CsrfToken,             async_handler!(request_password_reset::submit)).of(Feature::PasswordReset),
    Route::new(Method::GET,  "resetpassword/{token}",    Access::Link,                  async_handler!(reset_password::show)).of(Feature::PasswordReset),
    Route::new(Method::GET,  "resetpassword",            Access::Public,                sync_handler!(login::redirect)).of(Feature::PasswordReset),
    Route::new(Method::POST, "resetpassword",            Access::CsrfToken,             async_handler!(reset_password::submit)).of(Feature::PasswordReset),
    Route::new(Method::POST, "api/resetpassword",        Access::CsrfToken,             async_handler!(reset_password::submit)).of(Feature::PasswordReset),
    Route::new(Method::GET,  "dev/outbox",               Access::Public,                async_handler!(preview::show)).of(Feature::Preview),
];

/// The routes of administration. Paths are relative to its prefix.
#[rustfmt::skip]
pub(crate) const ADMIN_ROUTES: &[Route] = &[
    Route::admin(Method::GET,  "",                         Access::Admin,              sync_handler!(admin::show)),
    Route::admin(Method::GET,  "selectuser",               Access::Admin,              async_handler!(admin::select_user::show)),
    Route::admin(Method::GET,  "api/selectuser",           Access::Admin,              async_handler!(admin::select_user::show)),
    Route::admin(Method::GET,  "user/{id}",                Access::Admin,              async_handler!(admin::user::show)),
    Route::admin(Method::GET,  "api/user/{id}",            Access::Admin,              async_handler!(admin::user::show)),
    Route::admin(Method::GET,  "createuser",               Access::Admin,              sync_handler!(admin::create_user::show)),
    Route::admin(Method::POST, "createuser",               Access::AdminWithCsrfToken, async_handler!(admin::create_user::submit)),
    Route::admin(Method::POST, "api/createuser",           Access::AdminWithCsrfToken, async_handler!(admin::create_user::submit)),
    Route::admin(Method::GET,  "updateuser/{id}",          Access::Admin,              async_handler!(admin::update_user::show)),
    Route::admin(Method::POST, "updateuser/{id}",          Access::AdminWithCsrfToken, async_handler!(admin::update_user::submit)),
    Route::admin(Method::POST, "api/updateuser/{id}",      Access::AdminWithCsrfToken, async_handler!(admin::update_user::submit)),
    Route::admin(Method::GET,  "changepassword/{id}",      Access::Admin,              async_handler!(admin::change_password::show)),
    Route::admin(Method::POST, "changepassword/{id}",      Access::AdminWithCsrfToken, async_handler!(admin::change_password::submit)),
    Route::admin(Method::POST, "api/changepassword/{id}",  Access::AdminWithCsrfToken, async_handler!(admin::change_password::submit)),
    Route::admin(Method::POST, "sendreset/{id}",           Access::AdminWithCsrfToken, async_handler!(admin::change_password::send_reset)),
    Route::admin(Method::POST, "api/sendreset/{id}",       Access::AdminWithCsrfToken, async_handler!(admin::change_password::send_reset)),
    Route::admin(Method::GET,  "resetfactor2/{id}",        Access::Admin,              async_handler!(admin::reset_factor::show)),
    Route::admin(Method::POST, "resetfactor2/{id}",        Access::AdminWithCsrfToken, async_handler!(admin::reset_factor::submit)),
    Route::admin(Method::POST, "api/resetfactor2/{id}",    Access::AdminWithCsrfToken, async_handler!(admin::reset_factor::submit)),
    Route::admin(Method::POST, "endsession/{id}",          Access::AdminWithCsrfToken, async_handler!(admin::session::end)),
    Route::admin(Method::POST, "api/endsession/{id}",      Access::AdminWithCsrfToken, async_handler!(admin::session::end)),
    Route::admin(Method::POST, "endsessions/{id}",         Access::AdminWithCsrfToken, async_handler!(admin::session::end_all)),
    Route::admin(Method::POST, "api/endsessions/{id}",     Access::AdminWithCsrfToken, async_handler!(admin::session::end_all)),
    Route::admin(Method::POST, "forgetdevice/{id}",        Access::AdminWithCsrfToken, async_handler!(admin::device::forget)),
    Route::admin(Method::POST, "api/forgetdevice/{id}",    Access::AdminWithCsrfToken, async_handler!(admin::device::forget)),
    Route::admin(Method::GET,  "apikeys/{id}",             Access::Admin,              async_handler!(admin::api_key::index)).of(Feature::AdminApiKeys),
    Route::admin(Method::GET,  "api/apikeys/{id}",         Access::Admin,              async_handler!(admin::api_key::index)).of(Feature::AdminApiKeys),
    Route::admin(Method::GET,  "createapikey/{id}",        Access::Admin,              async_handler!(admin::create_api_key::show)).of(Feature::AdminApiKeys),
    Route::admin(Method::POST, "createapikey/{id}",        Access::AdminWithCsrfToken, async_handler!(admin::create_api_key::submit)).of(Feature::AdminApiKeys),
    Route::admin(Method::POST, "api/createapikey/{id}",    Access::AdminWithCsrfToken, async_handler!(admin::create_api_key::submit)).of(Feature::AdminApiKeys),
    Route::admin(Method::GET,  "deleteapikey/{id}",        Access::Admin,              async_handler!(admin::api_key::show)).of(Feature::AdminApiKeys),
    Route::admin(Method::POST, "deleteapikey/{id}",        Access::AdminWithCsrfToken, async_handler!(admin::api_key::delete)).of(Feature::AdminApiKeys),
    Route::admin(Method::POST, "api/deleteapikey/{id}",    Access::AdminWithCsrfToken, async_handler!(admin::api_key::delete)).of(Feature::AdminApiKeys),
    Route::admin(Method::GET,  "deleteuser/{id}",          Access::Admin,              async_handler!(admin::delete_user::show)),
    Route::admin(Method::POST, "deleteuser/{id}",          Access::AdminWithCsrfToken, async_handler!(admin::delete_user::submit)),
    Route::admin(Method::POST, "api/deleteuser/{id}",      Access::AdminWithCsrfToken, async_handler!(admin::delete_user::submit)),
    Route::admin(Method::GET,  "audit",                    Access::Admin,              async_handler!(admin::audit::show)),
    Route::admin(Method::GET,  "api/audit",                Access::Admin,              async_handler!(admin::audit::show)),
    Route::admin(Method::GET,  "audit.csv",                Access::Admin,              async_handler!(admin::audit::csv)),
    Route::admin(Method::GET,  "audit.jsonl",              Access::Admin,              async_handler!(admin::audit::json_lines)),
];

/// What the OpenAPI document says about the routes that respond with JSON.
#[cfg(test)]
pub(crate) fn operations() -> Vec<crate::openapi::Operation> {
    let files = [
        login::operations(),
        reauthenticate::operations(),
        admin::operations(),
        second_factor::operations(),
        logout::operations(),
        signup::operations(),
        change_factor2::operations(),
        recovery_codes::operations(),
        device::operations(),
        password::operations(),
        profile::operations(),
        session::operations(),
        api_key::operations(),
        csrf_token::operations(),
        user_for_session_key::operations(),
        openapi::operations(),
        verify_email::operations(),
        resend_verification::operations(),
        restore_email::operations(),
        request_password_reset::operations(),
        reset_password::operations(),
    ];
    files.into_iter().flatten().collect()
}

/// All pages.
pub(crate) const PAGES: &[PageEntry] = &[
    PageEntry::of::<login::LoginPage>(),
    PageEntry::of::<login::LoggedInPage>(),
    PageEntry::of::<second_factor::Factor2Page>(),
    PageEntry::of::<logout::LogoutPage>(),
    PageEntry::of::<signup::SignupPage>(),
    PageEntry::of::<home::AccountPage>(),
    PageEntry::of::<configure_factor2::ConfigureFactor2Page>(),
    PageEntry::of::<change_factor2::ChangeFactor2Page>(),
    PageEntry::of::<recovery_codes::RecoveryCodesPage>(),
    PageEntry::of::<password::ChangePasswordPage>(),
    PageEntry::of::<profile::UpdateUserPage>(),
    PageEntry::of::<profile::DeleteUserPage>(),
    PageEntry::of::<reauthenticate::ReauthenticatePage>(),
    PageEntry::of::<api_key::ApiKeysPage>(),
    PageEntry::of::<api_key::CreateApiKeyPage>(),
    PageEntry::of::<api_key::DeleteApiKeyPage>(),
    PageEntry::of::<setup::SetupPage>(),
    PageEntry::of::<preview::PreviewPage>(),
    PageEntry::of::<verify_email::VerifyEmailPage>(),
    PageEntry::of::<verify_email::EmailVerifiedPage>(),
    PageEntry::of::<resend_verification::ResendVerificationPage>(),
    PageEntry::of::<restore_email::RestoreEmailPage>(),
    PageEntry::of::<request_password_reset::RequestPasswordResetPage>(),
    PageEntry::of::<reset_password::ResetPasswordPage>(),
    PageEntry::of::<admin::select_user::SelectUserPage>(),
    PageEntry::of::<admin::user::UserPage>(),
    PageEntry::of::<admin::audit::AuditPage>(),
    PageEntry::of::<admin::create_user::CreateUserPage>(),
    PageEntry::of::<admin::update_user::UpdateUserPage>(),
    PageEntry::of::<admin::change_password::PasswordPage>(),
    PageEntry::of::<admin::reset_factor::ResetFactorPage>(),
    PageEntry::of::<admin::create_api_key::CreateUserApiKeyPage>(),
    PageEntry::of::<admin::api_key::DeleteUserApiKeyPage>(),
    PageEntry::of::<admin::delete_user::DeleteUserPage>(),
    PageEntry::of::<ErrorPage>(),
];
