//! Sessions of one user in several browsers.

use crossauth_testkit::browser::Browser;

use crate::page::look;
use crate::steps::{PASSWORD, assert_no_errors, is_logged_in, log_in, server, sign_up};

#[tokio::test]
async fn user_ends_the_sessions_of_other_browsers() {
    let server = server();
    let [desk, phone] = [Browser::start().await, Browser::start().await];
    sign_up(&desk, &server, "alice").await;
    assert!(!desk.text().await.contains("Log out everywhere else"));
    phone.open(&server.url("/login")).await;
    log_in(&phone, "alice", PASSWORD).await;
    phone.expect("Log out everywhere else").await;

    desk.reload().await;
    look(&desk, &server, "account-sessions").await;
    let end = "button[aria-label^='Log out session']";
    desk.evaluate(&format!("document.querySelector(\"{end}\").click()")).await;
    desk.expect("This device").await;
    assert!(!desk.text().await.contains("Log out everywhere else"));
    // The page that was open shows nothing new.
    phone.click("Change your password").await;
    phone.expect("Log in to").await;
    assert!(!is_logged_in(&phone, &server).await);

    log_in(&phone, "alice", PASSWORD).await;
    phone.click("Log out everywhere else").await;
    phone.expect("This device").await;
    assert!(!phone.text().await.contains("Log out everywhere else"));
    assert!(is_logged_in(&phone, &server).await);
    assert!(!is_logged_in(&desk, &server).await);
    for browser in [&desk, &phone] {
        assert_no_errors(browser, &server, "at the end").await;
    }
}
