//! The handlers, one file a noun. Each reads its request, asks one use case, and writes the
//! answer as a page or as JSON.

pub(crate) mod asset;
pub(crate) mod csrf_token;
pub(crate) mod home;
pub(crate) mod login;
pub(crate) mod logout;
pub(crate) mod setup;
pub(crate) mod signup;
pub(crate) mod user_for_session_key;

use crate::page::{ErrorPage, PageEntry};

/// Every page.
pub(crate) const PAGES: &[PageEntry] = &[
    PageEntry::of::<login::LoginPage>(),
    PageEntry::of::<login::LoggedInPage>(),
    PageEntry::of::<logout::LogoutPage>(),
    PageEntry::of::<signup::SignupPage>(),
    PageEntry::of::<home::AccountPage>(),
    PageEntry::of::<setup::SetupPage>(),
    PageEntry::of::<ErrorPage>(),
];
