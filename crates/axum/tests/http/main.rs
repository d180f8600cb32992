//! The HTTP API: status, headers and body of every endpoint.
//!
//! One file for each file of `src/routes`, and others for properties of all routes. `site` and
//! `browser` are the fixtures.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod browser;
mod cookie;
mod documented;
mod engine;
mod factor;
mod failure;
mod gate;
mod site;
mod stale_link;

mod admin;
mod api_key;
mod application;
mod attack;
mod audit;
mod change_factor2;
mod change_password;
mod csrf;
mod csrf_token;
mod directory;
mod email_change;
mod email_verification;
mod embedding;
mod embedding_variants;
mod endpoint;
mod endpoint_list;
mod forgery;
mod headers;
mod home;
mod hook;
mod input;
mod log;
mod login;
mod logout;
mod openapi;
mod openapi_page;
mod outage;
mod password;
mod password_reset;
mod persistence;
mod preview;
mod profile;
mod profile_factor;
mod reauthenticate;
mod recovery_codes;
mod redirect;
mod reference;
mod reload;
mod rotation;
mod second_factor;
mod session;
mod session_list;
mod setup;
mod signup;
mod signup_factor;
mod signup_taken;
mod template;
mod testkit;
mod user_for_session_key;
