//! What the form for an account refuses.

use serde_json::json;

use super::user::of;
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
