//! `logout`, `api/logout`: the end of a session.

use axum::response::Response;
use crossauth_core::error::ErrorCode;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::answer::{self, Surface};
use crate::context::Context;
use crate::extract::Submitted;
use crate::failure::Failure;
use crate::headers;
use crate::next::{self, NextPath};
use crate::page::{Page, Template, template};
use crate::session_change::SessionChange;

/// What the form sends.
#[derive(Deserialize)]
pub(crate) struct Form {
    #[serde(default, deserialize_with = "next::lenient")]
    next: Option<NextPath>,
}

/// Variables of `logout.html`, which asks before it logs out.
#[derive(Serialize)]
pub(crate) struct LogoutPage {
    /// Where to go afterwards.
    pub(crate) next: Option<NextPath>,
}

impl Page for LogoutPage {
    const TEMPLATE: Template = template!("logout.html");

    fn sample() -> Self {
        Self { next: NextPath::parse("/after?a=b&c=d").ok() }
    }
}

/// `POST logout`
pub(crate) async fn submit(Submitted { context, form, .. }: Submitted<Form>) -> Response {
    let form = match form {
        Ok(form) => form,
        Err(error) => return answer::failure(&context, Surface::Page, &error.failure),
    };
    match end(&context).await {
        Ok(()) => {
            let default = &context.crossauth.config().logout_redirect;
            let to = form.next.as_ref().map_or(default.as_str(), NextPath::as_str);
            gone(answer::redirect(&context, to))
        }
        Err(failure) => answer::failure(&context, Surface::Page, &failure),
    }
}

/// `POST api/logout`
pub(crate) async fn api(Submitted { context, form, .. }: Submitted<Form>) -> Response {
    let ended = match form {
        Ok(_) => end(&context).await,
        Err(error) => Err(error.failure),
    };
    match ended {
        Ok(()) => gone(answer::json_ok(&context, json!({}))),
        Err(failure) => answer::json_failure(&context, &failure),
    }
}

async fn end(context: &Context) -> Result<(), Failure> {
    if context.duplicate_session_cookie {
        // Saying "done" while the session lives on would be worse.
        return Err(Failure::new(ErrorCode::InvalidSession).message(
            "The browser sent more than one session cookie, so that none could be ended. They \
             have been removed from this browser",
        ));
    }
    if let Some(id) = context.session_id() {
        context.crossauth.auth().sessions.end(id).await?;
        let user = context.user().map(|user| tracing::field::display(&user.id));
        tracing::info!(user, "logged out");
    }
    Ok(())
}

fn gone(mut answer: Response) -> Response {
    headers::clear_cached_pages(answer.headers_mut());
    answer::with_session(answer, SessionChange::Ended)
}
