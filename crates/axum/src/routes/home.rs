//! The account page, the home of a site that has no other.

use axum::response::Response;
use http::StatusCode;
use serde::Serialize;

use crate::answer;
use crate::context::Context;
use crate::extract::CurrentUser;
use crate::page::{Audience, Page, Template, template};

/// Variables of `account.html`.
#[derive(Serialize)]
pub(crate) struct AccountPage {
    next: &'static str,
    facts: Vec<Fact>,
}

/// Something to show about the account.
#[derive(Serialize)]
struct Fact {
    label: String,
    value: String,
}

impl Page for AccountPage {
    const TEMPLATE: Template = template!("account.html");
    const AUDIENCE: Audience = Audience::LoggedIn;

    fn sample() -> Self {
        let fact = Fact { label: "Member since".into(), value: "1 March 2026".into() };
        Self { next: "/after", facts: vec![fact] }
    }
}

/// `GET` the prefix
pub(crate) async fn show(context: Context, _: CurrentUser) -> Response {
    answer::page(&context, StatusCode::OK, &AccountPage { next: "", facts: Vec::new() })
}
