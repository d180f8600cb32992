//! `selectuser`, `api/selectuser`: the list of users.

use crossauth_core::account::Role;
use serde_json::{Value, json};

use crate::browser::{Browser, TestResponse};
use crate::site::Site;

/// A site with the administrator ada and the users u00 to u24.
async fn site() -> (Site, Browser) {
    let site = Site::administered();
    let ada = site.administrator("ada").await;
    for number in 0..25 {
        site.account_with(&format!("u{number:02}"), &format!("m{number:02}@x.org")).await;
    }
    (site, ada)
}

fn names(response: &TestResponse) -> Vec<String> {
    assert_eq!(response.status, 200, "{}", response.body);
    let users = response.json()["users"].as_array().unwrap().clone();
    users.iter().map(|user| user["username"].as_str().unwrap().to_owned()).collect()
}

async fn listed(browser: &mut Browser, query: &str) -> Vec<String> {
    names(&browser.get_json(&format!("/admin/api/selectuser?{query}")).await)
}

/// The link of a page with this text.
fn link(page: &TestResponse, text: &str) -> Option<String> {
    let before = page.text().split(&format!(">{text}</a>")).next()?.to_owned();
    assert!(before.len() < page.text().len(), "no link {text:?}: {}", page.body);
    let href = before.rsplit("href=\"").next()?.split('"').next()?.replace("&amp;", "&");
    Some(href)
}

#[tokio::test]
async fn pages_of_the_list_lead_to_each_other() {
    let (_site, mut ada) = site().await;
    let first = ada.get("/admin/selectuser?state=active").await;
    first.assert_page(200, "u08");
    assert!(!first.text().contains("u09") && !first.text().contains("Previous page"));
    let second = ada.get(&link(&first, "Next page").unwrap()).await;
    second.assert_page(200, "u09");
    assert!(second.text().contains("u18") && !second.text().contains("u19"), "{}", second.body);
    let last = ada.get(&link(&first, "Last page").unwrap()).await;
    last.assert_page(200, "u24");
    assert!(!last.text().contains("Next page"), "{}", last.body);
    assert!(last.text().contains(r#"value="active" selected"#), "the filter stays");
    let back = ada.get(&link(&second, "Previous page").unwrap()).await;
    assert!(back.text().contains("u00") && !back.text().contains("u09"), "{}", back.body);
    let start = ada.get(&link(&last, "First page").unwrap()).await;
    assert!(start.text().contains("ada"), "{}", start.body);
}

#[tokio::test]
async fn json_pages_lead_to_each_other_without_gap_or_repetition() {
    let (_site, mut ada) = site().await;
    let (mut query, mut found) = (String::from("take=7"), Vec::new());
    loop {
        let page = ada.get_json(&format!("/admin/api/selectuser?{query}")).await;
        found.extend(names(&page));
        let json = page.json();
        assert_eq!(json["haveNext"], json!(!json["next"].is_null()));
        let Value::String(next) = &json["next"] else { break };
        query = format!("take=7&after={next}");
    }
    let expected: Vec<_> =
        ["ada".to_owned()].into_iter().chain((0..25).map(|n| format!("u{n:02}"))).collect();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn list_is_searched_by_name_and_address_and_filtered() {
    let (site, mut ada) = site().await;
    assert_eq!(listed(&mut ada, "search=u07").await, ["u07"]);
    assert_eq!(listed(&mut ada, "search=U07").await, ["u07"]);
    assert_eq!(listed(&mut ada, "search=m12@x.org").await, ["u12"]);
    assert_eq!(listed(&mut ada, "search=unknown").await, [""; 0]);
    let (user, _) = site.found("u03").await.unwrap();
    site.set_state(&user, "disabled").await;
    assert_eq!(listed(&mut ada, "state=disabled").await, ["u03"]);
    assert_eq!(listed(&mut ada, "role=admin").await, ["ada"]);
    assert_eq!(listed(&mut ada, "role=user&take=100").await.len(), 25);
    site.account("boss", Role::Administrator).await;
    assert_eq!(listed(&mut ada, "role=admin&search=b").await, ["boss"]);
    let empty = ada.get("/admin/selectuser?search=zzz").await;
    empty.assert_page(200, "No users match");
}

#[tokio::test]
async fn skip_and_take_of_upstream_are_understood() {
    let (_site, mut ada) = site().await;
    assert_eq!(listed(&mut ada, "").await.len(), 10);
    assert_eq!(listed(&mut ada, "skip=20&take=3").await, ["u19", "u20", "u21"]);
    assert_eq!(listed(&mut ada, "skip=-4").await, ["ada", "u00", "u01", "u02"]);
    let page = ada.get_json("/admin/api/selectuser?skip=20&take=10").await.json();
    assert_eq!((&page["havePrevious"], &page["haveNext"]), (&json!(true), &json!(false)));
}

#[tokio::test]
async fn x10_no_parameter_of_the_list_breaks_it() {
    let (_site, mut ada) = site().await;
    for (query, status) in [
        ("take=0", 200),
        ("take=1000000000", 200),
        ("take=-1", 200),
        ("take=9223372036854775807", 200),
        ("skip=-9223372036854775808", 200),
        ("skip=99999999999999999999", 400),
        ("take=x", 400),
        ("skip=1%27", 400),
        ("skip=1000000000", 400),
        ("skip=4294967296", 400),
        ("role=root", 400),
        ("state=%27%20or%201=1--", 200),
        ("search=%27%20or%201=1--", 200),
        ("search=%25", 200),
        ("search=_07", 200),
        ("search=%00", 200),
        ("after=%00", 200),
        ("after=%27;drop%20table%20users", 200),
        ("before=%F0%9F%98%80", 200),
        ("after=a&before=b&last=1&skip=3", 200),
        ("sort=password&order=desc", 200),
    ] {
        for path in ["/admin/selectuser", "/admin/api/selectuser"] {
            let answer = ada.get(&format!("{path}?{query}")).await;
            assert_eq!(answer.status, status, "{path} {query}: {}", answer.body);
        }
        if status == 200 {
            let found = listed(&mut ada, query).await;
            assert!(found.len() <= 100, "{query}");
            assert!(!query.starts_with("search") || found.is_empty(), "{query}: {found:?}");
        }
    }
}

#[tokio::test]
async fn h2_markup_in_an_account_is_escaped_on_every_page_of_administration() {
    let (site, mut ada) = site().await;
    let script = "<script>alert(1)</script>{{7*7}}";
    let (user, _) = site.found("u00").await.unwrap();
    let mut extra = serde_json::Map::new();
    extra.insert("note\"><b>".into(), json!(script));
    let update = crossauth_core::user::UserUpdate {
        username: Some(script.into()),
        state: Some("\"><i>".into()),
        extra,
        ..Default::default()
    };
    site.change(&user, update).await;
    let id = &user.id;
    for path in [
        "selectuser?search=%3Cscript".to_owned(),
        format!("user/{id}"),
        format!("updateuser/{id}"),
        format!("changepassword/{id}"),
        format!("resetfactor2/{id}"),
        format!("deleteuser/{id}"),
    ] {
        let page = ada.get(&format!("/admin/{path}")).await;
        assert_eq!(page.status, 200, "{path}: {}", page.body);
        assert!(page.body.contains("&lt;script&gt;"), "{path}: {}", page.body);
        for bad in ["<script>alert", "\"><b>", "\"><i>", "49"] {
            let is_harmless = !page.body.contains(bad) || bad == "49" && page.body.contains("7*7");
            assert!(is_harmless, "{path} has {bad}: {}", page.body);
        }
    }
}
