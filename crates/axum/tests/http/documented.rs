//! Compares responses with the OpenAPI document, for every request that a test sends.

use std::sync::LazyLock;

use crossauth_axum::ProtectedEndpoints;
use crossauth_core::api_key::ApiKeyConfig;
use http::Method;
use serde_json::Value;

use crate::browser::TestResponse;
use crate::factor::factors;
use crate::site::Site;

/// The document of a site with all features, and with an endpoint that demands the second factor
/// only if it is listed.
pub(crate) static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    let mut listed = ProtectedEndpoints::default();
    listed.apis.push("/api/logout".into());
    let site = Site::with(|site| {
        let site =
            site.admin_endpoints().preview_messages().factors(factors(&[])).login_redirect("/home");
        let keys = ApiKeyConfig { enabled: true, ..ApiKeyConfig::default() };
        site.protected_endpoints(listed).api_keys(keys)
    });
    site.crossauth.openapi()
});

/// Asserts that the document has the status and the body of a response, if it is of an endpoint in
/// it. `path` is relative to the prefix.
#[track_caller]
pub(crate) fn assert_documented(method: &Method, path: &str, response: &TestResponse) {
    let Some(operation) = operation(method, path) else { return };
    let (status, body) = (response.status, &response.body);
    // The endpoint is not served, or the application has another one at its path.
    if status == 404 && (body.is_empty() || body.contains("There is nothing at this address")) {
        return;
    }
    let what = || format!("{method} {path}: {status} {body}");
    let documented = &operation["responses"][status.as_str()];
    assert!(documented.is_object(), "status is not documented: {}", what());
    let json = response.header("content-type");
    assert_eq!(json, Some("application/json; charset=utf-8"), "{}", what());
    let schema = &documented["content"]["application/json"]["schema"];
    if let Err(problem) = conforms(&response.json(), schema) {
        panic!("{problem}, unlike documented: {}", what());
    }
    for header in documented["headers"].as_object().into_iter().flatten().map(|(name, _)| name) {
        assert!(response.header(header).is_some(), "no {header}: {}", what());
    }
}

fn operation(method: &Method, path: &str) -> Option<&'static Value> {
    let path = format!("/{path}");
    let mut paths = DOCUMENT["paths"].as_object()?.iter();
    let (_, item) = paths.find(|(template, _)| matches(template, &path))?;
    item.get(method.as_str().to_ascii_lowercase())
}

fn matches(template: &str, path: &str) -> bool {
    match template.split_once('{') {
        None => template == path,
        Some((start, _)) => {
            path.strip_prefix(start).is_some_and(|rest| !rest.is_empty() && !rest.contains('/'))
        }
    }
}

/// Whether a value conforms to a schema, in the part of JSON Schema that the document uses.
pub(crate) fn conforms(value: &Value, schema: &Value) -> Result<(), String> {
    for (keyword, rule) in schema.as_object().ok_or("the schema is not an object")? {
        let ok = match keyword.as_str() {
            "$ref" => {
                let name = rule.as_str().unwrap().strip_prefix("#/components/schemas/").unwrap();
                conforms(value, &DOCUMENT["components"]["schemas"][name])?;
                true
            }
            "const" => value == rule,
            "enum" => rule.as_array().unwrap().contains(value),
            "type" => match rule.as_array() {
                Some(types) => types.iter().any(|it| is_a(value, it.as_str().unwrap())),
                None => is_a(value, rule.as_str().unwrap()),
            },
            "required" => rule.as_array().unwrap().iter().all(|it| has(value, it)),
            "properties" => {
                for (name, schema) in rule.as_object().unwrap() {
                    let member = value.get(name);
                    member.map_or(Ok(()), |member| conforms(member, schema))?;
                }
                true
            }
            "additionalProperties" if rule.is_boolean() => *rule == Value::Bool(true),
            "additionalProperties" => {
                let mut members = value.as_object().into_iter().flatten();
                members.try_for_each(|(_, member)| conforms(member, rule))?;
                true
            }
            "items" => {
                let mut items = value.as_array().into_iter().flatten();
                items.try_for_each(|item| conforms(item, rule))?;
                true
            }
            "minItems" => value.as_array().map(|it| it.len() as u64) >= rule.as_u64(),
            "minimum" => value.as_f64() >= rule.as_f64(),
            "allOf" => {
                rule.as_array().unwrap().iter().try_for_each(|rule| conforms(value, rule))?;
                true
            }
            "anyOf" => rule.as_array().unwrap().iter().any(|rule| conforms(value, rule).is_ok()),
            "description" | "format" => true,
            other => return Err(format!("{other} is a keyword that this test does not know")),
        };
        if !ok {
            return Err(format!("{value} violates {keyword}: {rule}"));
        }
    }
    Ok(())
}

fn has(value: &Value, name: &Value) -> bool {
    value.get(name.as_str().unwrap()).is_some()
}

fn is_a(value: &Value, kind: &str) -> bool {
    match kind {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("{other} is no type of JSON Schema"),
    }
}
