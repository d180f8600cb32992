//! `deleteuser/{id}`, `api/deleteuser/{id}`: deletes an account.

use axum::extract::Request;
use crossauth_core::user::{User, UserId};
use serde::Serialize;

use super::{Act, ButtonForm, find, refused, url_prefix};
use crate::next::{self, NextPath};
use crate::page::{Audience, Page, Template, sample_user, template};
use crate::request::{RequestInfo, Surface};
use crate::response;
use crate::routes::{HandlerResult, parameter_of};
use crate::visible_user::AdminUser;

const DELETED: &str = "User deleted";

/// Variables of `admin/deleteuser.html`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeleteUserPage {
    url_prefix: String,
    user: AdminUser,
    /// Where to continue.
    next: String,
    is_admin: bool,
    deleted: bool,
    userid: UserId,
    /// Present once the account has been deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'static str>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Body {
    #[cfg_attr(test, schemars(with = "crate::openapi::Id"))]
    userid: UserId,
}

/// `GET deleteuser/{id}`
pub(crate) async fn show(info: RequestInfo, request: Request) -> HandlerResult {
    let user = find(&info, &parameter_of(&request)).await?;
    Ok(response::page(&info, &DeleteUserPage::new(&info, user, next::in_query(&info.uri))))
}

/// `POST deleteuser/{id}`, `POST api/deleteuser/{id}`. Only the path says who is deleted.
pub(crate) async fn submit(info: RequestInfo, request: Request) -> HandlerResult {
    let Act { user, form, echo } = Act::<ButtonForm>::read(&info, request).await?;
    let deleted = match form {
        Ok(_) => info.crossauth.auth().accounts.delete(&user).await.map_err(refused),
        Err(failure) => Err(failure),
    };
    let page = DeleteUserPage::new(&info, user, echo.next());
    let userid = match deleted {
        Ok(userid) => userid,
        Err(failure) => return Err(failure.on_page(&info, || page)),
    };
    tracing::info!(user = %userid, "account deleted by an administrator");
    Ok(match info.surface {
        Surface::Page => {
            let page = DeleteUserPage { deleted: true, message: Some(DELETED), ..page };
            response::page(&info, &page)
        }
        Surface::Api => response::json_ok(&info, Body { userid }),
    })
}

impl DeleteUserPage {
    fn new(info: &RequestInfo, user: User, next: Option<NextPath>) -> Self {
        let list = || info.crossauth.admin_path("selectuser");
        Self {
            url_prefix: url_prefix(info),
            next: next.map_or_else(list, |next| next.as_str().to_owned()),
            is_admin: true,
            deleted: false,
            userid: user.id.clone(),
            user: AdminUser(user),
            message: None,
        }
    }
}

impl Page for DeleteUserPage {
    const TEMPLATE: Template = template!("admin/deleteuser.html");
    const AUDIENCE: Audience = Audience::LoggedIn;

    fn sample() -> Self {
        let user = sample_user();
        Self {
            url_prefix: "/auth/admin/".into(),
            next: "/auth/admin/selectuser".into(),
            is_admin: true,
            deleted: false,
            userid: user.id.clone(),
            user: AdminUser(user),
            message: None,
        }
    }
}

#[cfg(test)]
pub(super) fn operations() -> Vec<crate::openapi::Operation> {
    vec![
        super::about_user("POST admin/api/deleteuser/{id}", "Deletes the account")
            .takes::<ButtonForm>()
            .returns::<Body>()
            .fails([crossauth_core::error::ErrorCode::Forbidden]),
    ]
}
