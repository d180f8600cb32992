//! `createuser`, `api/createuser`: new accounts.

use crossauth_core::message::MessageKind;
use serde_json::json;

use super::user::{of, site};
use crate::site::PASSWORD;

#[tokio::test]
async fn user_is_created_with_a_password_and_fields() {
    let (site, mut ada, _) = site().await;
    ada.get("/admin/createuser").await.assert_page(200, "New user");
    let body = json!({"username": "carol", "password": PASSWORD, "user_email": "c@x.org",
        "user_phone": "+33612345678", "user_admin": true});
    let created = ada.post("/admin/api/createuser", body).await;
    assert_eq!(created.status, 200, "{}", created.body);
    let user = &created.json()["user"];
    assert_eq!(
        (&user["username"], &user["email"], &user["phone"], &user["admin"], &user["state"]),
        (
            &json!("carol"),
            &json!("c@x.org"),
            &json!("+33612345678"),
            &json!(true),
            &json!("active")
        )
    );
    assert_eq!(created.json()["passwordResetSent"], json!(false));
    assert!(site.mail().await.is_empty());
    let fields = [("username", "dan"), ("password", PASSWORD), ("repeat_password", PASSWORD)];
    let created = ada.submit("/admin/createuser", &fields).await;
    let (dan, _) = site.found("dan").await.unwrap();
    assert!(!dan.admin);
    let page = format!("{}?done=created", of("user", &dan));
    assert_eq!((created.status.as_u16(), created.location()), (302, Some(&*page)));
    ada.get(&page).await.assert_page(200, "The account has been created");
    let fields = [("username", "dora"), ("password", PASSWORD), ("next", "/home?x=1")];
    let created = ada.submit("/admin/createuser", &fields).await;
    assert_eq!(created.location(), Some("/home?x=1"));
    for name in ["carol", "dan", "dora"] {
        assert_eq!(site.browser().log_in(name, PASSWORD).await.status, 200, "{name}");
    }
}

#[tokio::test]
async fn user_without_a_password_gets_a_link_to_choose_one() {
    let (site, mut ada, _) = site().await;
    let body = json!({"username": "carol", "user_email": "carol@x.org"});
    let created = ada.post("/admin/api/createuser", body).await;
    assert_eq!(created.status, 200, "{}", created.body);
    assert_eq!(created.json()["passwordResetSent"], json!(true));
    assert_eq!(created.json()["user"]["state"], json!("passwordresetneeded"));
    let mail = site.one_mail(MessageKind::Invitation, "carol@x.org").await;
    let reset = json!({"token": mail.token(), "new_password": PASSWORD});
    let mut carol = site.browser();
    assert_eq!(carol.post("/api/resetpassword", reset).await.status, 200);
    assert_eq!(site.browser().log_in("carol", PASSWORD).await.status, 200);
    site.mail().await;
    for body in
        [json!({"username": "erin"}), json!({"username": "erin", "user_email": "not an address"})]
    {
        let refused = ada.post("/admin/api/createuser", body.clone()).await;
        assert_eq!(refused.status, 400, "{body}: {}", refused.body);
        assert!(site.found("erin").await.is_none(), "{body}");
    }
    assert!(site.mail().await.is_empty());
}

#[tokio::test]
async fn each_invalid_field_of_a_new_user_is_reported() {
    let (site, mut ada, _) = site().await;
    for (body, code, status) in [
        (json!({"username": "bob", "password": PASSWORD}), "UserExists", 400),
        (json!({"username": "xavier", "password": "short"}), "FormEntry", 400),
        (
            json!({"username": "xavier", "password": PASSWORD, "repeat_password": "y"}),
            "PasswordMatch",
            401,
        ),
        (json!({"username": "xavier", "password": PASSWORD, "factor2": "no"}), "Forbidden", 403),
        (json!({"username": "xavier", "password": PASSWORD, "factor1": "ldap"}), "BadRequest", 400),
        (json!({"password": PASSWORD}), "BadRequest", 400),
    ] {
        let refused = ada.post("/admin/api/createuser", body.clone()).await;
        let name = refused.json()["errorCodeName"].clone();
        assert_eq!((refused.status.as_u16(), &name), (status, &json!(code)), "{body}");
        assert!(site.found("xavier").await.is_none(), "{body}");
    }
    let fields = [("username", "bob"), ("password", PASSWORD), ("user_email", "n@x.org")];
    let page = ada.submit("/admin/createuser", &fields).await;
    page.assert_page(400, "taken");
    assert!(page.text().contains("n@x.org") && !page.text().contains(PASSWORD), "{}", page.body);
}

#[tokio::test]
async fn second_factor_of_a_new_user_must_be_set_up_at_the_first_login() {
    let (site, mut ada, _) = site().await;
    let body = json!({"username": "carol", "password": PASSWORD, "factor2": "totp"});
    let created = ada.post("/admin/api/createuser", body).await;
    assert_eq!(created.json()["user"]["state"], json!("factor2resetneeded"), "{}", created.body);
    let refused = site.browser().log_in("carol", PASSWORD).await;
    refused.assert_failure(403, "Factor2ResetNeeded");
}
