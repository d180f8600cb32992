//! `dev/outbox`: the messages that were not sent, in development.

use std::future::{Ready, ready};

use axum::extract::Request;
use crossauth_core::outbox::PreviewedMessage;
use serde::Serialize;

use super::HandlerResult;
use crate::page::{Page, Template, template};
use crate::request::RequestInfo;
use crate::response;
use crate::router::page_not_found;

/// Variables of `outbox.html`.
#[derive(Serialize)]
pub(crate) struct PreviewPage {
    messages: Vec<Shown>,
}

/// A message.
#[derive(Serialize)]
struct Shown {
    kind: String,
    channel: &'static str,
    to: String,
    subject: String,
    text: String,
    links: Vec<String>,
}

impl From<&PreviewedMessage> for Shown {
    fn from(message: &PreviewedMessage) -> Self {
        Self {
            kind: message.kind.to_string(),
            channel: message.to.channel().as_str(),
            to: message.to.address().to_owned(),
            subject: message.rendered.subject.clone(),
            text: message.rendered.text.clone(),
            links: message.links().map(str::to_owned).collect(),
        }
    }
}

impl Page for PreviewPage {
    const TEMPLATE: Template = template!("outbox.html");

    fn sample() -> Self {
        let link = "/auth/verifyemail/Z4tSjq8hQ2mJ3kL5nP7rTw";
        let message = Shown {
            kind: "email_verification".into(),
            channel: "email",
            to: "ada@example.com".into(),
            subject: "Verify your email address".into(),
            text: format!("Please open this link:\n{link}"),
            links: vec![link.into()],
        };
        Self { messages: vec![message] }
    }
}

/// `GET dev/outbox`
#[expect(clippy::needless_pass_by_value, reason = "the signature of a handler")]
pub(crate) fn show(info: RequestInfo, request: Request) -> Ready<HandlerResult> {
    ready(page(&info, &request))
}

/// The links need no cookie to be read: a page of another site must not get at them under a name
/// that resolves to our address.
fn page(info: &RequestInfo, request: &Request) -> HandlerResult {
    let Some(preview) = info.crossauth.auth().outbox.preview() else {
        return Err(page_not_found());
    };
    if !info.crossauth.is_allowed_host(request.headers(), &info.uri) {
        tracing::warn!("dev/outbox is not shown under this host name: see allowed_hosts");
        return Err(page_not_found());
    }
    let messages = preview.messages().iter().map(Shown::from).collect();
    Ok(response::page(info, &PreviewPage { messages }))
}
