//! What happens to an account is in the log, with its id.

use crossauth_core::message::MessageKind;
use crossauth_core::user::NewUser;
use serde_json::json;

use super::Log;
use crate::factor::{STEP, factors};
use crate::site::{PASSWORD, Site, unverified};

const NEW: &str = "Another-Horse-8";

/// The server adds the time, the request and the address of the client to each line.
#[tokio::test]
async fn g4_each_event_of_an_account_is_one_line_with_its_user() {
    let log = Log::for_the_whole_process();
    let site = Site::with(|site| {
        site.preview_messages().email_verification(unverified()).factors(factors(&[]))
    });
    // No other test has so many users, so that the lines of this one are found by its id.
    for number in 0..5000 {
        site.stored(NewUser::named(format!("user{number}")), None).await;
    }
    let id = lives(&site).await;
    assert!(id.parse::<u32>().unwrap() > 5000, "{id}");
    let text = log.text();
    let text: Vec<_> = text.lines().filter(|line| is_of(line, &id)).collect();
    for event in [
        "signed up",
        "logged out",
        "login failed",
        "logged in",
        "second factor set up",
        "wrong code",
        "known devices forgotten",
        "new recovery codes",
        "second factor turned off",
        "the password of a logged-in user is not accepted",
        "password changed",
        "profile changed",
        "e-mail address changed",
        "session ended",
        "other sessions ended",
        "a link is sent",
        "password reset",
        "account deleted by its owner",
    ] {
        let found = text.iter().any(|line| line.contains(&format!(": {event} ")));
        assert!(found, "{event:?} is not in {text:#?}");
    }
}

/// Whether a line is about this user.
fn is_of(line: &str, id: &str) -> bool {
    line.split(' ').any(|field| field.strip_prefix("user=") == Some(id))
}

/// The life of an account. Its id.
async fn lives(site: &Site) -> String {
    let mut bob = site.browser();
    let form = json!({ "username": "bob", "password": PASSWORD, "user_email": "b@x.example" });
    bob.post("/api/signup", form).await;
    bob.post("/api/logout", json!({})).await;
    bob.log_in("bob", "Wrong-Horse-7").await;
    let enrolled = site.enrolled_browser("bob").await;
    let code = || json!({ "otp": site.totp_code(&enrolled.secret), "remember_device": true });
    bob.log_in("bob", PASSWORD).await;
    bob.post("/api/loginfactor2", json!({ "otp": "000000" })).await;
    bob.post("/api/loginfactor2", code()).await;
    site.clock.advance(STEP);
    assert_eq!(bob.post("/api/forgetdevice", json!({ "all": true })).await.status, 200);
    for (path, body) in
        [("/api/recoverycodes", json!({})), ("/api/changefactor2", json!({ "factor2": "none" }))]
    {
        let done = bob.post_with_code(path, body, &site.totp_code(&enrolled.secret)).await;
        assert_eq!(done.status, 200, "{path}: {}", done.body);
        site.clock.advance(STEP);
    }
    let passwords = |old| json!({ "old_password": old, "new_password": NEW });
    bob.post("/api/changepassword", passwords("Wrong-Horse-7")).await;
    bob.post("/api/changepassword", passwords(PASSWORD)).await;
    bob.post("/api/updateuser", json!({ "user_phone": "1" })).await;
    bob.post("/api/updateuser", json!({ "user_email": "b@y.example" })).await;
    let mut other = site.browser();
    other.log_in("bob", NEW).await;
    let sessions = other.get_json("/api/sessions").await.json();
    let first = sessions["sessions"].as_array().unwrap().iter().find(|it| it["current"] == false);
    let path = format!("/api/endsession/{}", first.unwrap()["id"].as_str().unwrap());
    assert_eq!(other.post(&path, json!({})).await.status, 200);
    other.post("/api/endothersessions", json!({})).await;
    site.mail().await;
    other.post("/api/requestpasswordreset", json!({ "email": "b@y.example" })).await;
    let link = site.one_mail(MessageKind::PasswordReset, "b@y.example").await;
    let body =
        json!({ "token": link.token(), "new_password": PASSWORD, "repeat_password": PASSWORD });
    assert_eq!(other.post("/api/resetpassword", body).await.status, 200);
    let (user, _) = site.found("bob").await.unwrap();
    let gone = other.post("/api/deleteuser", json!({ "password": PASSWORD })).await;
    assert_eq!(gone.status, 200, "{}", gone.body);
    user.id.to_string()
}
