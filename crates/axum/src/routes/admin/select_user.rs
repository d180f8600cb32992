//! `selectuser`, `api/selectuser`: the list of users, with search, filters and pages.

use std::collections::BTreeMap;

use axum::extract::Request;
use crossauth_core::account::Role;
use crossauth_core::error::ErrorCode;
use crossauth_core::storage::{UserPage, UserPosition, UserQuery};
use crossauth_core::user::{FactorName, User, UserState};
use serde::Serialize;
use url::form_urlencoded::Serializer;

use super::url_prefix;
use crate::failure::Failure;
use crate::next::{self, NextPath};
use crate::page::{Audience, Page, Template, sample_user, template};
use crate::request::{RequestInfo, Surface};
use crate::response;
use crate::routes::HandlerResult;
use crate::visible_user::AdminUser;

/// How many users a page has by default, and at most.
const TAKE: u32 = 10;
const MAX_TAKE: u32 = 100;

/// Variables of `admin/selectuser.html`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SelectUserPage {
    url_prefix: String,
    users: Vec<AdminUser>,
    /// The names of second factors for people.
    factor_names: BTreeMap<String, String>,
    search: String,
    state: String,
    /// `admin`, `user`, or empty for both.
    role: &'static str,
    /// The states by which the list can be filtered.
    states: Vec<UserState>,
    skip: u32,
    take: u32,
    have_previous: bool,
    have_next: bool,
    /// The paths of other pages of the list; absent where there are none.
    first_path: Option<String>,
    previous_path: Option<String>,
    next_path: Option<String>,
    last_path: Option<String>,
    next: Option<NextPath>,
}

/// The list in JSON.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
struct Body {
    users: Vec<AdminUser>,
    have_previous: bool,
    have_next: bool,
    /// `before` of the previous page, and `after` of the next one.
    previous: Option<String>,
    next: Option<String>,
}

/// The parameters of the query.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Wanted {
    search: String,
    state: String,
    role: Option<Role>,
    position: Position,
    take: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Position {
    First,
    Last,
    After(String),
    Before(String),
    Skip(u32),
}

/// `GET selectuser`, `GET api/selectuser`
pub(crate) async fn show(info: RequestInfo, _: Request) -> HandlerResult {
    let wanted = Wanted::read(&info)?;
    let UserPage { users, previous, next, unreadable: _ } =
        info.crossauth.auth().accounts.list(&wanted.query()).await?;
    let users: Vec<AdminUser> = users.into_iter().map(AdminUser).collect();
    let (have_previous, have_next) = (previous.is_some(), next.is_some());
    if info.surface == Surface::Api {
        let body = Body { users, have_previous, have_next, previous, next };
        return Ok(response::json_ok(&info, body));
    }
    let next_path = next::in_query(&info.uri);
    let path = |position: Position| {
        let query = Wanted { position, ..wanted.clone() }.to_query(next_path.as_ref());
        format!("{}selectuser{query}", url_prefix(&info))
    };
    let page = SelectUserPage {
        first_path: have_previous.then(|| path(Position::First)),
        previous_path: previous.map(|name| path(Position::Before(name))),
        next_path: next.map(|name| path(Position::After(name))),
        last_path: have_next.then(|| path(Position::Last)),
        url_prefix: url_prefix(&info),
        users,
        factor_names: factor_names(&info),
        role: wanted.role_name(),
        states: UserState::KNOWN.to_vec(),
        skip: if let Position::Skip(skip) = wanted.position { skip } else { 0 },
        take: wanted.take,
        have_previous,
        have_next,
        search: wanted.search,
        state: wanted.state,
        next: next_path.clone(),
    };
    Ok(response::page(&info, &page))
}

/// The second factors that are offered: their names for people.
fn factor_names(info: &RequestInfo) -> BTreeMap<String, String> {
    let offered = info.crossauth.auth().factors.offered().into_iter();
    let real = offered.filter(|factor| factor.name != FactorName::NONE);
    real.map(|factor| (factor.name, factor.friendly_name)).collect()
}

impl Wanted {
    fn read(info: &RequestInfo) -> Result<Self, Failure> {
        let text = |name: &str| info.query(name).unwrap_or_default().into_owned();
        let (mut skip, mut take) = (number(info, "skip")?, number(info, "take")?);
        // As upstream: a negative number is a page size.
        if let Some(negative) = skip.filter(|skip| *skip < 0) {
            (skip, take) = (Some(0), Some(negative.saturating_neg()));
        }
        let role = match &*text("role") {
            "" => None,
            "admin" => Some(Role::Administrator),
            "user" => Some(Role::User),
            _ => return Err(invalid("role")),
        };
        let (after, before) = (text("after"), text("before"));
        let position = match skip {
            _ if !after.is_empty() => Position::After(after),
            _ if !before.is_empty() => Position::Before(before),
            _ if info.query("last").is_some() => Position::Last,
            Some(skip) if skip > 0 => {
                Position::Skip(u32::try_from(skip).map_err(|_| invalid("skip"))?)
            }
            Some(_) | None => Position::First,
        };
        let take = take.map_or(TAKE, |take| u32::try_from(take).unwrap_or(MAX_TAKE));
        let take = take.clamp(1, MAX_TAKE);
        Ok(Self { search: text("search"), state: text("state"), role, position, take })
    }

