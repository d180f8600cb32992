//! `audit`, `api/audit`, `audit.csv`, `audit.jsonl`: the audit log.

use std::time::Duration;

use crossauth_core::audit::Act;
use crossauth_core::caller::{Actor, Caller};
use crossauth_core::user::User;
use http::Method;
use serde_json::{Value, json};

use crate::browser::{Browser, TestResponse, request};
use crate::site::Site;

/// A site with the administrator ada and the account bob.
async fn site() -> (Site, Browser, User) {
    let site = Site::administered();
    let ada = site.administrator("ada").await;
    let bob = site.account_with("bob", "bob@x.org").await;
    (site, ada, bob)
}

/// Records an act of the application on an account, one second after the last.
async fn record(site: &Site, act: &str, user: &User) {
    site.clock.advance(Duration::from_secs(1));
    let caller = Caller {
        actor: Actor::User { id: user.id.clone() },
        username: Some(user.username.clone()),
        address: Some([203, 0, 113, 9].into()),
        user_agent: Some("=cmd|' /C calc'!A0".into()),
        request_id: Some("0123456789abcdef".into()),
    };
    let audit = &site.crossauth.auth().audit;
    let event = audit.event_of(Act::from(act), caller).about(user).detail("note", "a \"b\", c");
    audit.record(event).await.unwrap();
}

fn acts(response: &TestResponse) -> Vec<String> {
    assert_eq!(response.status, 200, "{}", response.body);
    let events = response.json()["events"].as_array().unwrap().clone();
    events.iter().map(|event| event["act"].as_str().unwrap().to_owned()).collect()
}

async fn listed(browser: &mut Browser, query: &str) -> Vec<String> {
    acts(&browser.get_json(&format!("/admin/api/audit?act=shop.&{query}")).await)
}

#[tokio::test]
async fn page_names_the_account_of_an_act_of_its_own_user() {
    let (site, mut ada, bob) = site().await;
    let caller = Caller {
        actor: Actor::User { id: bob.id.clone() },
        username: Some("bob".into()),
        ..Caller::default()
    };
    let audit = &site.crossauth.auth().audit;
    audit.record(audit.event_of(Act::from("shop.paid"), caller).on(&bob.id)).await.unwrap();
    let page = ada.get("/admin/audit?act=shop.paid").await;
    page.assert_page(200, "data-label=\"Account\"");
    assert!(!page.text().contains(&format!("user {}", bob.id)), "{}", page.body);
}

#[tokio::test]
async fn events_are_listed_with_everything_that_is_known() {
    let (site, mut ada, bob) = site().await;
    record(&site, "shop.paid", &bob).await;
    let events = ada.get_json("/admin/api/audit?act=shop.paid").await.json()["events"].clone();
    assert_eq!(
        events,
        json!([{
            "id": events[0]["id"],
            "time": "2026-01-01T00:00:01Z",
            "act": "shop.paid",
            "actor": "user",
            "actorId": bob.id,
            "actorName": null,
            "origin": {"username": "bob", "address": "203.0.113.9", "userAgent": "=cmd|' /C calc'!A0"},
            "userid": bob.id,
            "about": {"username": "bob"},
            "requestId": "0123456789abcdef",
            "detail": {"note": "a \"b\", c"},
        }])
    );
    let page = ada.get("/admin/audit?act=shop.paid").await;
    for text in ["2026-01-01 00:00:01", "shop.paid", "203.0.113.9", "0123456789abcdef", "bob</a>"] {
        page.assert_page(200, text);
    }
    ada.get(&format!("/admin/user/{}", bob.id)).await.assert_page(200, "shop.paid");
}

