//! What pages say about accounts of the directory.

use crossauth_axum::Builder;
use crossauth_core::account::Role;
use crossauth_testkit::directory::entry;
use serde_json::json;

use super::{bob, site_with};
use crate::site::{PASSWORD, Site};

#[tokio::test]
async fn pages_say_what_comes_from_the_directory() {
    let (site, directory) = site_with(Builder::admin_endpoints);
    directory.change("id-bob", |entry| {
        entry.fields.insert("phone".into(), json!("+33612345678"));
        entry.admin = Some(false);
    });
    let mut browser = bob(&site).await;
    let page = browser.get("/updateuser").await;
    page.assert_page(200, "come from the directory of your organization");
    assert!(!page.body.contains("user_phone"), "{}", page.body);
    let body = json!({"user_phone": "+33699999999"});
    assert_eq!(browser.post("/api/updateuser", body).await.status, 200);
    let bob = site.found("bob").await.unwrap().0;
    assert_eq!(bob.extra["phone"], json!("+33612345678"));
    browser.get("/").await.assert_page(200, "come from the directory of your organization");

    let replaced = "which replaces it at the next login";
    let ada = site.account("ada", Role::Administrator).await;
    let mut admin = site.logged_in("ada").await;
    let page = admin.get(&format!("/admin/updateuser/{}", bob.id)).await;
    for field in ["username", "user_email", "user_phone", "user_admin"] {
        let hint = format!("id=\"{field}-hint\">Comes from the directory, {replaced}");
        assert!(page.body.contains(&hint), "{field}: {}", page.body);
    }
    let page = admin.get(&format!("/admin/updateuser/{}", ada.id)).await;
    page.assert_page(200, "user_phone");
    assert!(!page.body.contains(replaced), "{}", page.body);
    for path in ["/updateuser", "/"] {
        let page = admin.get(path).await;
        assert!(!page.body.contains("directory of your organization"), "{}", page.body);
    }
}

#[tokio::test]
async fn administrators_add_users_of_the_directory_by_page() {
    let (site, directory) = site_with(Builder::admin_endpoints);
    directory.add(entry("carol"), PASSWORD);
    site.account("ada", Role::Administrator).await;
    let mut ada = site.logged_in("ada").await;
    ada.get("/admin/createuser").await.assert_page(200, "createuser?factor1=ldap");
    let page = ada.get("/admin/createuser?factor1=ldap&next=/after").await;
    page.assert_page(200, "name=\"factor1\" value=\"ldap\"");
    assert!(!page.body.contains("name=\"password\""), "{}", page.body);
    let other = ada.get("/admin/createuser?factor1=other").await;
    other.assert_page(200, "name=\"password\"");
    let fields = |name: &'static str| [("username", name), ("factor1", "ldap")];
    let refused = ada.submit("/admin/createuser", &fields("unknown")).await;
    refused.assert_page(400, "The directory has no user of this name");
    assert!(refused.body.contains("name=\"factor1\" value=\"ldap\""), "{}", refused.body);
    let created = ada.submit("/admin/createuser", &fields("carol")).await;
    assert_eq!(created.status, 302, "{}", created.body);
    assert_eq!(site.found("carol").await.unwrap().0.factor1.as_str(), "ldap");
    let local = Site::with(Builder::admin_endpoints);
    local.account("ada", Role::Administrator).await;
    let page = local.logged_in("ada").await.get("/admin/createuser?factor1=ldap").await;
    page.assert_page(200, "name=\"password\"");
    assert!(!page.body.contains("user of the directory"), "{}", page.body);
}
