//! `audit`, `api/audit`: the audit log, with filters and pages.

mod download;

use std::collections::BTreeMap;

use axum::extract::Request;
use crossauth_core::audit::{Act, AuditEntry};
use crossauth_core::clock::Timestamp;
use crossauth_core::error::ErrorCode;
use crossauth_core::storage::AuditFilter;
use crossauth_core::user::UserId;
use serde::Serialize;
use serde_json::{Map, Value};
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Date, OffsetDateTime};
use url::form_urlencoded::Serializer;

use super::url_prefix;
use crate::failure::Failure;
use crate::page::{Audience, Page, Template, template};
use crate::request::{RequestInfo, Surface};
use crate::response;
use crate::routes::HandlerResult;

pub(crate) use download::{csv, json_lines};

/// How many events a page has by default, and at most.
const TAKE: u32 = 50;
const MAX_TAKE: u32 = 500;

/// An event in JSON, as `crossauth audit list` prints it.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(super) struct AuditEventBody {
    id: String,
    #[cfg_attr(test, schemars(extend("format" = "date-time")))]
    time: Option<String>,
    act: String,
    /// `user`, `apikey`, `anonymous`, `operator`, `system` or `application`.
    actor: &'static str,
    /// The user who acts, or owns the API key.
    #[cfg_attr(test, schemars(with = "Option<crate::openapi::Id>"))]
    actor_id: Option<UserId>,
    /// The id of the API key, or the name of the operator.
    actor_name: Option<String>,
    /// Of the actor: `username`, `address`, `userAgent`.
    origin: Map<String, Value>,
    /// The account that the event is about.
    #[cfg_attr(test, schemars(with = "Option<crate::openapi::Id>"))]
    userid: Option<UserId>,
    /// Of that account: `username` and others.
    about: Map<String, Value>,
    request_id: Option<String>,
    detail: Map<String, Value>,
}

/// An event on a page.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EventEntry {
    /// In UTC: `2026-01-01 00:00:00`.
    time: String,
    act: String,
    /// Who acted, by name if it is known.
    actor: String,
    actor_id: Option<UserId>,
    /// The account that it is about, by name if it is known.
    account: Option<String>,
    userid: Option<UserId>,
    address: Option<String>,
    request_id: Option<String>,
    detail: String,
}

/// Variables of `admin/audit.html`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AuditPage {
    url_prefix: String,
    events: Vec<EventEntry>,
    /// The filter as it was typed: of `user`, the name is `account`.
    account: String,
    act: String,
    from: String,
    until: String,
    request: String,
    /// The names of all acts of Crossauth.
    acts: Vec<&'static str>,
    /// The path of the first page; absent on that page.
    first_path: Option<String>,
    /// The path of the page with older events; absent on the last page.
    next_path: Option<String>,
    csv_path: String,
    json_lines_path: String,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Body {
    events: Vec<AuditEventBody>,
    /// `after` of the page with older events.
    next: Option<String>,
}

/// The parameters of the query.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Wanted {
    user: String,
    act: String,
    from: String,
    until: String,
    request: String,
}

/// `GET audit`, `GET api/audit`
pub(crate) async fn show(info: RequestInfo, _: Request) -> HandlerResult {
    let wanted = Wanted::read(&info);
    let filter = wanted.filter(&info).await?;
    let take = take(&info)?;
    let after = info.query("after").filter(|after| is_id(after));
    let audit = &info.crossauth.auth().audit;
    let events = audit.list(&filter, after.as_deref(), take).await?;
    let is_full = u32::try_from(events.len()) == Ok(take);
    let next = events.last().filter(|_| is_full).map(|event| event.id.clone());
    if info.surface == Surface::Api {
        let events = events.into_iter().map(AuditEventBody::from).collect();
        return Ok(response::json_ok(&info, Body { events, next }));
    }
    let path = |name: &str, after: Option<&str>| {
        format!("{}{name}{}", url_prefix(&info), wanted.to_query(after))
    };
    let page = AuditPage {
        url_prefix: url_prefix(&info),
        events: events.iter().map(EventEntry::from).collect(),
        acts: Act::ALL.iter().map(Act::as_str).collect(),
        first_path: after.is_some().then(|| path("audit", None)),
        next_path: next.map(|next| path("audit", Some(&next))),
        csv_path: path("audit.csv", None),
        json_lines_path: path("audit.jsonl", None),
        account: wanted.user,
        act: wanted.act,
        from: wanted.from,
        until: wanted.until,
        request: wanted.request,
    };
    Ok(response::page(&info, &page))
}