#[tokio::test]
async fn events_are_filtered_by_user_act_time_and_request() {
    let (site, mut ada, bob) = site().await;
    let carol = site.account_with("carol", "carol@x.org").await;
    record(&site, "shop.one", &bob).await;
    record(&site, "shop.two", &carol).await;
    site.clock.advance(Duration::from_mins(10));
    assert_eq!(listed(&mut ada, "").await, ["shop.two", "shop.one"]);
    assert_eq!(listed(&mut ada, "user=bob").await, ["shop.one"]);
    assert_eq!(listed(&mut ada, "user=carol@x.org").await, ["shop.two"]);
    assert_eq!(listed(&mut ada, &format!("user={}", bob.id)).await, ["shop.one"]);
    assert_eq!(listed(&mut ada, "user=no-one").await, [""; 0]);
    assert_eq!(listed(&mut ada, "from=2026-01-01T00:00:02Z").await, ["shop.two"]);
    assert_eq!(listed(&mut ada, "until=2026-01-01T00:00:02Z").await, ["shop.one"]);
    assert_eq!(listed(&mut ada, "from=2026-01-01&until=2026-01-01").await.len(), 2);
    assert_eq!(listed(&mut ada, "from=2026-01-02").await, [""; 0]);
    assert_eq!(listed(&mut ada, "request=0123456789abcdef").await.len(), 2);
    assert_eq!(listed(&mut ada, "request=0").await, [""; 0]);
    let one = ada.get_json("/admin/api/audit?act=shop.one").await;
    assert_eq!(acts(&one), ["shop.one"]);
    // The events of an account that was deleted are found by its id.
    site.crossauth.auth().accounts.delete("bob").await.unwrap();
    assert_eq!(listed(&mut ada, &format!("user={}", bob.id)).await, ["shop.one"]);
}

#[tokio::test]
async fn pages_of_the_log_lead_to_each_other_without_gap_or_repetition() {
    let (site, mut ada, bob) = site().await;
    for number in 0..60 {
        record(&site, &format!("shop.{number}"), &bob).await;
    }
    let (mut query, mut found) = (String::from("take=25"), Vec::new());
    loop {
        let page = ada.get_json(&format!("/admin/api/audit?act=shop.&{query}")).await;
        found.extend(acts(&page));
        let Value::String(next) = &page.json()["next"] else { break };
        query = format!("take=25&after={next}");
    }
    let expected: Vec<_> = (0..60).rev().map(|number| format!("shop.{number}")).collect();
    assert_eq!(found, expected);
    let page = ada.get("/admin/audit?act=shop.").await;
    let text = page.text();
    let older = text.split("rel=\"next\"").next().unwrap().rsplit("href=\"").next().unwrap();
    let older = older.split('"').next().unwrap().replace("&amp;", "&");
    let page = ada.get(&older).await;
    page.assert_page(200, "shop.9");
    assert!(!page.text().contains("shop.10") && page.text().contains("Newest events"));
}

#[tokio::test]
async fn log_is_downloaded_as_csv_and_json_lines_and_the_download_recorded() {
    let (site, mut ada, bob) = site().await;
    for number in 0..505 {
        record(&site, &format!("shop.{number}"), &bob).await;
    }
    let csv = ada.get("/admin/audit.csv?act=shop.").await;
    assert_eq!(csv.status, 200);
    assert_eq!(csv.header("content-type"), Some("text/csv; charset=utf-8"));
    assert_eq!(csv.header("content-disposition"), Some("attachment; filename=\"audit.csv\""));
    assert_eq!(csv.header("cache-control"), Some("no-store"));
    let lines: Vec<_> = csv.body.split_terminator("\r\n").collect();
    assert_eq!(lines.len(), 506);
    assert!(lines[0].starts_with("id,time,act,actor,"), "{}", lines[0]);
    assert!(lines[1].contains("\"shop.504\"") && lines[505].contains("\"shop.0\""));
    assert!(lines[1].contains("\"'=cmd|' /C calc'!A0\""), "a formula is text: {}", lines[1]);
    let path = format!("/admin/audit.jsonl?act=shop.&user={}&from=2026-01-01", bob.id);
    site.clock.advance(Duration::from_secs(1));
    let jsonl = ada.get(&path).await;
    assert_eq!(jsonl.header("content-type"), Some("application/x-ndjson; charset=utf-8"));
    let events: Vec<Value> =
        jsonl.body.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(events.len(), 505);
    assert_eq!(events[0]["act"], json!("shop.504"));
    let recorded = ada.get_json("/admin/api/audit?act=audit.exported").await;
    assert_eq!(acts(&recorded).len(), 2);
    let events = recorded.json()["events"].clone();
    assert_eq!(events[0]["origin"]["username"], json!("ada"));
    let user = bob.id.to_string();
    let from = "2026-01-01T00:00:00Z";
    let detail = json!({ "format": "jsonl", "act": "shop.", "user": user, "from": from });
    assert_eq!(events[0]["detail"], detail);
    assert_eq!(events[1]["detail"], json!({ "format": "csv", "act": "shop." }));
}

