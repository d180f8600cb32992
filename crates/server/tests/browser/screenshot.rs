//! Screenshots for the documentation, taken by `scripts/screenshot`.

use std::path::Path;

use crossauth_testkit::browser::{Browser, ColorScheme};

use crate::steps::server;

#[tokio::test]
#[ignore = "writes into docs/images"]
async fn login_page_of_the_documentation() {
    let server = server();
    let browser = Browser::start().await;
    browser.resize(1200, 800).await;
    browser.set_color_scheme(ColorScheme::Light).await;
    browser.open(&server.url("/login")).await;
    let picture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/images/login.png");
    browser.screenshot(&picture).await;
}
