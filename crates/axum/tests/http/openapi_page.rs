//! The reference page of the JSON endpoints matches the OpenAPI document.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::documented::DOCUMENT;

const HEAD: &str = "\
# JSON endpoints

What the endpoints below `api/` take, return and fail with. This page is generated from the OpenAPI 3.1
document that a site serves at `GET api/openapi.json`, which is made from the types of the handlers
and the route table; a test checks that the page is up to date. [HTTP endpoints](http.md) says how the
endpoints work together.

The document of a site has only the endpoints that are enabled there, with the paths, names of cookies
and application fields of the site. `Crossauth::openapi()` returns it, for an application that merges
it with its own.

- A request is JSON, a form or multipart. Fields that are not required may be absent or null.
- *Token* means a CSRF token of `api/getcsrftoken`, in the header `X-CROSSAUTH-CSRF` or in the field
  `csrfToken`, and without a session its cookie. *Session* means the cookie of a logged-in user.
- A response has `\"ok\": true`, a failure is an [Error](#error) with one of these codes.
- Not repeated below: every endpoint may fail with 500 `UnknownError` and 503 `Connection`; one that
  needs a token with 401 `InvalidCsrf`, and with `BadRequest` for a body that is malformed (400), too
  slow (408), too large (413) or of another media type (415); one that needs a session with 401
  `Unauthorized`; one of administration also with 401 `InsufficientPriviledges`, and with `Expired` if
  the login is not [fresh](http.md#fresh-logins). Where API keys are enabled, a request with a key that
  is not accepted fails on every endpoint with an [ApiKeyFailure](#apikeyfailure): `InvalidKey` or
  `Expired` (401), `SlowDown` (429), or `BadRequest` (400) with the session of another user. 429 and 503
  have `Retry-After`.
";

#[test]
fn reference_page_is_that_of_the_document() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/openapi.md");
    let expected = page();
    if fs::read_to_string(&file).ok().as_ref() != Some(&expected) {
        let fresh = Path::new(env!("CARGO_TARGET_TMPDIR")).join("openapi.md");
        fs::write(&fresh, &expected).unwrap();
        panic!("docs/reference/openapi.md is stale: replace it with {}", fresh.display());
    }
}

fn page() -> String {
    let mut page = HEAD.to_owned();
    for (path, item) in members(&DOCUMENT["paths"]) {
        for (method, operation) in members(item) {
            write_operation(&mut page, &format!("{} {path}", method.to_uppercase()), operation);
        }
    }
    page.push_str("\n## Types\n");
    for (name, schema) in members(&DOCUMENT["components"]["schemas"]) {
        if !name.ends_with("Form") {
            writeln!(page, "\n### {name}\n").unwrap();
            write_schema(&mut page, "member", schema);
        }
    }
    page
}

fn write_operation(page: &mut String, name: &str, operation: &Value) {
    let summary = operation["summary"].as_str().unwrap();
    writeln!(page, "\n## `{name}`\n\n{summary}.{}", needs(operation)).unwrap();
    let content = &operation["requestBody"]["content"]["application/json"]["schema"];
    if let Some(form) = content["$ref"].as_str() {
        page.push('\n');
        write_schema(page, "field", DOCUMENT.pointer(form.trim_start_matches('#')).unwrap());
    }
    let returned = &operation["responses"]["200"]["content"]["application/json"]["schema"];
    let alternatives = match returned["anyOf"].as_array() {
        Some(alternatives) => alternatives.iter().collect(),
        None => vec![returned],
    };
    for (index, schema) in alternatives.into_iter().filter(|it| !it.is_null()).enumerate() {
        let or = if index == 0 { "Returns" } else { "Or" };
        if let Some(reference) = schema["$ref"].as_str() {
            writeln!(page, "\n{or}: {}", link(reference)).unwrap();
        } else if members(&schema["properties"]).all(|(name, _)| name == "ok") {
            writeln!(page, "\n{or}: nothing else").unwrap();
        } else {
            writeln!(page, "\n{or}:\n").unwrap();
            write_schema(page, "member", schema);
        }
    }
    let failures = members(&operation["responses"]).filter_map(|it| failure(it, needs(operation)));
    let failures = failures.collect::<Vec<_>>();
    if !failures.is_empty() {
        writeln!(page, "\nFails: {}", failures.join("; ")).unwrap();
    }
}

fn needs(operation: &Value) -> &'static str {
    let security = operation["security"].to_string();
    if operation["responses"]["401"].to_string().contains("InsufficientPriviledges") {
        let with_token = security.contains("csrf");
        return if with_token {
            " *Administrator*, *Session*, *token*"
        } else {
            " *Administrator*, *Session*"
        };
    }
    match (security.contains("csrfCookie"), security.contains("csrf"), security.contains("session"))
    {
        (true, _, _) => " *Token*",
        (false, true, _) => " *Session*, *token*",
        (false, false, true) => " *Session*",
        (false, false, false) => "",
    }
}

/// `401 InvalidToken, Expired`, without what the head of the page says of all endpoints.
fn failure((status, response): (&String, &Value), needs: &str) -> Option<String> {
    let schema = &response["content"]["application/json"]["schema"];
    let code = &schema["allOf"][1]["properties"]["errorCodeName"];
    // Otherwise only with an API key.
    let own = code["enum"].as_array().or_else(|| code["anyOf"][0]["enum"].as_array());
    let codes = own?.iter();
    let is_common = |code: &str| match (&**status, code) {
        ("500" | "503", _) | ("400" | "408" | "413" | "415", "BadRequest") => true,
        ("401", "InvalidCsrf") => needs.contains("oken"),
        ("401", "Unauthorized") => needs.contains("Session"),
        ("401", "InsufficientPriviledges" | "Expired") => needs.contains("Administrator"),
        _ => false,
    };
    let codes = codes.filter_map(Value::as_str).filter(|code| !is_common(code));
    let codes = codes.map(|code| format!("`{code}`")).collect::<Vec<_>>();
    (!codes.is_empty()).then(|| format!("{status} {}", codes.join(", ")))
}

/// A table of the members of an object, or a line.
fn write_schema(page: &mut String, what: &str, schema: &Value) {
    if schema["properties"].is_null() {
        writeln!(page, "{}", type_of(schema)).unwrap();
        return;
    }
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    writeln!(page, "| {what} | type | |\n|---|---|---|").unwrap();
    for (name, member) in members(&schema["properties"]).filter(|(name, _)| *name != "ok") {
        let kind = type_of(member);
        let need = if required.contains(&Value::from(&**name)) { "" } else { ", optional" };
        let description = member["description"].as_str().unwrap_or_default();
        writeln!(page, "| `{name}` | {kind}{need} | {description} |").unwrap();
    }
    for reference in schema["allOf"].as_array().into_iter().flatten() {
        let link = link(reference["$ref"].as_str().unwrap());
        writeln!(page, "\nwith the members of {link}").unwrap();
    }
}

fn type_of(schema: &Value) -> String {
    if let Some(reference) = schema["$ref"].as_str() {
        return link(reference);
    }
    if let Some(alternatives) = schema["anyOf"].as_array() {
        return alternatives.iter().map(type_of).collect::<Vec<_>>().join(" or ");
    }
    if !schema["items"].is_null() {
        return format!("array of {}", type_of(&schema["items"]));
    }
    let types = match (schema["type"].as_str(), schema["type"].as_array()) {
        (Some(name), _) => vec![name],
        (None, Some(names)) => names.iter().filter_map(Value::as_str).collect(),
        (None, None) => vec![if schema["const"] == "" { "empty text" } else { "any" }],
    };
    if let Some(values) = schema["enum"].as_array() {
        let values = values.iter().map(|value| format!("`{}`", value.as_str().unwrap()));
        return values.collect::<Vec<_>>().join(" or ");
    }
    match schema["format"].as_str() {
        Some(format) => format!("{} ({format})", types.join(" or ")),
        None => types.join(" or "),
    }
}

fn link(reference: &str) -> String {
    let name = reference.rsplit('/').next().unwrap();
    format!("[{name}](#{})", name.to_lowercase())
}

/// The members of an object, in the order of their names with or without the feature `preserve_order`
/// of `serde_json`, which a dependency of another crate may turn on.
fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten().collect::<BTreeMap<_, _>>().into_iter()
}