    fn query(&self) -> UserQuery<'_> {
        UserQuery {
            search: Some(self.search.trim()).filter(|search| !search.is_empty()),
            state: Some(&*self.state).filter(|state| !state.is_empty()).map(UserState::from),
            role: self.role,
            position: match &self.position {
                Position::First => UserPosition::First,
                Position::Last => UserPosition::Last,
                Position::After(name) => UserPosition::After(name),
                Position::Before(name) => UserPosition::Before(name),
                Position::Skip(number) => UserPosition::Skip(*number),
            },
            limit: self.take,
        }
    }

    fn role_name(&self) -> &'static str {
        match self.role {
            None => "",
            Some(Role::Administrator) => "admin",
            Some(Role::User) => "user",
        }
    }

    /// The query of a link to this page of the list, with its `?`.
    fn to_query(&self, next: Option<&NextPath>) -> String {
        let mut query = Serializer::new(String::new());
        let (skip, take) = (self.skip().to_string(), self.take.to_string());
        let position = match &self.position {
            Position::First => ("", ""),
            Position::Last => ("last", "true"),
            Position::After(name) => ("after", name.as_str()),
            Position::Before(name) => ("before", name.as_str()),
            Position::Skip(_) => ("skip", skip.as_str()),
        };
        let take = if self.take == TAKE { "" } else { &*take };
        let next = next.map_or("", NextPath::as_str);
        let pairs = [
            ("search", self.search.as_str()),
            ("state", &self.state),
            ("role", self.role_name()),
            ("take", take),
            ("next", next),
            position,
        ];
        query.extend_pairs(pairs.into_iter().filter(|(_, value)| !value.is_empty()));
        let query = query.finish();
        if query.is_empty() { query } else { format!("?{query}") }
    }

    fn skip(&self) -> u32 {
        if let Position::Skip(skip) = self.position { skip } else { 0 }
    }
}

/// A whole number of the query.
fn number(info: &RequestInfo, name: &'static str) -> Result<Option<i64>, Failure> {
    let given = info.query(name).filter(|given| !given.is_empty());
    given.map(|given| given.parse().map_err(|_| invalid(name))).transpose()
}

fn invalid(name: &str) -> Failure {
    Failure::new(ErrorCode::BadRequest).message(format!("The parameter {name} is not valid"))
}

impl Page for SelectUserPage {
    const TEMPLATE: Template = template!("admin/selectuser.html");
    const AUDIENCE: Audience = Audience::LoggedIn;

    fn sample() -> Self {
        let path = |query: &str| Some(format!("/auth/admin/selectuser?{query}"));
        Self {
            url_prefix: "/auth/admin/".into(),
            users: vec![AdminUser(User { admin: false, ..sample_user() })],
            factor_names: BTreeMap::from([("totp".into(), "Authenticator app".into())]),
            search: "ad".into(),
            state: "active".into(),
            role: "user",
            states: UserState::KNOWN.to_vec(),
            skip: 0,
            take: TAKE,
            have_previous: true,
            have_next: true,
            first_path: path("search=ad"),
            previous_path: path("search=ad&before=ada"),
            next_path: path("search=ad&after=ada"),
            last_path: path("search=ad&last=true"),
            next: NextPath::parse("/after?a=b&c=d").ok(),
        }
    }
}

#[cfg(test)]
pub(super) fn operations() -> Vec<crate::openapi::Operation> {
    use crate::openapi::Operation;
    let list = Operation::new("GET admin/api/selectuser", "Lists users in any state, by name");
    vec![
        list.query::<String>("search", "How the name or the address begins")
            .query::<String>("state", "A state, such as `active`")
            .query::<String>("role", "`admin` or `user`")
            .query::<String>("after", "`next` of another page")
            .query::<String>("before", "`previous` of another page")
            .query::<String>("last", "Any text for the last page")
            .query::<i64>("skip", "The number of users to skip, at most 100000")
            .query::<i64>("take", "The number of users on a page, 1 to 100")
            .returns::<Body>()
            .fails([ErrorCode::BadRequest]),
    ]
}
