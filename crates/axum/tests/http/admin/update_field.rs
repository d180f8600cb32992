//! The option `admin_editable_fields`, on `createuser` and `updateuser/{id}`.

use serde_json::json;

use super::user::of;
use crate::browser::Browser;
use crate::site::{PASSWORD, Site};

async fn site(fields: &'static [&'static str]) -> (Site, Browser) {
    let site = Site::with(|site| {
        let site = site.admin_endpoints().preview_messages().editable_fields(["phone"]);
        site.admin_editable_fields(fields.iter().copied())
    });
    let ada = site.administrator("ada").await;
    (site, ada)
}

#[tokio::test]
async fn administrators_set_the_listed_fields_only() {
    let (site, mut ada) = site(&["note", "email"]).await;
    let body = json!({"username": "carol", "password": PASSWORD, "user_note": "VIP",
        "user_email": "c@x.org", "user_phone": "+33612345678", "user_rank": "1"});
    assert_eq!(ada.post("/admin/api/createuser", body).await.status, 200);
    let (carol, _) = site.found("carol").await.unwrap();
    assert_eq!(carol.email.as_deref(), Some("c@x.org"));
    assert_eq!(serde_json::Value::from(carol.extra.clone()), json!({"note": "VIP"}));
    let body = json!({"username": "caro", "user_admin": true, "user_note": "", "user_rank": "2",
        "user_phone": "+33612345678", "user_email": "d@x.org"});
    assert_eq!(ada.post(&of("api/updateuser", &carol), body).await.status, 200);
    let (caro, _) = site.found("caro").await.unwrap();
    assert_eq!((caro.email.as_deref(), caro.admin), (Some("d@x.org"), true));
    assert!(caro.extra.is_empty(), "{:?}", caro.extra);
    for path in ["/admin/createuser", &of("updateuser", &carol)] {
        let page = ada.get(path).await;
        for (field, is_there) in [("note", true), ("email", true), ("phone", false)] {
            let name = format!("name=\"user_{field}\"");
            assert_eq!(page.body.contains(&name), is_there, "{path} {field}: {}", page.body);
        }
    }
}

#[tokio::test]
async fn with_an_empty_list_administrators_set_no_field() {
    let (site, mut ada) = site(&[]).await;
    let bob = site.account_with("bob", "bob@x.org").await;
    let before = site.found("bob").await;
    let body = json!({"user_email": "", "user_phone": "+33612345678", "user_note": "x"});
    assert_eq!(ada.post(&of("api/updateuser", &bob), body).await.status, 200);
    assert_eq!(site.found("bob").await, before);
    let page = ada.get(&of("updateuser", &bob)).await;
    assert!(!page.body.contains("name=\"user_email\""), "{}", page.body);
}

/// The names of our own fields in the list do not open them.
#[tokio::test]
async fn list_opens_no_field_of_ours() {
    let ours = &["id", "state", "password", "factor1", "totpsecret", "username_normalized"];
    let (site, mut ada) = site(ours).await;
    let bob = site.account_with("bob", "bob@x.org").await;
    let before = site.found("bob").await;
    for name in ["id", "password", "factor1", "totpsecret", "username_normalized"] {
        let field = format!("user_{name}");
        let answer = ada.post(&of("api/updateuser", &bob), json!({ &field: "1" })).await;
        answer.assert_failure(400, "FormEntry");
        let page = ada.get("/admin/createuser").await;
        assert!(!page.body.contains(&format!("name=\"{field}\"")), "{name}: {}", page.body);
    }
    assert_eq!(site.found("bob").await, before);
}
