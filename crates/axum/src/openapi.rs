//! The OpenAPI 3.1 document of the JSON endpoints of a site.
//!
//! Path, method and access come from the route table, so a route that is disabled is absent. The
//! schemas of requests and responses are in `openapi/operations.json`, which a test makes from the
//! types that the handlers deserialize and serialize (`describe.rs`): programs that embed
//! Crossauth compile neither a generator nor derived code.
//!
//! To document one more endpoint, add it to `operations()` beside its handler, derive `JsonSchema`
//! for its types in tests, and run the test, which says how to replace the file.

#[cfg(test)]
mod describe;
mod field;
#[cfg(test)]
mod schema;

use std::collections::{BTreeMap, BTreeSet};

use axum::body::Bytes;
use crossauth_core::error::ErrorCode;
use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::crossauth::Crossauth;
use crate::request::Surface;
use crate::routes::{Route, Scope};

#[cfg(test)]
pub(crate) use describe::Operation;
#[cfg(test)]
pub(crate) use schema::{ChangedUser, FactorShown, Id};

/// What the handlers take and return, made from their types.
const OPERATIONS: &str = include_str!("openapi/operations.json");

/// The media types of a request.
const MEDIA_TYPES: [&str; 3] =
    ["application/json", "application/x-www-form-urlencoded", "multipart/form-data"];

/// The codes of a request whose API key is not accepted, on every route.
const KEY_FAILURE: &str = "ApiKeyFailure";

/// The failures of a request with an API key: invalid, expired, tried too often, or together with
/// the session of another user.
const KEY_FAILURES: [(StatusCode, ErrorCode); 4] = [
    (StatusCode::BAD_REQUEST, ErrorCode::BadRequest),
    (StatusCode::UNAUTHORIZED, ErrorCode::InvalidKey),
    (StatusCode::UNAUTHORIZED, ErrorCode::Expired),
    (StatusCode::TOO_MANY_REQUESTS, ErrorCode::SlowDown),
];

/// The JSON of a request that must be confirmed with the second factor.
const FACTOR_REQUIRED: &str = "FactorRequired";

const DESCRIPTION: &str = "Accounts, sessions and second factors. Every response is an object with \
    `ok`; a failure has `errorCodeName` and messages for people. Requests that change something \
    need a token of `api/getcsrftoken` in the header or, as `csrfToken`, in the body.";

/// The content of `operations.json`.
#[derive(Deserialize)]
struct Described {
    operations: BTreeMap<String, Description>,
    schemas: Map<String, Value>,
}

/// What the route table does not say about an endpoint.
#[derive(Deserialize)]
struct Description {
    summary: String,
    /// The name of the schema of the request.
    takes: Option<String>,
    /// The schemas of the response.
    returns: Vec<Value>,
    /// The names of the error codes by HTTP status, except those that follow from the route.
    #[serde(default)]
    fails: BTreeMap<u16, BTreeSet<String>>,
    /// The schemas of the parameters of the query.
    #[serde(default)]
    query: BTreeMap<String, Value>,
    /// Whether the handler itself may demand the second factor.
    #[serde(default)]
    demands_factor: bool,
}

impl Crossauth {
    /// The text of the document, which is made once.
    pub(crate) fn openapi_text(&self) -> Bytes {
        self.openapi_cache().get_or_init(|| self.openapi().to_string().into()).clone()
    }

    /// The OpenAPI 3.1 document of our JSON endpoints, as served at `api/openapi.json`, for
    /// documentation, generators of clients, and applications that merge it with their own.
    ///
    /// ```
    /// # fn example(crossauth: &crossauth_axum::Crossauth) {
    /// let document = crossauth.openapi();
    /// assert_eq!(document["openapi"], "3.1.0");
    /// assert!(document["paths"]["/api/login"]["post"].is_object());
    /// # }
    /// ```
    pub fn openapi(&self) -> Value {
        // A test reads the file, so it is valid.
        let described = serde_json::from_str(OPERATIONS);
        let Ok(Described { mut operations, mut schemas }) = described else { return Value::Null };
        field::add(self, &mut schemas);
        if self.auth().api_keys.config().enabled {
            schemas.insert(KEY_FAILURE.to_owned(), key_failure());
        }
        let mut paths = Map::new();
        for route in self.routes_in(Scope::Application).filter(|it| it.surface() == Surface::Api) {
            let Some(description) = operations.remove(&route.operation()) else { continue };
            let path = paths.entry(self.path_of(route)).or_insert_with(|| json!({}));
            path[route.method.as_str().to_ascii_lowercase()] = operation(self, route, description);
        }
        let config = self.config();
        json!({
            "openapi": "3.1.0",
            "info": {
                "title": config.site_name,
                "version": env!("CARGO_PKG_VERSION"),
                "description": DESCRIPTION,
            },
            "servers": [{ "url": config.base_url.as_str() }],
            "paths": paths,
            "components": {
                "schemas": schemas,
                "headers": {
                    "RetryAfter": {
                        "description": "Seconds until the request may be repeated.",
                        "required": true,
                        "schema": { "type": "integer", "minimum": 0 },
                    },
                },
                "securitySchemes": security_schemes(self),
            },
        })
    }
}

