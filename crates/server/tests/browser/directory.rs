//! Users of a directory, the real server of which is killed at the end.

use crossauth_testkit::browser::Browser;
use crossauth_testkit::oathtool::code;
use crossauth_testkit::server::{Program, Server};
use crossauth_testkit::slapd::Server as Slapd;
use crossauth_testkit::slapd::directory::{GROUPS, PASSWORD, PEOPLE, SERVICE, SERVICE_PASSWORD};

use crate::admin::administrator;
use crate::page::look;
use crate::steps::{
    PASSWORD as LOCAL, assert_no_errors, choose, fill_password, is_logged_in, log_in, log_out,
    secret,
};

const NEW: &str = "Battery-staple-9";

/// A server whose users are those of the directory, beside local ones.
fn server(slapd: &Slapd) -> Server {
    program(slapd).start()
}

fn program(slapd: &Slapd) -> Program {
    let certificate = slapd.authority().certificate();
    let field = r#"[{"name":"email","type":"email"},{"name":"phone","type":"phone"}]"#;
    [
        ("LDAP_URL", slapd.tls_url().as_str()),
        ("LDAP_CA_FILE", certificate.to_str().unwrap()),
        ("LDAP_BIND_DN", SERVICE),
        ("LDAP_BIND_PASSWORD", SERVICE_PASSWORD),
        ("LDAP_LOOKUP", "search"),
        ("LDAP_USER_SEARCH_BASE", PEOPLE),
        ("LDAP_FIELDS", "phone=telephoneNumber"),
        ("LDAP_ADMIN_GROUPS", &format!("cn=admins,{GROUPS}")),
        ("LDAP_PASSWORD_CHANGE", "rfc3062"),
        ("LDAP_AUTO_CREATE_ACCOUNT", "true"),
        ("SIGNUP_FIELDS", field),
    ]
    .into_iter()
    .fold(Program::new(env!("CARGO_BIN_EXE_crossauth")), |program, (name, value)| {
        program.variable(&format!("CROSSAUTH_{name}"), value)
    })
}

/// Opens the login page and logs in.
async fn enter(browser: &Browser, server: &Server, name: &str, password: &str) {
    browser.open(&server.url("/login")).await;
    log_in(browser, name, password).await;
}

#[tokio::test]
async fn user_of_the_directory_logs_in_changes_the_password_and_sets_up_a_second_step() {
    let slapd = Slapd::start();
    let server = server(&slapd);
    let browser = Browser::start().await;
    enter(&browser, &server, "mustchange", "wrong").await;
    browser.expect("Invalid username or password").await;
    look(&browser, &server, "directory-refused").await;
    log_in(&browser, "mustchange", PASSWORD).await;
    browser.expect("You must choose a new password").await;
    look(&browser, &server, "directory-must-change").await;
    browser.fill("Current password", PASSWORD).await;
    fill_password(&browser, "New password", "short").await;
    browser.click("Change password").await;
    browser.expect("Please check the marked fields").await;
    look(&browser, &server, "directory-must-change-refused").await;
    browser.fill("Current password", PASSWORD).await;
    fill_password(&browser, "New password", NEW).await;
    browser.click("Change password").await;
    browser.expect("Log out").await;
    assert!(is_logged_in(&browser, &server).await);

    log_out(&browser, &server).await;
    enter(&browser, &server, "alice", PASSWORD).await;
    browser.expect("alice@example.org").await;
    browser.expect("are changed there").await;
    look(&browser, &server, "directory-home").await;
    // All fields of the form come from the entry.
    assert!(!browser.text().await.contains("Change your details"));
    browser.open(&server.url("/updateuser")).await;
    browser.expect("come from the directory of your organization").await;
    look(&browser, &server, "directory-profile").await;
    browser.open(&server.url("/changepassword")).await;
    browser.fill("Current password", PASSWORD).await;
    fill_password(&browser, "New password", PASSWORD).await;
    browser.click("Change password").await;
    browser.expect("Please check the marked fields").await;
    look(&browser, &server, "directory-password").await;

    browser.open(&server.url("/changefactor2")).await;
    choose(&browser, "Authenticator app").await;
    look(&browser, &server, "directory-factors").await;
    browser.click("Continue").await;
    let secret = secret(&browser).await;
    browser.fill("Code", &code(&secret, "now")).await;
    browser.click("Confirm").await;
    browser.click("I have kept them, continue").await;
    log_out(&browser, &server).await;
    enter(&browser, &server, "alice", PASSWORD).await;
    browser.expect("Enter your code").await;
    look(&browser, &server, "directory-code").await;
    assert_no_errors(&browser, &server, "at the end").await;
}

