//! Pages that `POST` returns survive a reload, by `GET` of their address or by the same form.

use std::collections::BTreeSet;

use serde_json::json;

use crate::factor::{DUMMY_CODE, factors};
use crate::site::{PASSWORD, Site, unverified};

/// Part of the message for an outdated token.
const EXPIRED: &str = "form has expired";

/// Forms that lead to another page.
const REDIRECTING: [&str; 4] =
    ["/cancelfactor2", "/forgetdevice", "/endsession/{id}", "/endothersessions"];

#[tokio::test]
async fn address_of_every_page_that_post_returns_can_be_opened() {
    let site = Site::with(|site| site.preview_messages().factors(factors(&[])));
    let endpoints = site.crossauth.endpoints();
    let pages = endpoints.iter().filter(|it| it.method == "POST" && !it.path.starts_with("/api/"));
    let mut refused = BTreeSet::new();
    for page in pages {
        for mut browser in [site.browser(), site.logged_in("bob").await] {
            let response = browser.get(&page.path).await;
            if response.status == 405 {
                refused.insert(page.path.as_str());
            }
        }
    }
    assert_eq!(refused, BTreeSet::from(REDIRECTING));
}

#[tokio::test]
async fn page_of_a_completed_set_up_can_be_reloaded() {
    let site = Site::with_factors(&[]);
    let mut bob = site.logged_in("bob").await;
    let anonymous = site.browser().get("/configurefactor2").await;
    assert_eq!(anonymous.location(), Some("/login?next=%2Fconfigurefactor2"));
    let nothing = bob.get("/configurefactor2?next=/after").await;
    assert_eq!(nothing.location(), Some("/changefactor2?next=%2Fafter"));
    bob.submit("/changefactor2", &[("factor2", "dummyFactor2")]).await;
    bob.get("/configurefactor2").await.assert_page(200, "Set up your second step");
    let token = bob.csrf_token().await;
    let form = [("otp", DUMMY_CODE), ("csrfToken", &token)];
    bob.submit_bare("/configurefactor2", &form).await.assert_page(200, "Your recovery codes");
    for reload in [
        bob.get("/configurefactor2").await,
        // The session is another one by now, and the token of the form is not valid any more.
        bob.submit_bare("/configurefactor2", &form).await,
    ] {
        assert_eq!(
            (reload.status.as_u16(), reload.location()),
            (302, Some("/recoverycodes")),
            "{}",
            reload.body
        );
    }
    bob.get("/recoverycodes").await.assert_page(200, "10 recovery codes left");
    // Programs are told.
    let old = bob.get_json("/api/configurefactor2").await;
    old.assert_failure(405, "BadRequest");
    bob.submit_bare("/configurefactor2", &[("otp", DUMMY_CODE)]).await;
    assert_eq!(site.found("bob").await.unwrap().0.factor2, Some("dummyFactor2".into()));
}

#[tokio::test]
async fn only_the_form_of_a_set_up_is_redirected_when_its_token_is_outdated() {
    let site = Site::with_factors(&[]);
    let mut bob = site.logged_in("bob").await;
    let old = bob.csrf_token().await;
    bob.submit("/changefactor2", &[("factor2", "dummyFactor2")]).await;
    assert_eq!(bob.confirm(DUMMY_CODE).await.status, 200);
    // A form that begins to replace the secret.
    let begins = bob.submit_bare("/configurefactor2", &[("csrfToken", &old)]).await;
    begins.assert_page(401, EXPIRED);
    // The code of the present factor, for a request that waits.
    let asked = bob.submit("/configurefactor2", &[]).await;
    assert_eq!(asked.location(), Some("/factor2"));
    let code = [("otp", DUMMY_CODE), ("csrfToken", &old)];
    bob.submit_bare("/configurefactor2", &code).await.assert_page(401, EXPIRED);
    bob.get("/factor2").await.assert_page(200, "name=\"otp\"");
}

#[tokio::test]
async fn page_of_a_code_that_was_sent_again_can_be_reloaded() {
    let site = Site::with_factors(&[]);
    let mut bob = site.logged_in("bob").await;
    bob.post("/api/changefactor2", json!({ "factor2": "dummyFactor2" })).await;
    assert_eq!(bob.confirm(DUMMY_CODE).await.status, 200);
    let mut other = site.browser();
    other.submit("/login", &[("username", "bob"), ("password", PASSWORD)]).await;
    other.submit("/resendfactor2", &[]).await.assert_page(200, "We have sent another code");
    assert_eq!(other.get("/resendfactor2").await.location(), Some("/loginfactor2"));
    bob.submit("/changepassword", &[("old_password", PASSWORD), ("new_password", "x")]).await;
    bob.submit("/resendfactor2", &[]).await.assert_page(200, "We have sent another code");
    assert_eq!(bob.get("/resendfactor2").await.location(), Some("/factor2"));
}

#[tokio::test]
async fn pages_of_mailed_links_lead_to_the_login_when_reloaded() {
    let site = Site::with(|site| site.preview_messages().email_verification(unverified()));
    for path in ["/resetpassword", "/restoreemail"] {
        assert_eq!(site.browser().get(path).await.location(), Some("/login"), "{path}");
    }
    let mut bob = Site::with_mail().browser();
    assert_eq!(bob.get("/verifyemail").await.location(), Some("/login"));
}