fn operation(crossauth: &Crossauth, route: &Route, description: Description) -> Value {
    let Description { summary, takes, mut returns, mut fails, query, demands_factor } = description;
    let has_factors = crossauth.auth().factors.any();
    let may_need_factor = has_factors && (demands_factor || route.may_need_factor(crossauth));
    let has_keys = crossauth.auth().api_keys.config().enabled;
    for (status, code) in common_failures(route, may_need_factor, has_keys) {
        fails.entry(status.as_u16()).or_default().insert(code.name().to_owned());
    }
    if has_keys {
        for (status, _) in KEY_FAILURES {
            fails.entry(status.as_u16()).or_default();
        }
    }
    if may_need_factor {
        returns.push(reference(FACTOR_REQUIRED));
    }
    let mut responses = Map::new();
    if !returns.is_empty() {
        responses.insert("200".to_owned(), response("Success", &any_of(returns)));
    }
    for (status, codes) in fails {
        let may_be_of_key = has_keys && KEY_FAILURES.iter().any(|it| it.0.as_u16() == status);
        responses.insert(status.to_string(), failure(status, &codes, may_be_of_key));
    }
    let mut operation = json!({
        "operationId": operation_id(route),
        "summary": summary,
        "security": security(crossauth, route),
        "responses": responses,
    });
    if let Some(schema) = takes {
        let media_type = |name: &str| (name.to_owned(), json!({ "schema": reference(&schema) }));
        let content: Map<String, Value> = MEDIA_TYPES.into_iter().map(media_type).collect();
        operation["requestBody"] = json!({ "content": content });
    }
    let parameters = parameters(route, query);
    if !parameters.is_empty() {
        operation["parameters"] = parameters.into();
    }
    operation
}

/// The parameters of path and query.
fn parameters(route: &Route, query: BTreeMap<String, Value>) -> Vec<Value> {
    let in_path = route.path.split_once('{').map(|(_, name)| {
        let (name, schema) =
            (name.trim_end_matches('}'), json!({ "type": "string", "minLength": 1 }));
        json!({ "name": name, "in": "path", "required": true, "schema": schema })
    });
    let in_query = |(name, schema)| json!({ "name": name, "in": "query", "schema": schema });
    in_path.into_iter().chain(query.into_iter().map(in_query)).collect()
}

/// A name for generators of clients: `post_login`, `get_admin_selectuser`.
fn operation_id(route: &Route) -> String {
    let name = route.operation().to_ascii_lowercase().replace("api/", "");
    let words = name.split('/').take_while(|word| !word.starts_with('{')).collect::<Vec<_>>();
    words.join("_").replace([' ', '.'], "_")
}