/// The latest events about an account, or in which it acts.
pub(super) async fn latest(
    info: &RequestInfo,
    user: &UserId,
    limit: u32,
) -> Result<Vec<EventEntry>, Failure> {
    let filter = AuditFilter { user: Some(user.clone()), ..AuditFilter::default() };
    let events = info.crossauth.auth().audit.list(&filter, None, limit).await?;
    Ok(events.iter().map(EventEntry::from).collect())
}

/// An id of an event is of letters and digits; no event has another one.
fn is_id(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
}

fn take(info: &RequestInfo) -> Result<u32, Failure> {
    let given = info.query("take").filter(|take| !take.is_empty());
    let take = given.map(|take| take.parse::<u32>()).transpose().map_err(|_| invalid("take"))?;
    Ok(take.unwrap_or(TAKE).clamp(1, MAX_TAKE))
}

impl Wanted {
    fn read(info: &RequestInfo) -> Self {
        let text = |name: &str| info.query(name).unwrap_or_default().trim().to_owned();
        Self {
            user: text("user"),
            act: text("act"),
            from: text("from"),
            until: text("until"),
            request: text("request"),
        }
    }

    /// The filter. An account is named by its username, its address, or its id.
    async fn filter(&self, info: &RequestInfo) -> Result<AuditFilter, Failure> {
        for text in [&self.user, &self.act, &self.request] {
            if text.contains('\0') {
                return Err(invalid("text"));
            }
        }
        let user = match &*self.user {
            "" => None,
            name => Some(match info.crossauth.auth().accounts.find_id(name).await? {
                Some(id) => id,
                None => match name.parse() {
                    Ok(number) => UserId::Integer(number),
                    Err(_) => UserId::Text(name.to_owned()),
                },
            }),
        };
        let given = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        let time = |text: &str, name, end| match text {
            "" => Ok(None),
            text => parse_time(text, end).map(Some).ok_or_else(|| invalid(name)),
        };
        Ok(AuditFilter {
            user,
            act: given(&self.act),
            from: time(&self.from, "from", DayEnd::First)?,
            until: time(&self.until, "until", DayEnd::Last)?,
            request_id: given(&self.request),
        })
    }

    /// The query of a link to this page of the log, with its `?`.
    fn to_query(&self, after: Option<&str>) -> String {
        let pairs = [
            ("user", &*self.user),
            ("act", &self.act),
            ("from", &self.from),
            ("until", &self.until),
            ("request", &self.request),
            ("after", after.unwrap_or_default()),
        ];
        let mut query = Serializer::new(String::new());
        query.extend_pairs(pairs.into_iter().filter(|(_, value)| !value.is_empty()));
        let query = query.finish();
        if query.is_empty() { query } else { format!("?{query}") }
    }
}

/// Which moment a day stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DayEnd {
    First,
    Last,
}

/// A time as RFC 3339, or a day in UTC: its beginning, or the beginning of the next one.
fn parse_time(text: &str, end: DayEnd) -> Option<Timestamp> {
    let day = Date::parse(text, format_description!("[year]-[month]-[day]"));
    let time = match day {
        Ok(day) if end == DayEnd::Last => day.next_day().unwrap_or(day).midnight().assume_utc(),
        Ok(day) => day.midnight().assume_utc(),
        Err(_) => OffsetDateTime::parse(text, &Rfc3339).ok()?,
    };
    let millis = time.unix_timestamp_nanos().div_euclid(1_000_000);
    Some(Timestamp::from_millis(i64::try_from(millis).ok()?))
}

fn invalid(name: &str) -> Failure {
    Failure::new(ErrorCode::BadRequest).message(format!("The parameter {name} is not valid"))
}

impl From<AuditEntry> for AuditEventBody {
    fn from(entry: AuditEntry) -> Self {
        Self {
            time: entry.created.to_rfc3339(),
            act: entry.act.as_str().to_owned(),
            actor: entry.actor.kind(),
            actor_id: entry.actor.user().cloned(),
            actor_name: entry.actor.name().map(str::to_owned),
            origin: entry.origin.data(),
            about: entry.about.data(),
            id: entry.id,
            userid: entry.userid,
            request_id: entry.request_id,
            detail: entry.detail,
        }
    }
}

