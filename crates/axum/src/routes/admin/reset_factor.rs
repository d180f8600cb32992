//! `resetfactor2/{id}`, `api/resetfactor2/{id}`: the second factor of a user who has lost it.

use axum::extract::Request;
use crossauth_core::account::FactorReset;
use crossauth_core::user::User;
use serde::{Deserialize, Serialize};

use super::{Act, Done, done, find, is_notified, own, refused, url_prefix};
use crate::body::deserialize_flag;
use crate::form::Form;
use crate::next::{self, NextPath};
use crate::page::{Audience, Page, Template, sample_user, template};
use crate::request::RequestInfo;
use crate::response;
use crate::routes::{HandlerResult, parameter_of};
use crate::visible_user::AdminUser;

/// The fields of the form.
#[derive(Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ResetFactorForm {
    /// Whether the account has no factor from now on; otherwise its user must set one up at the next
    /// login.
    #[serde(default, deserialize_with = "deserialize_flag")]
    remove: Option<bool>,
    #[serde(default, deserialize_with = "next::deserialize_lenient")]
    next: Option<NextPath>,
}

impl Form for ResetFactorForm {
    const SECRET: &'static [&'static str] = &[];
}

/// Variables of `admin/resetfactor2.html`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ResetFactorPage {
    url_prefix: String,
    user: AdminUser,
    next: Option<NextPath>,
    /// Whether an account may have no factor.
    none_allowed: bool,
    /// Whether the user is notified by e-mail.
    is_notified: bool,
}

/// `GET resetfactor2/{id}`
pub(crate) async fn show(info: RequestInfo, request: Request) -> HandlerResult {
    let user = find(&info, &parameter_of(&request)).await?;
    Ok(response::page(&info, &ResetFactorPage::new(&info, user, next::in_query(&info.uri))))
}

/// `POST resetfactor2/{id}`, `POST api/resetfactor2/{id}`
pub(crate) async fn submit(info: RequestInfo, request: Request) -> HandlerResult {
    let Act { user, form, echo } = Act::<ResetFactorForm>::read(&info, request).await?;
    let result = match form {
        Ok(form) => reset(&info, &user, form).await,
        Err(failure) => Err(failure),
    };
    result.map_err(|failure| {
        failure.on_page(&info, || ResetFactorPage::new(&info, user, echo.next()))
    })
}

async fn reset(info: &RequestInfo, user: &User, form: ResetFactorForm) -> HandlerResult {
    own::refuse(info, user, "changefactor2")?;
    let removes = form.remove.unwrap_or(false);
    let reset = if removes { FactorReset::Remove } else { FactorReset::SetUpAgain };
    info.crossauth.auth().accounts.reset_factor(user, reset).await.map_err(refused)?;
    tracing::info!(user = %user.id, "second factor reset by an administrator");
    Ok(done(info, &user.id, Done::FactorReset, form.next.as_ref()))
}

impl ResetFactorPage {
    fn new(info: &RequestInfo, user: User, next: Option<NextPath>) -> Self {
        let none_allowed = info.crossauth.auth().factors.allows_none();
        Self {
            url_prefix: url_prefix(info),
            is_notified: is_notified(info, &user),
            user: AdminUser(user),
            next,
            none_allowed,
        }
    }
}

impl Page for ResetFactorPage {
    const TEMPLATE: Template = template!("admin/resetfactor2.html");
    const AUDIENCE: Audience = Audience::LoggedIn;

    fn sample() -> Self {
        Self {
            url_prefix: "/auth/admin/".into(),
            user: AdminUser(sample_user()),
            next: NextPath::parse("/after?a=b&c=d").ok(),
            none_allowed: true,
            is_notified: true,
        }
    }
}

#[cfg(test)]
pub(super) fn operations() -> Vec<crate::openapi::Operation> {
    vec![
        super::about_user("POST admin/api/resetfactor2/{id}", "Resets the second factor")
            .takes::<ResetFactorForm>()
            .done()
            .fails([crossauth_core::error::ErrorCode::Forbidden]),
    ]
}
