//! The HTTP surface, endpoint by endpoint: status, headers and body of every case.
//!
//! One file for each noun of `src/routes`, others for what holds across all of them; `site`,
//! `browser` and `store` are what they are made with.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod browser;
mod cookie;
mod site;

mod application;
mod csrf;
mod csrf_token;
mod embedded_alike;
mod embedding;
mod forgery;
mod headers;
mod home;
mod input;
mod log;
mod login;
mod logout;
mod outage;
mod password;
mod redirect;
mod session;
mod setup;
mod signup;
mod template;
mod user_for_session_key;