/// The failures that follow from the method of a route, its access and its second factor.
fn common_failures(
    route: &Route,
    may_need_factor: bool,
    has_keys: bool,
) -> Vec<(StatusCode, ErrorCode)> {
    let mut failures = vec![
        (StatusCode::INTERNAL_SERVER_ERROR, ErrorCode::UnknownError),
        (StatusCode::SERVICE_UNAVAILABLE, ErrorCode::Connection),
    ];
    if route.access().needs_user() {
        failures.push((StatusCode::UNAUTHORIZED, ErrorCode::Unauthorized));
    }
    if route.access().needs_admin() {
        failures.extend([
            (StatusCode::UNAUTHORIZED, ErrorCode::InsufficientPriviledges),
            // The login is not fresh.
            (StatusCode::UNAUTHORIZED, ErrorCode::Expired),
        ]);
    }
    if route.method == Method::POST {
        // A cross-site request is refused on every route.
        failures.push((StatusCode::UNAUTHORIZED, ErrorCode::InvalidCsrf));
    }
    if route.access().needs_csrf_token() {
        failures.extend([
            (StatusCode::BAD_REQUEST, ErrorCode::BadRequest),
            (StatusCode::REQUEST_TIMEOUT, ErrorCode::BadRequest),
            (StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::BadRequest),
            (StatusCode::UNSUPPORTED_MEDIA_TYPE, ErrorCode::BadRequest),
        ]);
    }
    if has_keys && route.access().accepts_keys() {
        failures.push((StatusCode::FORBIDDEN, ErrorCode::InsufficientScope));
    }
    if may_need_factor {
        failures.extend([
            (StatusCode::UNAUTHORIZED, ErrorCode::InvalidToken),
            (StatusCode::UNAUTHORIZED, ErrorCode::Expired),
            (StatusCode::UNAUTHORIZED, ErrorCode::Unauthorized),
            (StatusCode::FORBIDDEN, ErrorCode::Factor2ResetNeeded),
            (StatusCode::FORBIDDEN, ErrorCode::UserNotActive),
            (StatusCode::TOO_MANY_REQUESTS, ErrorCode::SlowDown),
        ]);
    }
    failures
}

/// The alternatives of which a request needs one.
fn security(crossauth: &Crossauth, route: &Route) -> Value {
    if route.access().accepts_keys() && crossauth.auth().api_keys.config().enabled {
        return json!([{ "session": [], "csrf": [] }, { "apiKey": [] }]);
    }
    match (route.access().needs_user(), route.access().needs_csrf_token()) {
        (false, false) => json!([]),
        (true, false) => json!([{ "session": [] }]),
        (true, true) => json!([{ "session": [], "csrf": [] }]),
        (false, true) => json!([{ "csrfCookie": [], "csrf": [] }, { "session": [], "csrf": [] }]),
    }
}

fn security_schemes(crossauth: &Crossauth) -> Value {
    let config = crossauth.config();
    let scheme = |place: &str, name: &str, description: &str| json!({ "type": "apiKey", "in": place, "name": name, "description": description });
    json!({
        "session": scheme("cookie", &config.session_cookie.name, "Set by a login."),
        "csrfCookie": scheme(
            "cookie",
            &config.csrf_cookie.name,
            "Set by `api/getcsrftoken`, for requests without a session.",
        ),
        "apiKey": scheme(
            "header",
            "Authorization",
            &format!("`{} ` and the token of a key.", crossauth.auth().api_keys.config().scheme),
        ),
        "csrf": scheme(
            "header",
            config.csrf_header.as_str(),
            "The token of `api/getcsrftoken`. It may be the member `csrfToken` of the body instead.",
        ),
    })
}

fn reference(schema: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{schema}") })
}

fn any_of(mut schemas: Vec<Value>) -> Value {
    match schemas.len() {
        1 => schemas.remove(0),
        _ => json!({ "anyOf": schemas }),
    }
}

fn response(description: &str, schema: &Value) -> Value {
    let content = json!({ "application/json": { "schema": schema } });
    json!({ "description": description, "content": content })
}

/// The schema of the codes for an API key.
fn key_failure() -> Value {
    let codes: BTreeSet<&str> = KEY_FAILURES.iter().map(|(_, code)| code.name()).collect();
    json!({
        "type": "string",
        "description": "Why a request with an API key is refused, on every route.",
        "enum": codes,
    })
}

/// A failure with one of these codes, or one for an API key.
fn failure(status: u16, codes: &BTreeSet<String>, may_be_of_key: bool) -> Value {
    let reason = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    let own = (!codes.is_empty()).then(|| json!({ "enum": codes }));
    let of_key = may_be_of_key.then(|| reference(KEY_FAILURE));
    let code = any_of(own.into_iter().chain(of_key).collect());
    let schema = json!({
        "allOf": [reference("Error"), { "properties": { "errorCodeName": code } }],
    });
    let mut failure = response(reason.unwrap_or_default(), &schema);
    if matches!(status, 429 | 503) {
        failure["headers"] =
            json!({ "Retry-After": { "$ref": "#/components/headers/RetryAfter" } });
    }
    failure
}
