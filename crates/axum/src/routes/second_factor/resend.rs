//! `resendfactor2`: another code for the login or the request that waits.

use axum::extract::Request;
use axum::response::Response;
use crossauth_core::Rejection;
use crossauth_core::error::ErrorCode;
use crossauth_core::login::Resent;
use crossauth_core::protected::WaitingRequest;
use serde_json::{Map, Value};

use super::{Factor2Page, LOGIN_ACTION, Needed, SECRET, ask_again, pending, persist, sent_to};
use crate::failure::Failure;
use crate::form::{Echo, read_fields};
use crate::protection::{factor_required, without_factor};
use crate::request::{RequestInfo, Surface};
use crate::response;
use crate::routes::HandlerResult;

const SENT_AGAIN: &str = "We have sent another code. The one before is not valid any more.";

/// The request that waits for a code, unless a login that waits began later.
fn waiting_request(info: &RequestInfo) -> Option<WaitingRequest> {
    let session = info.session()?;
    let login = pending(info, session);
    let request = info.crossauth.auth().protection.waiting(session);
    request.filter(|request| login.is_none_or(|login| login.expires < request.expires))
}

/// `GET resendfactor2`: a reload of the page that `POST` returned.
pub(crate) fn show_again(info: &RequestInfo) -> Response {
    let page = if waiting_request(info).is_some() { "factor2" } else { LOGIN_ACTION };
    response::redirect(info, &info.crossauth.path(page))
}

/// `POST resendfactor2`, `POST api/resendfactor2`: sends another code for what waits.
pub(crate) async fn resend(info: RequestInfo, request: Request) -> HandlerResult {
    let (fields, read) = read_fields(&info, request).await;
    let echo = Echo::of(&fields, SECRET);
    let waiting = waiting_request(&info);
    let result = match (read, &waiting) {
        (Ok(()), None) => send_again(&info, &echo).await,
        (Ok(()), Some(waiting)) => send_again_for_request(&info, waiting).await,
        (Err(failure), _) => Err(failure),
    };
    result.map_err(|failure| match waiting {
        None => ask_again(&info, failure, &echo),
        Some(_) if failure.code() == ErrorCode::Unauthorized => failure,
        Some(waiting) => failure.on_page(&info, || Factor2Page::for_request(&info, waiting)),
    })
}

async fn send_again(info: &RequestInfo, echo: &Echo) -> HandlerResult {
    let gone = || Failure::rejected(Rejection::Gone, info.crossauth.now());
    let session = info.session().ok_or_else(gone)?;
    let pending = pending(info, session).ok_or_else(gone)?;
    let shown = shown(info, info.crossauth.auth().login.resend(session).await?)?;
    Ok(match info.surface {
        Surface::Page => {
            let (next, persist) = (echo.next(), persist(&pending));
            let page = Factor2Page::for_login(info, &pending.factor, Some(&shown));
            response::page(info, &Factor2Page { next, persist, message: Some(SENT_AGAIN), ..page })
        }
        Surface::Api => {
            let (factor2, shown) = (pending.factor.as_str(), without_factor(shown));
            response::json_ok(info, Needed { two_factor_required: true, factor2, shown })
        }
    })
}

async fn send_again_for_request(info: &RequestInfo, waiting: &WaitingRequest) -> HandlerResult {
    let session = info.session().ok_or_else(|| Failure::new(ErrorCode::Unauthorized))?;
    let shown = shown(info, info.crossauth.auth().protection.resend(session).await?)?;
    Ok(match info.surface {
        Surface::Page => {
            let sent_to = sent_to(&shown);
            let page = Factor2Page::for_request(info, waiting.clone());
            response::page(info, &Factor2Page { sent_to, message: Some(SENT_AGAIN), ..page })
        }
        Surface::Api => factor_required(info, &waiting.factor, shown),
    })
}

/// What the browser is shown about a code that was sent again.
fn shown(info: &RequestInfo, resent: Resent) -> Result<Map<String, Value>, Failure> {
    match resent {
        Resent::Sent { shown } => Ok(shown),
        Resent::NothingToSend => Err(Failure::new(ErrorCode::BadRequest)
            .message("The codes of this second factor are not sent")),
        Resent::Rejected(rejection) => Err(Failure::rejected(rejection, info.crossauth.now())),
    }
}
