//! What the form for an account refuses.

use crossauth_core::user::UserState;
use serde_json::json;

use super::user::{of, site as administered};
use crate::site::{PASSWORD, Site};

#[tokio::test]
async fn no_account_has_to_set_up_a_factor_where_none_is_offered() {
    let site = Site::with(|site| {
        site.admin_endpoints().preview_messages().factors(crate::factor::factors(&["none"]))
    });
    let mut ada = site.administrator("ada").await;
    let (own, _) = site.found("ada").await.unwrap();
    let bob = site.account_with("bob", "bob@x.org").await;
    for user in [&own, &bob] {
        let before = site.found(&user.username).await;
        for (name, body) in [
            ("api/updateuser", json!({"state": "factor2resetneeded"})),
            ("api/updateuser", json!({"state": "passwordandfactor2resetneeded"})),
            ("api/resetfactor2", json!({})),
        ] {
            let refused = ada.post(&of(name, user), body).await;
            refused.assert_failure(400, "BadRequest");
            assert!(refused.body.contains("No second factor is offered"), "{}", refused.body);
        }
        let fields = [("state", "factor2resetneeded")];
        let page = ada.submit(&of("updateuser", user), &fields).await;
        page.assert_page(400, "No second factor is offered");
        assert_eq!(site.found(&user.username).await, before);
    }
    for name in ["ada", "bob"] {
        assert_eq!(site.browser().log_in(name, PASSWORD).await.status, 200, "{name}");
    }
}

#[tokio::test]
async fn flag_that_is_neither_true_nor_false_is_refused_and_changes_nothing() {
    let (site, mut ada, _) = administered().await;
    site.administrator("alan").await;
    let (alan, _) = site.found("alan").await.unwrap();
    let before = site.found("alan").await;
    let nonsense =
        [json!("maybe"), json!(2), json!("TRUE "), json!(-1), json!(1.0), json!([true]), json!({})];
    for value in nonsense {
        for (path, field) in [
            (of("api/updateuser", &alan), "user_admin"),
            ("/admin/api/createuser".into(), "user_admin"),
            (of("api/resetfactor2", &alan), "remove"),
            (of("api/forgetdevice", &alan), "all"),
            ("/api/forgetdevice".into(), "all"),
        ] {
            let mut body = json!({"username": "alan", "password": PASSWORD});
            body[field] = value.clone();
            let refused = ada.post(&path, body).await;
            refused.assert_failure(400, "BadRequest");
            let errors = &refused.json()["fieldErrors"];
            assert!(refused.body.contains(field), "{path} {value}: {errors} {}", refused.body);
        }
        assert_eq!(site.found("alan").await, before, "{value}");
    }
    let page = ada.submit(&of("updateuser", &alan), &[("user_admin", "maybe")]).await;
    page.assert_page(400, "Admin must be true or false");
    let page = ada.submit(&of("resetfactor2", &alan), &[("remove", "maybe")]).await;
    page.assert_page(400, "Remove must be one of true, false");
    assert_eq!(site.found("alan").await, before);
    for (value, admin) in [(json!(0), false), (json!(1), true), (json!("No"), false)] {
        let changed = ada.post(&of("api/updateuser", &alan), json!({ "user_admin": value })).await;
        assert_eq!(changed.status, 200, "{}", changed.body);
        assert_eq!(site.found("alan").await.unwrap().0.admin, admin, "{value}");
    }
}

#[tokio::test]
async fn refused_state_leaves_the_other_fields_of_the_form_unwritten() {
    let (site, mut ada, _) = administered().await;
    let carl = site.account_with("carl", "carl@x.org").await;
    let before = site.found("carl").await;
    for state in ["nonsense", "awaitingtwofactorsetup"] {
        let body = json!({"username": "mallory", "user_admin": true, "state": state});
        ada.post(&of("api/updateuser", &carl), body).await.assert_failure(400, "BadRequest");
        assert_eq!(site.found("carl").await, before, "{state}");
        assert_eq!(site.found("mallory").await, None);
    }
    let body = json!({"username": "carla", "state": "disabled"});
    assert_eq!(ada.post(&of("api/updateuser", &carl), body).await.status, 200);
    assert!(site.found("carla").await.is_some());
}

#[tokio::test]
async fn refused_part_of_a_form_leaves_the_rest_unwritten() {
    let (site, mut ada, _) = administered().await;
    let carl = site.account_with("carl", "carl@x.org").await;
    site.account_with("dora", "dora@x.org").await;
    let before = site.found("carl").await;
    let (own, _) = site.found("ada").await.unwrap();
    // A taken name, with a state that would be possible.
    let body = json!({"username": "dora", "state": "disabled"});
    ada.post(&of("api/updateuser", &carl), body).await.assert_failure(400, "UserExists");
    assert_eq!(site.found("carl").await, before);
    // The last administrator, with a name that would be possible.
    let body = json!({"username": "adele", "state": "disabled"});
    assert!(ada.post(&of("api/updateuser", &own), body).await.status.is_client_error());
    assert!(site.found("adele").await.is_none());
    // All of it can be stored.
    let offered = site.crossauth.auth().factors.offered();
    let factor = offered.iter().find(|one| one.name != "none").unwrap().name.clone();
    let body = json!({"username": "carla", "user_factor2": factor});
    let updated = ada.post(&of("api/updateuser", &carl), body).await;
    assert_eq!(updated.status, 200, "{}", updated.body);
    let (carla, _) = site.found("carla").await.unwrap();
    assert_eq!(carla.state, UserState::Factor2ResetNeeded);
    assert_eq!(carla.factor2.unwrap().as_str(), factor);
}
