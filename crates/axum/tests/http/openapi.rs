//! `api/openapi.json`, compared with the router. `documented.rs` compares it with the responses to
//! the requests of all tests.

use std::collections::BTreeSet;

use crossauth_axum::{Builder, Crossauth, FieldKind, SignupField};
use crossauth_core::signup::{Registration, SignupConfig};
use serde_json::{Value, json};

use crate::documented::{DOCUMENT, conforms};
use crate::site::Site;

fn documented(document: &Value) -> BTreeSet<String> {
    let paths = document["paths"].as_object().unwrap().iter();
    let methods = |(path, item): (&String, &Value)| -> Vec<String> {
        let methods = item.as_object().unwrap().keys();
        methods.map(|method| format!("{} {path}", method.to_uppercase())).collect()
    };
    paths.flat_map(methods).collect()
}

fn routed(crossauth: &Crossauth) -> BTreeSet<String> {
    let endpoints = crossauth.endpoints().into_iter().filter(|it| it.path.contains("/api/"));
    endpoints.map(|it| format!("{} {}", it.method, it.path)).collect()
}

#[tokio::test]
async fn document_has_the_json_endpoints_of_the_router() {
    let closed = || SignupConfig { registration: Registration::Closed, ..SignupConfig::default() };
    for (site, prefix, count) in [
        (Site::complete(), "/", 30),
        (Site::administered(), "/", 31),
        (Site::new(), "/", 15),
        (Site::with(|site| site.signup(closed())), "/", 14),
        (Site::with(|site| Builder::preview_messages(site).prefix("/auth/")), "/auth/", 18),
    ] {
        let mut browser = site.browser();
        let response = browser.get_json(&format!("{prefix}api/openapi.json")).await;
        assert_eq!(response.status, 200);
        assert_eq!(response.header("content-type"), Some("application/json; charset=utf-8"));
        let document = response.json();
        assert_eq!(document, site.crossauth.openapi());
        let (documented, routed) = (documented(&document), routed(&site.crossauth));
        assert_eq!(documented, routed, "left: the document, right: the router");
        assert!(documented.len() >= count, "{} {documented:?}", documented.len());
    }
}

#[test]
fn document_is_consistent() {
    assert_eq!(DOCUMENT["openapi"], "3.1.0");
    assert_eq!(DOCUMENT["servers"], json!([{ "url": "http://localhost:3000" }]));
    let text = DOCUMENT.to_string();
    for reference in text.split("\"$ref\":\"#").skip(1).map(|it| it.split('"').next().unwrap()) {
        assert!(DOCUMENT.pointer(reference).is_some(), "{reference}");
    }
    let mut ids = BTreeSet::new();
    for (path, item) in DOCUMENT["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            assert!(ids.insert(operation["operationId"].to_string()), "{path}");
            assert!(!operation["summary"].as_str().unwrap().is_empty(), "{path}");
            let schemes = operation["security"].to_string();
            assert_eq!(schemes.contains("csrf"), needs_token(method, path), "{method} {path}");
            let parameters = operation["parameters"].to_string();
            assert_eq!(parameters.contains("\"in\":\"path\""), path.contains('{'), "{path}");
        }
    }
}

#[test]
fn refusals_of_a_key_are_documented_on_every_endpoint_where_there_are_keys() {
    let count = |document: &Value| document.to_string().matches("schemas/ApiKeyFailure").count();
    let plain = Site::complete().crossauth.openapi();
    assert_eq!(count(&plain), 0);
    let sessions = &plain["paths"]["/api/sessions"]["get"]["responses"];
    let statuses = sessions.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
    assert_eq!(statuses, BTreeSet::from(["200", "401", "500", "503"].map(str::to_owned)));
    // 400, 401 and 429.
    assert_eq!(count(&DOCUMENT), 3 * documented(&DOCUMENT).len());
}

#[test]
fn requests_for_mail_are_documented_as_limited_without_second_factors_too() {
    let document = Site::with_mail().crossauth.openapi();
    for path in ["requestpasswordreset", "resendverification"] {
        let refused = &document["paths"][format!("/api/{path}")]["post"]["responses"]["429"];
        assert!(refused["headers"]["Retry-After"].is_object(), "{path}: {refused}");
    }
}

fn needs_token(method: &str, path: &str) -> bool {
    method == "post" && path != "/api/getcsrftoken"
}

#[test]
fn document_has_the_fields_of_the_application() {
    let site = Site::with(|site| {
        let team = SignupField::new("team").choices([("red", "Red")]).required();
        let age = SignupField::new("age").kind(FieldKind::Number);
        site.editable_fields(["age"]).signup_fields([team, age])
    });
    let document = site.crossauth.openapi();
    let schemas = &document["components"]["schemas"];
    let signup = &schemas["SignupForm"];
    assert_eq!(signup["properties"]["user_team"]["enum"], json!(["red"]));
    assert_eq!(signup["required"], json!(["username", "password", "user_team"]));
    let update = schemas["UpdateUserForm"]["properties"].as_object().unwrap();
    assert!(update.contains_key("user_age") && !update.contains_key("user_email"), "{update:?}");
    let user = schemas["User"]["properties"].as_object().unwrap();
    assert!(user.contains_key("age"), "{user:?}");
    let plain = Site::new().crossauth.openapi();
    assert!(plain["components"]["schemas"]["SignupForm"]["properties"]["user_team"].is_null());
}

#[test]
fn comparison_with_the_document_finds_deviations() {
    let failure = json!({
        "ok": false,
        "errorMessage": "Not authorized",
        "errorMessages": ["Not authorized"],
        "errorCode": 14,
        "errorCodeName": "Unauthorized",
    });
    let responses = &DOCUMENT["paths"]["/api/sessions"]["get"]["responses"];
    let schema = |status: &str| &responses[status]["content"]["application/json"]["schema"];
    assert_eq!(conforms(&failure, schema("401")), Ok(()));
    for (member, value) in [
        ("ok", json!(true)),
        ("errorCode", json!("14")),
        ("errorMessages", json!([])),
        ("errorMessages", json!([1])),
        ("errorCodeName", json!("Forbidden")),
        ("fieldErrors", json!({ "email": "is required" })),
    ] {
        let mut failure = failure.clone();
        failure[member] = value;
        assert!(conforms(&failure, schema("401")).is_err(), "{failure}");
    }
    let session = json!({
        "id": "1", "current": true, "created": null, "lastActive": null, "expires": null,
        "device": null, "address": null,
    });
    let listed = json!({ "ok": true, "sessions": [session] });
    assert_eq!(conforms(&listed, schema("200")), Ok(()));
    let mut without = listed.clone();
    without["sessions"][0].as_object_mut().unwrap().remove("device");
    assert!(conforms(&without, schema("200")).is_err());
    assert!(conforms(&failure, schema("200")).is_err());
}
