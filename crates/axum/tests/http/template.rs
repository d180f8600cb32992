//! Overrides that fail when a page is rendered.

use std::fs;

use crossauth_axum::Crossauth;
use crossauth_core::storage::memory::MemoryStorage;
use crossauth_core::user::Normalization;
use tempfile::TempDir;

use crate::browser::TestResponse;
use crate::site::Site;

/// Passes the check at the start: the samples have another `siteName`.
const BROKEN: &str = "\n{% if siteName == 'Crossauth' %}{{ 1 // 0 }}{% endif %}";

async fn login_page(directory: &TempDir, reload: bool) -> TestResponse {
    let site = Site::with(|site| {
        let site = site.templates(directory.path());
        if reload { site.reload_templates() } else { site }
    });
    site.browser().get("/login").await
}

#[tokio::test]
async fn error_in_a_template_is_shown_in_development_only() {
    let directory = TempDir::new().unwrap();
    fs::write(directory.path().join("login.html"), BROKEN).unwrap();
    let shown = login_page(&directory, true).await;
    shown.assert_page(500, "login.html:2: ");
    let hidden = login_page(&directory, false).await;
    hidden.assert_page(500, "Something went wrong");
    assert!(!hidden.body.contains("login.html"), "{}", hidden.body);
    assert!(hidden.body.contains("crossauth.css?v="), "{}", hidden.body);
}

#[tokio::test]
async fn pages_have_the_footer_links() {
    let site = Site::with(|site| {
        let privacy_url = Some("https://example.com/privacy".into());
        let help_url = Some("mailto:help@example.com".into());
        site.site(crossauth_axum::SiteConfig { privacy_url, help_url, ..Default::default() })
    });
    let page = site.browser().get("/login").await.text();
    assert!(page.contains("<a href=\"https://example.com/privacy\">Privacy</a>"), "{page}");
    assert!(page.contains("<a href=\"mailto:help@example.com\">Help</a>"), "{page}");
    assert!(!page.contains(">Terms</a>"), "{page}");
}

#[test]
fn invalid_footer_links_are_rejected() {
    for wrong in ["javascript:alert(1)", "example.com/privacy", "", "https://a b"] {
        let terms_url = Some(wrong.to_owned());
        let config = crossauth_axum::SiteConfig { terms_url, ..Default::default() };
        let storage = MemoryStorage::new(Normalization::default()).storage();
        let builder = Crossauth::builder().secret("a secret of sixteen bytes or more");
        let refused = builder.storage(storage).site(config).build().unwrap_err().to_string();
        assert!(refused.starts_with("terms_url must be a path or begin with"), "{refused}");
    }
}