impl From<&AuditEntry> for EventEntry {
    fn from(entry: &AuditEntry) -> Self {
        let (id, name) = (entry.actor.user(), entry.actor.name());
        let id = || id.map(|id| format!("user {id}"));
        let named = || name.map(|name| format!("{} {name}", entry.actor.kind()));
        let actor = entry.origin.get("username").or_else(named).or_else(id);
        // Of an act on the own account, the name may be recorded once.
        let is_self = entry.userid.is_some() && entry.actor.user() == entry.userid.as_ref();
        let own = || entry.origin.get("username").filter(|_| is_self);
        let account = entry.about.get("username").or_else(own);
        let time = entry.created.to_rfc3339().unwrap_or_default();
        Self {
            time: time.trim_end_matches('Z').replace('T', " "),
            act: entry.act.as_str().to_owned(),
            actor: actor.unwrap_or_else(|| entry.actor.kind().to_owned()),
            actor_id: entry.actor.user().cloned(),
            account: account.or_else(|| entry.userid.as_ref().map(|id| format!("user {id}"))),
            userid: entry.userid.clone(),
            address: entry.origin.get("address"),
            request_id: entry.request_id.clone(),
            detail: in_words(&entry.detail),
        }
    }
}

/// Details as `name: value, …`, in the order of their names, without those that are empty.
fn in_words(detail: &Map<String, Value>) -> String {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    // Not that of the map, which depends on a feature of `serde_json`.
    let detail: BTreeMap<_, _> = detail.iter().collect();
    let words = detail.into_iter().filter_map(|(name, value)| {
        let value = match value {
            Value::Null => return None,
            Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(" "),
            Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => text(value),
        };
        (!value.is_empty()).then(|| format!("{name}: {value}"))
    });
    words.collect::<Vec<_>>().join(", ")
}

impl EventEntry {
    pub(super) fn sample() -> Self {
        Self {
            time: "2026-03-01 14:05:09".into(),
            act: "user.disabled".into(),
            actor: "ada".into(),
            actor_id: Some(UserId::Integer(1)),
            account: Some("bob".into()),
            userid: Some(UserId::Integer(2)),
            address: Some("203.0.113.9".into()),
            request_id: Some("0000000000000007".into()),
            detail: "state: disabled".into(),
        }
    }
}

impl Page for AuditPage {
    const TEMPLATE: Template = template!("admin/audit.html");
    const AUDIENCE: Audience = Audience::LoggedIn;

    fn sample() -> Self {
        Self {
            url_prefix: "/auth/admin/".into(),
            events: vec![EventEntry::sample()],
            account: "bob".into(),
            act: "user.".into(),
            from: "2026-03-01".into(),
            until: "2026-03-02".into(),
            request: "0000000000000007".into(),
            acts: Act::ALL.iter().map(Act::as_str).collect(),
            first_path: Some("/auth/admin/audit?user=bob".into()),
            next_path: Some("/auth/admin/audit?user=bob&after=1".into()),
            csv_path: "/auth/admin/audit.csv?user=bob".into(),
            json_lines_path: "/auth/admin/audit.jsonl?user=bob".into(),
        }
    }
}

#[cfg(test)]
pub(super) fn operations() -> Vec<crate::openapi::Operation> {
    use crate::openapi::Operation;
    vec![
        Operation::new("GET admin/api/audit", "Lists events of the audit log, the newest first")
            .query::<String>("user", "Name, address or id of the account that acts or is acted on")
            .query::<String>("act", "An act such as `login.failed`, or how it begins: `login.`")
            .query::<String>("from", "A day or a time, such as `2026-01-31`")
            .query::<String>("until", "A day, which is included, or a time, which is not")
            .query::<String>("request", "The id of a request")
            .query::<String>("after", "`next` of another page")
            .query::<i64>("take", "The number of events on a page, 1 to 500")
            .returns::<Body>()
            .fails([ErrorCode::BadRequest]),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn details_are_shown_in_words_without_empty_ones() {
        let detail = serde_json::json!({"key": "k1", "scope": [], "fields": ["a", "b"], "last": null,
            "admin": true});
        assert_eq!(in_words(detail.as_object().unwrap()), "admin: true, fields: a b, key: k1");
    }

    #[test]
    fn days_and_times_are_parsed() {
        let text = |text, end| parse_time(text, end).and_then(Timestamp::to_rfc3339);
        let at = |time: &str| Some(time.to_owned());
        assert_eq!(text("2026-02-28", DayEnd::First), at("2026-02-28T00:00:00Z"));
        assert_eq!(text("2026-02-28", DayEnd::Last), at("2026-03-01T00:00:00Z"));
        assert_eq!(text("2026-02-28T10:00:00+02:00", DayEnd::Last), at("2026-02-28T08:00:00Z"));
        for bad in ["", "28.2.2026", "2026-02-30", "2026-02-28 10:00", "now"] {
            assert_eq!(text(bad, DayEnd::First), None, "{bad}");
        }
    }
}
