//! Acts on accounts that are deleted at the same time.

use crossauth_core::storage::{Effects, Guard};
use http::Method;
use serde_json::json;

use crate::factor::factors;
use crate::site::{PASSWORD, Site, test_storage};

#[tokio::test]
async fn concurrently_deleted_account_is_not_found_on_every_route() {
    let storage = test_storage();
    let site = Site::over(storage.storage(), |site| {
        site.admin_endpoints().preview_messages().factors(factors(&[]))
    });
    let mut ada = site.administrator("ada").await;
    for endpoint in site.crossauth.endpoints() {
        let is_act = endpoint.method == Method::POST && endpoint.path.contains("{id}");
        if !is_act || !endpoint.path.starts_with("/admin/api/") {
            continue;
        }
        let bob = site.account_with("bob", "bob@x.org").await;
        let path = endpoint.path.replace("{id}", &bob.id.to_string());
        storage.interrupt_after("users.find_by_id", move |inner| async move {
            let deleted = inner.users.delete(&bob.id, Guard::None, &Effects::default()).await;
            deleted.unwrap();
        });
        let body = json!({"session": "x", "key": "x", "all": true, "new_password": PASSWORD,
            "username": "bobby", "remove": true});
        let answer = ada.post(&path, body).await;
        assert!(site.found("bob").await.is_none(), "{path}");
        assert_eq!(answer.status, 404, "{path}: {}", answer.body);
    }
}
