//! Acts of administrators on their own accounts.

use crossauth_core::account::Role;
use crossauth_core::user::{Patch, UserUpdate};
use serde_json::json;

use super::user::of;
use crate::site::Site;

#[tokio::test]
async fn credentials_of_the_own_account_are_not_changed_without_its_factor() {
    let site = Site::administered();
    site.account("ada", Role::Administrator).await;
    let mut ada = site.enrolled_browser("ada").await.browser;
    let mut eve = site.enrolled_browser("eve").await.browser;
    for (name, body, endpoint) in [
        ("api/resetfactor2", json!({"remove": true}), "/changefactor2"),
        ("api/resetfactor2", json!({}), "/changefactor2"),
        ("api/updateuser", json!({"user_factor2": "none"}), "/changefactor2"),
        ("api/updateuser", json!({"user_factor2": null}), "/changefactor2"),
        ("api/updateuser", json!({"user_factor2": "email"}), "/changefactor2"),
        ("api/updateuser", json!({"state": "factor2resetneeded"}), "/changefactor2"),
        ("api/updateuser", json!({"state": "Factor2ResetNeeded"}), "/changefactor2"),
        ("api/updateuser", json!({"user_state": "factor2resetneeded"}), "/changefactor2"),
        ("api/updateuser", json!({"state": "passwordandfactor2resetneeded"}), "/changefactor2"),
        ("api/changepassword", json!({"new_password": "Another-Horse-8"}), "/changepassword"),
        ("api/updateuser", json!({"user_email": "mallory@x.org"}), "/updateuser"),
        ("api/updateuser", json!({"username": "mallory@x.org"}), "/updateuser"),
        ("api/updateuser", json!({"user_username": "mallory@x.org"}), "/updateuser"),
    ] {
        let (own, _) = site.found("ada").await.unwrap();
        let before = site.found("ada").await;
        let refused = ada.post(&of(name, &own), body.clone()).await;
        refused.assert_failure(403, "Forbidden");
        assert!(refused.body.contains(&format!("use {endpoint},")), "{body}: {}", refused.body);
        assert_eq!(site.found("ada").await, before, "{body}");
    }
    let (own, _) = site.found("ada").await.unwrap();
    let page = ada.submit(&of("resetfactor2", &own), &[("remove", "true")]).await;
    page.assert_page(403, "/changefactor2");
    // What is no credential, and what stays as it is.
    let (factor, state) = (own.factor2.as_ref().unwrap().as_str(), own.state.as_str());
    let same = json!({"username": "ada", "user_email": "", "user_factor2": factor, "state": state,
        "user_phone": "+33612345678"});
    let changed = ada.post(&of("api/updateuser", &own), same).await;
    assert_eq!(changed.status, 200, "{}", changed.body);
    assert_eq!(ada.whoami().await.as_deref(), Some("ada"));
    // The accounts of others.
    let (user, _) = site.found("eve").await.unwrap();
    let address = json!({"user_email": "eve@x.org"});
    assert_eq!(ada.post(&of("api/updateuser", &user), address).await.status, 200);
    assert_eq!(ada.post(&of("api/resetfactor2", &user), json!({"remove": true})).await.status, 200);
    assert_eq!(eve.whoami().await, None);
}

#[tokio::test]
async fn pages_of_the_own_account_lead_to_what_is_not_refused_there() {
    let site = Site::administered();
    site.account("ada", Role::Administrator).await;
    let mut ada = site.enrolled_browser("ada").await.browser;
    let (own, _) = site.found("ada").await.unwrap();
    let page = ada.get(&of("user", &own)).await;
    let back = format!("%2Fadmin%2Fuser%2F{}", own.id);
    for link in ["changepassword", "changefactor2"] {
        page.assert_page(200, &format!("href=\"/{link}?next={}\"", back.replace("%2F", "/")));
    }
    for refused in ["changepassword", "resetfactor2"] {
        assert!(!page.text().contains(&of(refused, &own)), "{refused}: {}", page.body);
    }
    let form = ada.get(&of("updateuser", &own)).await;
    form.assert_page(200, "This is your own account");
    for refused in ["user_email", "user_factor2", "factor2resetneeded"] {
        assert!(!form.text().contains(refused), "{refused}: {}", form.body);
    }
    let saved = ada.submit(&of("updateuser", &own), &[("state", "active")]).await;
    saved.assert_page(200, "User updated");
    // The accounts of others, and the own one without a second factor.
    site.enrolled_browser("eve").await;
    let (eve, _) = site.found("eve").await.unwrap();
    ada.get(&of("user", &eve)).await.assert_page(200, &of("resetfactor2", &eve));
    let form = ada.get(&of("updateuser", &eve)).await;
    for offered in ["user_email", "user_factor2", "factor2resetneeded"] {
        form.assert_page(200, offered);
    }
    form.assert_page(200, "value=\"false\" selected");
    let mut root = site.administrator("root").await;
    let (own, _) = site.found("root").await.unwrap();
    root.get(&of("user", &own)).await.assert_page(200, &of("changepassword", &own));
}

#[tokio::test]
async fn value_on_which_the_own_factor_depends_is_not_changed_without_it() {
    let site = Site::administered();
    let ada = site.account("ada", Role::Administrator).await;
    let mut browser = site.logged_in("ada").await;
    let phone = [("phone".to_owned(), json!("+33612345678"))].into_iter().collect();
    let factor2 = Patch::Set("sms".into());
    site.change(&ada, UserUpdate { factor2, extra: phone, ..UserUpdate::default() }).await;
    for number in ["+33687654321", ""] {
        let body = json!({ "user_phone": number });
        let refused = browser.post(&of("api/updateuser", &ada), body).await;
        refused.assert_failure(403, "Forbidden");
        assert!(refused.body.contains("use /updateuser,"), "{}", refused.body);
    }
    let same = json!({"user_phone": "+33612345678"});
    assert_eq!(browser.post(&of("api/updateuser", &ada), same).await.status, 200);
}

#[tokio::test]
async fn refusal_names_no_page_that_is_not_served() {
    let site = Site::with(|site| {
        let endpoints = ["login", "api/login", "api/getcsrftoken", "SessionAdminApiEndpoints"];
        let config = crossauth_axum::SiteConfig {
            base_url: Some(crossauth_axum::BaseUrl::parse("http://localhost:3000").unwrap()),
            admin_endpoints: true,
            endpoints: Some(endpoints.map(str::to_owned).to_vec()),
            ..Default::default()
        };
        site.site(config).preview_messages().factors(crate::factor::factors(&[]))
    });
    let ada = site.account("ada", Role::Administrator).await;
    let mut browser = site.logged_in("ada").await;
    let phone = [("phone".to_owned(), json!("+33612345678"))].into_iter().collect();
    let factor2 = Patch::Set("sms".into());
    site.change(&ada, UserUpdate { factor2, extra: phone, ..UserUpdate::default() }).await;
    let password = json!({"new_password": "Another-Horse-8"});
    let refused = browser.post(&of("api/changepassword", &ada), password).await;
    refused.assert_failure(403, "Forbidden");
    assert!(refused.body.contains("another administrator"), "{}", refused.body);
    assert!(!refused.body.contains("changepassword"), "{}", refused.body);
}