#[tokio::test]
async fn export_does_not_record_text_that_is_no_account_act_or_request() {
    let (_site, mut ada, _bob) = site().await;
    assert_eq!(ada.get("/admin/audit.csv?user=mallory@x.org").await.status, 200);
    let recorded = ada.get_json("/admin/api/audit?act=audit.exported").await;
    let detail = &recorded.json()["events"][0]["detail"];
    assert_eq!(*detail, json!({ "format": "csv", "user": "unknown" }));
    assert_eq!(ada.get("/admin/audit.csv?act=m@x.org&request=m@y.org").await.status, 200);
    let recorded = ada.get_json("/admin/api/audit?act=audit.exported&take=500").await.json();
    let details = recorded["events"].as_array().unwrap().iter().map(|event| &event["detail"]);
    let expected = json!({ "format": "csv", "act": "unknown", "request": "unknown" });
    assert!(details.clone().any(|detail| *detail == expected), "{recorded}");
}

#[tokio::test]
async fn head_of_the_files_exports_and_records_nothing() {
    let (site, mut ada, bob) = site().await;
    record(&site, "shop.paid", &bob).await;
    for (name, media_type) in [("audit.csv", "text/csv"), ("audit.jsonl", "application/x-ndjson")] {
        let head = ada.send(request(Method::HEAD, &format!("/admin/{name}")), "").await;
        assert_eq!(head.status, 200, "{name}");
        assert_eq!(head.body, "", "{name}");
        assert_eq!(head.header("content-length"), None, "{name}");
        let found = head.header("content-type").unwrap();
        assert!(found.starts_with(media_type), "{found}");
        let wrong = ada.send(request(Method::HEAD, &format!("/admin/{name}?from=x")), "").await;
        assert_eq!(wrong.status, 400, "{name}");
    }
    let recorded = ada.get_json("/admin/api/audit?act=audit.exported").await;
    assert_eq!(acts(&recorded), [""; 0]);
}

#[tokio::test]
async fn x10_no_parameter_of_the_log_breaks_it() {
    let (site, mut ada, bob) = site().await;
    record(&site, "shop.paid", &bob).await;
    for (query, status) in [
        ("take=0", 200),
        ("take=4294967295", 200),
        ("take=-1", 400),
        ("take=x", 400),
        ("from=yesterday", 400),
        ("until=2026-02-30", 400),
        ("from=9999-12-31", 200),
        ("until=9999-12-31", 200),
        ("user=%00", 400),
        ("act=%00", 400),
        ("request=%00", 400),
        ("user=%27%20or%201=1--", 200),
        ("act=%25", 200),
        ("act=_hop.paid", 200),
        ("after=%27", 200),
        ("after=%00", 200),
        ("after=%F0%9F%98%80", 200),
        ("user=99999999999999999999", 200),
    ] {
        for path in ["/admin/audit", "/admin/api/audit", "/admin/audit.csv", "/admin/audit.jsonl"] {
            let is_take = query.starts_with("take") && path.contains("audit.");
            let status = if is_take { 200 } else { status };
            let answer = ada.get(&format!("{path}?{query}")).await;
            assert_eq!(answer.status, status, "{path} {query}: {}", answer.body);
        }
        let is_filter = ["user=", "act=", "request="].iter().any(|it| query.starts_with(it));
        if status == 200 && is_filter {
            let found = ada.get_json(&format!("/admin/api/audit?{query}")).await;
            assert_eq!(acts(&found), [""; 0], "{query}");
        }
    }
}
