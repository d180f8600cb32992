//! `selectuser`, `api/selectuser`: the list of users.

use axum::extract::Request;
use crossauth_core::storage::{UserPosition, UserQuery};
use crossauth_core::user::User;
use serde::Serialize;

use crate::page::{Audience, Page, Template, sample_user, template};
use crate::request::{RequestInfo, Surface};
use crate::response;
use crate::routes::HandlerResult;
use crate::visible_user::AdminUser;

/// How many users a page has.
const TAKE: u32 = 20;

/// Variables of `admin/selectuser.html`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SelectUserPage {
    url_prefix: String,
    users: Vec<AdminUser>,
    /// After which user the next page begins.
    next_after: Option<String>,
}

/// The list in JSON.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
struct Body {
    users: Vec<AdminUser>,
    next_after: Option<String>,
}

/// `GET selectuser`, `GET api/selectuser`
pub(crate) async fn show(info: RequestInfo, _: Request) -> HandlerResult {
    let after = info.query("after").filter(|after| !after.is_empty());
    let position = after.as_deref().map_or(UserPosition::First, UserPosition::After);
    let query = UserQuery { position, ..UserQuery::first(TAKE) };
    let page = info.crossauth.auth().accounts.list(&query).await?;
    let users: Vec<AdminUser> = page.users.into_iter().map(AdminUser).collect();
    Ok(match info.surface {
        Surface::Page => {
            let url_prefix = info.crossauth.config().admin_prefix.clone();
            response::page(&info, &SelectUserPage { url_prefix, users, next_after: page.next })
        }
        Surface::Api => response::json_ok(&info, Body { users, next_after: page.next }),
    })
}

impl Page for SelectUserPage {
    const TEMPLATE: Template = template!("admin/selectuser.html");
    const AUDIENCE: Audience = Audience::LoggedIn;

    fn sample() -> Self {
        let users = vec![AdminUser(User { admin: false, ..sample_user() })];
        Self { url_prefix: "/auth/admin/".into(), users, next_after: Some("ada".into()) }
    }
}

#[cfg(test)]
pub(crate) fn operations() -> Vec<crate::openapi::Operation> {
    use crate::openapi::Operation;
    let list = Operation::new("GET admin/api/selectuser", "Lists the users, 20 at a time");
    vec![list.query::<String>("after", "`nextAfter` of the page before").returns::<Body>()]
}
