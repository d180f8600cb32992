//! An administrator at work.

use crossauth_testkit::browser::Browser;
use crossauth_testkit::oathtool::code;
use crossauth_testkit::server::Server;

use crate::page::look;
use crate::steps::{
    PASSWORD, assert_no_errors, choose, fill_password, is_logged_in, log_in, secret, server,
};

/// Creates the first administrator.
pub(crate) async fn administrator(server: &Server) -> Browser {
    let browser = Browser::start().await;
    browser.open(&server.setup_link()).await;
    browser.fill("Username", "root").await;
    browser.fill("Email", "root@example.com").await;
    browser.fill("Password", PASSWORD).await;
    browser.click("Create administrator").await;
    browser.expect("Administration").await;
    browser
}

/// Signs up with an authenticator application.
async fn sign_up_with_app(server: &Server, username: &str) -> Browser {
    let browser = Browser::start().await;
    browser.open(&server.url("/signup")).await;
    browser.fill("Username", username).await;
    fill_password(&browser, "Password", PASSWORD).await;
    choose(&browser, "Authenticator app").await;
    browser.click("Create account").await;
    let secret = secret(&browser).await;
    browser.fill("Code", &code(&secret, "now")).await;
    browser.click("Confirm").await;
    browser.click("I have kept them, continue").await;
    browser.expect("Authenticator app").await;
    browser
}

/// Adds this number of accounts to the database.
fn populate(server: &Server, number: u32) {
    let database = server.directory().join("crossauth-data/crossauth.db");
    let mut database = rusqlite::Connection::open(database).unwrap();
    let transaction = database.transaction().unwrap();
    let copy = "INSERT INTO crossauth_users \
         (username, username_normalized, email, email_normalized, state, factor1, factor2, admin) \
         VALUES (?1, ?1, ?2, ?2, 'active', 'localpassword', '', 0)";
    for index in 0..number {
        let name = format!("user{index:05}");
        let address = format!("{name}@example.com");
        transaction.execute(copy, [&name, &address]).unwrap();
    }
    transaction.commit().unwrap();
}

#[tokio::test]
async fn administrator_finds_a_user_among_ten_thousand_resets_a_factor_and_ends_a_session() {
    let server = server();
    let root = administrator(&server).await;
    let needle = sign_up_with_app(&server, "needle").await;
    populate(&server, 10_000);

    root.click("Administration").await;
    root.expect("user00000").await;
    look(&root, &server, "admin-users").await;
    root.click("Last page").await;
    root.expect("user09999").await;
    root.click("Previous page").await;
    root.expect("user09989").await;
    root.fill("Name or email", "need").await;
    root.click("Search").await;
    root.expect("needle").await;
    assert!(!root.text().await.contains("user0"), "{}", root.text().await);

    // A session that is open in another browser is dead at its next click.
    assert!(is_logged_in(&needle, &server).await);
    root.click("needle").await;
    root.expect("Chrome on Linux").await;
    look(&root, &server, "admin-user").await;
    let end = "button[aria-label^='Log out session']";
    root.evaluate(&format!("document.querySelector(\"{end}\").click()")).await;
    root.expect("Not logged in anywhere").await;
    needle.click("Change your password").await;
    needle.expect("Log in to").await;
    log_in(&needle, "needle", PASSWORD).await;
    needle.expect("Enter your code").await;

    root.click("Reset the second step").await;
    root.expect("This cannot be undone").await;
    look(&root, &server, "admin-reset").await;
    root.click("Reset the second step").await;
    root.expect("The second factor has been reset").await;
    root.expect("Second step must be set up again").await;
    needle.open(&server.url("/login")).await;
    log_in(&needle, "needle", PASSWORD).await;
    needle.expect("Authenticator app").await;

    root.click("Audit log").await;
    root.fill("User", "needle").await;
    root.click("Search").await;
    root.expect("user.sessions_ended").await;
    root.expect("user.factor_reset").await;
    look(&root, &server, "admin-audit").await;
    for browser in [&root, &needle] {
        assert_no_errors(browser, &server, "at the end").await;
    }
}

#[tokio::test]
async fn administrator_creates_changes_disables_and_deletes_a_user() {
    let server = server();
    let root = administrator(&server).await;
    root.open(&server.url("/admin/selectuser")).await;
    root.click("New user").await;
    look(&root, &server, "admin-create").await;
    root.fill("Username", "bob").await;
    root.fill("Password", "short").await;
    root.click("Create user").await;
    root.expect("Please check the marked fields.").await;
    root.fill("Password", PASSWORD).await;
    root.click("Create user").await;
    root.expect("The account has been created").await;
    let bob = Browser::start().await;
    bob.open(&server.url("/login")).await;
    log_in(&bob, "bob", PASSWORD).await;
    bob.expect("Log out").await;
    assert!(!bob.text().await.contains("Administration"));
    bob.open(&server.url("/admin/selectuser")).await;
    bob.expect("You do not have access").await;

    root.click("Change details, status or role").await;
    look(&root, &server, "admin-update").await;
    root.fill("Username", "bobby").await;
    root.click("Save").await;
    root.expect("User updated").await;
    root.click("Back to the user").await;
    root.click("Disable the account").await;
    root.expect("User updated").await;
    bob.reload().await;
    bob.expect("Log in to").await;
    root.click("Back to the user").await;
    root.expect("Disabled").await;
    root.click("Delete the account").await;
    root.expect("This cannot be undone").await;
    look(&root, &server, "admin-delete").await;
    root.click("Delete account").await;
    root.expect("User deleted").await;
    root.click("Continue").await;
    root.expect("root").await;
    assert!(!root.text().await.contains("bobby"));
    for browser in [&root, &bob] {
        assert_no_errors(browser, &server, "at the end").await;
    }
}
