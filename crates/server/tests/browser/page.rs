//! Pages in a wide and a narrow window, in light and dark.

use std::path::Path;

use crossauth_testkit::browser::{Browser, ColorScheme};
use crossauth_testkit::server::Server;

use crate::audit::audit;
use crate::steps::{PASSWORD, assert_no_errors, log_in, server, sign_up};

/// Long text that cannot be broken.
const LONG: &str = "Wolfeschlegelsteinhausenbergerdorff-Featherstonehaugh-Cholmondeley";

#[tokio::test]
async fn every_page_fits_wide_and_narrow_windows_and_follows_its_security_policy() {
    let server = server();
    let setup = server.setup_link();
    let browser = Browser::start().await;
    for (name, url) in [
        ("login", server.url("/login")),
        ("signup", server.url("/signup")),
        ("setup", setup),
        ("nowhere", server.url("/nowhere")),
    ] {
        browser.open(&url).await;
        look(&browser, &server, name).await;
    }
    browser.open(&server.url("/login")).await;
    log_in(&browser, LONG, "Wrong-horse-7").await;
    browser.expect("Invalid username or password").await;
    look(&browser, &server, "login-refused").await;
    browser.open(&server.url("/signup")).await;
    browser.fill("Username", "<name>").await;
    browser.fill("Password", "short").await;
    browser.click("Create account").await;
    browser.expect("Please check the marked fields.").await;
    look(&browser, &server, "signup-refused").await;
    sign_up(&browser, &server, LONG).await;
    look(&browser, &server, "account").await;
}

#[tokio::test]
async fn long_names_and_many_sessions_fit_every_window() {
    let server = server();
    let browser = Browser::start().await;
    sign_up(&browser, &server, "alice").await;
    for _ in 0..3 {
        browser.forget_cookies().await;
        browser.open(&server.url("/login")).await;
        log_in(&browser, "alice", PASSWORD).await;
        browser.expect("Log out everywhere else").await;
    }
    let database = server.directory().join("crossauth-data/crossauth.db");
    let database = rusqlite::Connection::open(database).unwrap();
    let address = format!("{LONG}@mail.subsidiary.{LONG}.example.com").to_lowercase();
    let change = "UPDATE crossauth_users SET username = ?1, email = ?2";
    database.execute(change, [LONG, &address]).unwrap();
    for path in ["", "logout", "deleteuser", "login?next=/changepassword"] {
        browser.open(&server.url(&format!("/{path}"))).await;
        look(&browser, &server, &format!("long-{}", path.replace(['?', '/'], "-"))).await;
    }
}

/// Checks the open page in both sizes and schemes, and keeps screenshots.
pub(crate) async fn look(browser: &Browser, server: &Server, name: &str) {
    // 320 also corresponds to 640 at 200 % zoom.
    for (width, height) in [(1200, 800), (320, 640)] {
        for scheme in [ColorScheme::Light, ColorScheme::Dark] {
            browser.resize(width, height).await;
            browser.set_color_scheme(scheme).await;
            let file = format!("{name}-{width}-{scheme:?}.png").to_lowercase();
            browser.screenshot(&Path::new(env!("CARGO_TARGET_TMPDIR")).join(file)).await;
            audit(browser, &format!("{name}, {width} pixels, {scheme:?}")).await;
            let beyond = "document.documentElement.scrollWidth - innerWidth";
            let beyond = browser.evaluate(beyond).await.as_i64().unwrap();
            assert!(beyond <= 0, "{name} is {beyond} pixels wider than {width}");
            let text = browser.evaluate("getComputedStyle(document.body).color").await;
            let ground = browser.evaluate("getComputedStyle(document.body).backgroundColor").await;
            let is_dark = brightness(ground.as_str().unwrap()) < brightness(text.as_str().unwrap());
            assert_eq!(is_dark, scheme == ColorScheme::Dark, "{name}: {text} on {ground}");
        }
    }
    assert_no_errors(browser, server, name).await;
}

/// The sum of the channels of a colour such as `rgb(1, 2, 3)`.
fn brightness(colour: &str) -> u32 {
    let parts = colour.trim_start_matches("rgb(").trim_end_matches(')').split(", ");
    parts.map(|part| part.parse::<u32>().unwrap()).sum()
}
