//! Cross-site attacks on the session of a visitor.
//!
//! `evil.localhost` is another site. Another port of 127.0.0.1 is another origin of the same site,
//! which receives our cookies and can set cookies.

use crossauth_testkit::browser::{Browser, Site};
use crossauth_testkit::server::Server;

use crate::steps::{PASSWORD, is_logged_in, server, sign_up};

const HOSTS: [&str; 2] = ["evil.localhost", "127.0.0.1"];

/// A page that posts a form to us when it is opened.
fn trap(server: &Server, path: &str, fields: &[(&str, &str)]) -> String {
    let inputs = fields.iter().fold(String::new(), |all, (name, value)| {
        format!("{all}<input name='{name}' value='{value}'>")
    });
    let action = server.url(path);
    format!(
        "<link rel=icon href='data:,'><form method=post action='{action}'>{inputs}</form>\
         <script>document.forms[0].submit()</script>"
    )
}

/// A CSRF cookie and its token, as any client can get them.
async fn csrf_pair(server: &Server) -> (String, String) {
    let response = reqwest::get(server.url("/api/getcsrftoken")).await.unwrap();
    let cookie = response.headers()["set-cookie"].to_str().unwrap();
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let body: serde_json::Value = response.json().await.unwrap();
    (cookie, body["csrfToken"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn form_of_another_origin_does_not_log_out() {
    let server = server();
    let browser = Browser::start().await;
    let (_, token) = csrf_pair(&server).await;
    let site = Site::start([("/", &*trap(&server, "/logout", &[("csrfToken", &token)]))]).await;
    for (host, name) in HOSTS.into_iter().zip(["alice", "bob"]) {
        browser.forget_cookies().await;
        sign_up(&browser, &server, name).await;
        browser.open(&site.url(host, "/")).await;
        browser.expect("The request comes from another site").await;
        assert_eq!(browser.url().await, server.url("/logout"));
        assert!(is_logged_in(&browser, &server).await, "{host}");
    }
}

#[tokio::test]
async fn form_of_another_origin_does_not_log_in() {
    let server = server();
    let browser = Browser::start().await;
    sign_up(&browser, &server, "mallory").await;
    let (cookie, token) = csrf_pair(&server).await;
    let fields = [("csrfToken", &*token), ("username", "mallory"), ("password", PASSWORD)];
    let trap = trap(&server, "/login", &fields);
    let page = format!("<script>document.cookie = '{cookie}; path=/'</script>{trap}");
    let site = Site::start([("/", &*page)]).await;
    for host in HOSTS {
        browser.forget_cookies().await;
        browser.open(&site.url(host, "/")).await;
        browser.expect("The request comes from another site").await;
        assert_eq!(browser.url().await, server.url("/login"));
        assert!(!is_logged_in(&browser, &server).await, "{host}");
    }
    // The control: from our own origin the same cookie and token log in.
    browser.forget_cookies().await;
    browser.open(&server.url("/login")).await;
    browser.forget_cookies().await;
    let cookie = format!("document.cookie = '{cookie}; path=/'");
    browser.evaluate(&cookie).await;
    let submit = format!(
        "{{ const form = document.forms[0]; form.csrfToken.value = '{token}'; \
         form.username.value = 'mallory'; form.password.value = '{PASSWORD}'; form.submit() }}"
    );
    browser.evaluate(&submit).await;
    browser.expect("Log out").await;
}

#[tokio::test]
async fn pages_are_not_shown_in_frames_of_other_origins() {
    let server = server();
    let browser = Browser::start().await;
    let frame = |source: &str| {
        format!(
            "<link rel=icon href='data:,'><iframe src='{source}' width=600 height=400></iframe>"
        )
    };
    let site = Site::start([
        ("/own", &*frame("/framed")),
        ("/framed", "<link rel=icon href='data:,'>A page"),
        ("/login", &*frame(&server.url("/login"))),
        ("/signup", &*frame(&server.url("/signup"))),
        ("/account", &*frame(&server.url("/"))),
    ])
    .await;
    for host in HOSTS {
        // The control: a page that allows framing is shown without an error.
        browser.open(&site.url(host, "/own")).await;
        assert_eq!(browser.take_errors().await, Vec::<String>::new());
        for path in ["/login", "/signup", "/account"] {
            browser.open(&site.url(host, path)).await;
            let errors = browser.take_errors().await;
            let refused = errors.iter().any(|message| message.contains("frame-ancestors 'none'"));
            assert!(refused, "{host}{path}: {errors:?}");
        }
    }
}
