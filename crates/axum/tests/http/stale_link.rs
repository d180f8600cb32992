//! Mailed links after a change of the account that they were made for.

use crossauth_axum::Builder;
use crossauth_core::account::AccountUpdate;
use crossauth_core::key::KeyPrefix;
use crossauth_core::message::MessageKind;
use crossauth_core::storage::{Change, Effects};
use crossauth_core::user::{NewUser, Patch, UserState, UserUpdate};
use crossauth_testkit::storage::change_user;
use serde_json::json;

use crate::site::{PASSWORD, Site, test_storage};

const OLD: &str = "bob@example.com";
const NEW: &str = "bob@new.example";

async fn ask_for_reset(site: &Site) {
    let body = json!({ "email": OLD });
    let answer = site.browser().post("/api/requestpasswordreset", body).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
}

async fn assert_invalid(site: &Site, token: &str) {
    let page = site.browser().get(&format!("/resetpassword/{token}")).await;
    assert_eq!(page.status, 401, "{}", page.body);
    let body = json!({
        "token": token, "new_password": "Another-Horse-8", "repeat_password": "Another-Horse-8",
    });
    let answer = site.browser().post("/api/resetpassword", body).await;
    answer.assert_failure(401, "InvalidKey");
}

#[tokio::test]
async fn reset_link_that_is_made_while_the_address_changes_is_invalid() {
    for is_username in [false, true] {
        let storage = test_storage();
        let site = Site::over(storage.storage(), Builder::preview_messages);
        let bob = if is_username {
            site.stored(NewUser::named(OLD), None).await
        } else {
            site.account_with("bob", OLD).await
        };
        ask_for_reset(&site).await;
        storage.interrupt_after("users.find_by_id", move |inner| async move {
            let user = if is_username {
                UserUpdate { username: Some(NEW.to_owned()), ..UserUpdate::default() }
            } else {
                UserUpdate { email: Patch::Set(NEW.to_owned()), ..UserUpdate::default() }
            };
            let effects = Effects { revoke: &[KeyPrefix::PasswordReset], ..Effects::default() };
            change_user(&inner, &bob.id, &Change { user, effects, ..Change::default() }).await;
        });
        let mail = site.one_mail(MessageKind::PasswordReset, OLD).await;
        assert_invalid(&site, mail.token()).await;
    }
}

#[tokio::test]
async fn verification_link_that_is_made_while_the_address_changes_is_invalid() {
    let storage = test_storage();
    let site = Site::over(storage.storage(), Builder::preview_messages);
    let bob = site.account_with("bob", OLD).await;
    site.set_state(&bob, UserState::AwaitingEmailVerification.as_str()).await;
    site.browser().post("/api/resendverification", json!({ "email": OLD })).await;
    storage.interrupt_after("users.find_by_id", move |inner| async move {
        let user = UserUpdate { email: Patch::Set(NEW.to_owned()), ..UserUpdate::default() };
        change_user(&inner, &bob.id, &Change { user, ..Change::default() }).await;
    });
    let mail = site.one_mail(MessageKind::EmailVerification, OLD).await;
    let body = json!({ "token": mail.token() });
    let answer = site.browser().post("/api/verifyemail", body).await;
    answer.assert_failure(401, "InvalidKey");
}

#[tokio::test]
async fn new_username_invalidates_the_links_to_the_address_that_the_old_one_was() {
    let site = Site::with_mail();
    let bob = site.stored(NewUser::named(OLD), None).await;
    let rename = async |from: &str, to: &str| {
        let update = AccountUpdate { username: Some(to.to_owned()), ..AccountUpdate::default() };
        site.crossauth.auth().accounts.update(from, update).await.unwrap();
    };
    ask_for_reset(&site).await;
    let mail = site.one_mail(MessageKind::PasswordReset, OLD).await;
    rename(OLD, NEW).await;
    assert_invalid(&site, mail.token()).await;

    rename(NEW, OLD).await;
    site.set_state(&bob, UserState::AwaitingEmailVerification.as_str()).await;
    let body = json!({ "email": OLD });
    site.browser().post("/api/resendverification", body).await;
    let mail = site.one_mail(MessageKind::EmailVerification, OLD).await;
    rename(OLD, NEW).await;
    let body = json!({ "token": mail.token() });
    let answer = site.browser().post("/api/verifyemail", body).await;
    answer.assert_failure(401, "InvalidKey");
    assert_eq!(site.found(NEW).await.unwrap().0.state, UserState::AwaitingEmailVerification);
}

#[tokio::test]
async fn new_password_deletes_the_link_of_a_change_of_address() {
    let site = Site::with_mail();
    let bob = site.account_with("bob", OLD).await;
    let mut browser = site.logged_in("bob").await;
    let answer = browser.post("/api/updateuser", json!({ "user_email": NEW })).await;
    assert_eq!(answer.json()["emailVerificationRequired"], true, "{}", answer.body);
    let body = json!({
        "old_password": PASSWORD,
        "new_password": "Another-Horse-8",
        "repeat_password": "Another-Horse-8",
    });
    let answer = browser.post("/api/changepassword", body).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let (keys, prefix) = (&site.storage.keys, KeyPrefix::EmailVerification);
    let links = keys.list_for_user(Some(&bob.id), prefix, None, 10).await.unwrap();
    assert_eq!(links, [], "a database without credential epochs would accept the link");
}
