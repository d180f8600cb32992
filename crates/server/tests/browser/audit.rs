//! Accessibility of every page: names, headings, references, contrast, sizes, overflow.

use axum::Router;
use axum::response::Html;
use axum::routing::get;
use crossauth_axum::testkit::{builder, sample_pages};
use crossauth_testkit::browser::{Browser, ColorScheme};
use serde_json::json;

const RULES: &str = include_str!("audit.js");

/// Checks the open page. Its faults are listed in the failure.
pub(crate) async fn audit(browser: &Browser, what: &str) {
    let faults = browser.evaluate(RULES).await;
    assert_eq!(faults, json!([]), "{what}");
}

#[tokio::test]
async fn audit_finds_planted_faults() {
    let browser = Browser::start().await;
    let html = "<h1>One</h1><h3>Three</h3><input id=a><p id=a>twice</p><a href=/x></a><ul></ul>\
                <p style='color: %23999'>pale</p><input aria-invalid=true aria-label=x>\
                <p style='width: 2000px'>wide</p>";
    browser.open(&format!("data:text/html,<!doctype html><main>{html}</main>")).await;
    let faults = browser.evaluate(RULES).await.to_string();
    for rule in [
        "control without a label",
        "no name",
        "headings: 1,3",
        "id twice: a",
        "empty list",
        "invalid without a reason",
        "contrast 2.85",
        "beyond the window",
    ] {
        assert!(faults.contains(rule), "{rule}: {faults}");
    }
}

#[tokio::test]
async fn every_page_with_and_without_errors_is_accessible() {
    let crossauth = builder().prefix("/auth/").build().unwrap();
    let samples = sample_pages(&crossauth);
    let app = samples.iter().enumerate().fold(Router::new(), |app, (index, (_, html))| {
        let html = html.clone();
        app.route(&format!("/{index}"), get(async || Html(html)))
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = crossauth.mount(app);
    let serving = tokio::spawn(async { axum::serve(listener, app).await });
    let browser = Browser::start().await;
    assert!(samples.len() > 60, "{}", samples.len());
    for (index, (name, _)) in samples.iter().enumerate() {
        browser.open(&format!("http://{address}/{index}")).await;
        for (width, scheme) in [(1200, ColorScheme::Light), (320, ColorScheme::Dark)] {
            browser.resize(width, 800).await;
            browser.set_color_scheme(scheme).await;
            audit(&browser, &format!("{name}, {width} pixels, {scheme:?}")).await;
        }
        assert_eq!(browser.take_errors().await, Vec::<String>::new(), "{name}");
    }
    serving.abort();
}
