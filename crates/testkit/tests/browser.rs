//! The browser reports the errors that tests rely on.

use crossauth_testkit::browser::{Browser, ColorScheme, Scripting, Site};

#[tokio::test]
async fn dialogs_errors_and_violations_are_reported() {
    let site = Site::start([
        ("/quiet", "<link rel=icon href='data:,'><p>Nothing"),
        ("/dialog", "<link rel=icon href='data:,'><script>alert('boo')</script>"),
        ("/error", "<link rel=icon href='data:,'><script>nothing.at.all</script>"),
        (
            "/violation",
            "<meta http-equiv=Content-Security-Policy content=\"script-src 'none'\">\
             <link rel=icon href='data:,'><script>1</script>",
        ),
        ("/missing", "<link rel=icon href='data:,'><img src=/nowhere>"),
    ])
    .await;
    let browser = Browser::start().await;
    let page = async |path| {
        browser.open(&site.url("example.localhost", path)).await;
        browser.take_errors().await
    };
    assert_eq!(page("/quiet").await, Vec::<String>::new());
    for (path, expected) in [
        ("/dialog", "dialog: alert boo"),
        ("/error", "nothing is not defined"),
        ("/violation", "Content Security Policy"),
        ("/missing", "404"),
    ] {
        let errors = page(path).await;
        assert_eq!(errors.len(), 1, "{path}: {errors:?}");
        assert!(errors[0].contains(expected), "{path}: {errors:?}");
    }
}

#[tokio::test]
async fn scripts_of_pages_run_unless_blocked() {
    let site =
        Site::start([("/", "<title>still</title><script>document.title = 'moved'</script>")]);
    let (site, browser) = (site.await, Browser::start().await);
    browser.open(&site.url("127.0.0.1", "/")).await;
    assert_eq!(browser.title().await, "moved");
    browser.scripting(Scripting::Blocked).await;
    browser.open(&site.url("127.0.0.1", "/")).await;
    assert_eq!(browser.title().await, "still");
    assert_eq!(browser.evaluate("1 + 1").await, 2);
}

#[tokio::test]
async fn window_and_color_scheme_are_as_set() {
    let site = Site::start([("/", "<meta name=viewport content='width=device-width'>")]).await;
    let browser = Browser::start().await;
    browser.resize(320, 640).await;
    browser.open(&site.url("127.0.0.1", "/")).await;
    assert_eq!(browser.evaluate("`${innerWidth}x${innerHeight}`").await, "320x640");
    for (scheme, dark) in [(ColorScheme::Dark, true), (ColorScheme::Light, false)] {
        browser.set_color_scheme(scheme).await;
        assert_eq!(
            browser.evaluate("matchMedia('(prefers-color-scheme: dark)').matches").await,
            dark
        );
    }
}
