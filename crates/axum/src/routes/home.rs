//! The account page, the default home page of a site.

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use crossauth_core::clock::Timestamp;
use crossauth_core::user::User;
use serde::Serialize;
use serde_json::Value;
use time::OffsetDateTime;

use super::HandlerResult;
use super::change_factor2::FactorSummary;
use super::profile;
use super::session::SessionEntry;
use crate::extract::CurrentUser;
use crate::next::NextPath;
use crate::page::{Audience, Page, Template, template};
use crate::request::RequestInfo;
use crate::response;
use crate::signup_field::SignupField;

/// The pages and forms of the account page that the option `endpoints` may leave out.
const PAGES: &[&str] = &[
    "updateuser",
    "changepassword",
    "deleteuser",
    "endsession",
    "endothersessions",
    "logout",
    "apikeys",
];

/// Variables of `account.html`.
#[derive(Serialize)]
pub(crate) struct AccountPage {
    next: &'static str,
    /// The day on which the account was created, in UTC.
    #[serde(rename = "memberSince")]
    member_since: Option<String>,
    facts: Vec<Fact>,
    /// The names of the pages and forms of the account that are not served.
    #[serde(rename = "missingPages")]
    missing_pages: Vec<&'static str>,
    /// Whether the page `updateuser` has any field.
    #[serde(rename = "detailsEditable")]
    details_editable: bool,
    /// Whether the account belongs to the directory.
    #[serde(rename = "isOfDirectory")]
    is_of_directory: bool,
    #[serde(flatten)]
    factor: FactorSummary,
    /// The path of the page, to return to.
    here: Option<NextPath>,
    sessions: Vec<SessionEntry>,
}

/// A fact about the account.
#[derive(Serialize)]
pub(super) struct Fact {
    pub(super) label: String,
    pub(super) value: String,
}

impl Fact {
    /// The fact for a field; `None` if the user has not set it.
    fn new(field: &SignupField, value: &Value) -> Option<Self> {
        let value = match value {
            Value::String(text) => {
                let chosen = field.choices.iter().find(|(choice, _)| choice == text);
                chosen.map_or(text, |(_, label)| label).clone()
            }
            Value::Bool(true) => "Yes".to_owned(),
            Value::Bool(false) => "No".to_owned(),
            Value::Number(number) => number.to_string(),
            Value::Null | Value::Array(_) | Value::Object(_) => return None,
        };
        (!value.is_empty()).then(|| Self { label: field.label.clone(), value })
    }
}

impl Page for AccountPage {
    const TEMPLATE: Template = template!("account.html");
    const AUDIENCE: Audience = Audience::LoggedIn;
    const REDIRECTS_TO_APPLICATION: bool = true;

    fn sample() -> Self {
        let fact = Fact { label: "Phone".into(), value: "+43 1 234".into() };
        let member_since = Some("1 March 2026".into());
        let factor = FactorSummary::sample();
        let (here, sessions) = (NextPath::parse("/").ok(), SessionEntry::samples());
        let (facts, missing_pages) = (vec![fact], Vec::new());
        let (next, details_editable, is_of_directory) = ("/after", true, true);
        Self {
            next,
            member_since,
            facts,
            missing_pages,
            details_editable,
            is_of_directory,
            factor,
            here,
            sessions,
        }
    }
}

/// `GET` the prefix
pub(crate) async fn show(info: RequestInfo, _: Request) -> HandlerResult {
    page(&info, info.require_user()?).await
}

async fn page(info: &RequestInfo, user: &User) -> HandlerResult {
    let fields = info.crossauth.config().signup_fields.iter();
    let facts = fields.filter_map(|field| Fact::new(field, user.extra.get(&field.name)?));
    let member_since = user.created.and_then(day);
    let facts = facts.collect();
    let factor = FactorSummary::of(info, user).await?;
    let here = info.uri.path_and_query().and_then(|path| NextPath::parse(path.as_str()).ok());
    let sessions = SessionEntry::all(info).await?;
    let can_change = info.crossauth.auth().can_change_password(user);
    let is_missing =
        |name: &&str| !info.crossauth.serves(name) || (*name == "changepassword" && !can_change);
    let missing_pages: Vec<_> = PAGES.iter().copied().filter(is_missing).collect();
    let is_any_editable = profile::editable_fields(info).next().is_some();
    let details_editable = is_any_editable && !missing_pages.contains(&"updateuser");
    Ok(response::page(
        info,
        &AccountPage {
            next: "",
            member_since,
            facts,
            missing_pages,
            details_editable,
            is_of_directory: info.crossauth.auth().is_of_directory(&user.factor1),
            factor,
            here,
            sessions,
        },
    ))
}

/// The day of a moment in UTC: `1 March 2026`.
pub(super) fn day(moment: Timestamp) -> Option<String> {
    let date = OffsetDateTime::from_unix_timestamp(moment.as_secs()).ok()?.date();
    Some(format!("{} {} {}", date.day(), date.month(), date.year()))
}

/// The account page, for an application without its own.
///
/// Anonymous visitors are redirected to the login page.
pub async fn account_page(user: CurrentUser) -> Response {
    page(user.info(), &user).await.into_response()
}