#[tokio::test]
async fn user_of_the_directory_confirms_an_old_login_with_the_password_there() {
    let slapd = Slapd::start();
    let server = program(&slapd).variable("CROSSAUTH_SESSION_FRESH_FOR", "1ms").start();
    let browser = Browser::start().await;
    enter(&browser, &server, "judy", PASSWORD).await;
    browser.expect("judy@example.org").await;
    browser.open(&server.url("/reauthenticate")).await;
    browser.expect("Confirm that it is you").await;
    look(&browser, &server, "directory-reauthenticate").await;
    browser.fill("Password", "wrong").await;
    browser.click("Continue").await;
    browser.expect("Please check the marked fields").await;
    slapd.kill();
    browser.fill("Password", PASSWORD).await;
    browser.click("Continue").await;
    browser.expect("The directory does not respond right now").await;
    look(&browser, &server, "directory-down-reauthenticate").await;
    slapd.resume();
    browser.fill("Password", PASSWORD).await;
    browser.click("Continue").await;
    browser.expect("judy@example.org").await;
}

#[tokio::test]
async fn administrator_adds_a_user_of_the_directory_and_sees_what_comes_from_there() {
    let slapd = Slapd::start();
    let server = server(&slapd);
    let root = administrator(&server).await;
    root.open(&server.url("/admin/createuser")).await;
    root.click("Add a user of the directory").await;
    root.expect("come from the directory").await;
    look(&root, &server, "directory-admin-create").await;
    root.fill("Username", "unknown").await;
    root.click("Add user").await;
    root.expect("The directory has no user of this name").await;
    look(&root, &server, "directory-admin-create-refused").await;
    root.fill("Username", "heidi").await;
    root.click("Add user").await;
    root.expect("In the directory").await;
    root.expect("heidi@example.org").await;
    look(&root, &server, "directory-admin-user").await;
    root.click("Change details, status or role").await;
    root.expect("Comes from the directory").await;
    look(&root, &server, "directory-admin-edit").await;
    root.open(&server.url("/admin/selectuser")).await;
    root.expect("heidi").await;
    look(&root, &server, "directory-admin-users").await;
    assert_no_errors(&root, &server, "at the end").await;
}

#[tokio::test]
async fn while_the_directory_is_down_its_users_are_told_and_local_ones_log_in() {
    let slapd = Slapd::start();
    let server = server(&slapd);
    let root = administrator(&server).await;
    let browser = Browser::start().await;
    browser.open(&server.url("/signup")).await;
    browser.fill("Username", "bob").await;
    browser.fill("Email", "bob@elsewhere.example").await;
    fill_password(&browser, "Password", LOCAL).await;
    browser.click("Create account").await;
    browser.expect("Username is already taken").await;
    look(&browser, &server, "directory-signup").await;
    enter(&browser, &server, "bob", PASSWORD).await;
    browser.expect("bob@example.org").await;

    slapd.kill();
    browser.open(&server.url("/deleteuser")).await;
    browser.fill("Password", PASSWORD).await;
    browser.click("Delete account").await;
    look(&browser, &server, "directory-down-delete").await;
    browser.open(&server.url("/changepassword")).await;
    browser.fill("Current password", PASSWORD).await;
    fill_password(&browser, "New password", NEW).await;
    browser.click("Change password").await;
    look(&browser, &server, "directory-down-password").await;
    log_out(&browser, &server).await;
    log_in(&browser, "bob", PASSWORD).await;
    browser.expect("The directory does not respond right now").await;
    look(&browser, &server, "directory-down").await;
    root.open(&server.url("/admin/createuser?factor1=ldap")).await;
    root.fill("Username", "judy").await;
    root.click("Add user").await;
    look(&root, &server, "directory-down-create").await;
    log_out(&root, &server).await;
    log_in(&root, "root", LOCAL).await;
    root.expect("Administration").await;
}
