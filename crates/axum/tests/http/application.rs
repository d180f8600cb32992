//! Handlers of an application: forms, rejections, sessions, sign-up fields.

use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use crossauth_axum::{
    Admin, BeginSessionError, Builder, CsrfChecked, CsrfForm, CurrentUser, EndSession, FieldKind,
    Rejection, SignupField, Visitor, testkit,
};
use crossauth_core::account::Role;
use http::Method;
use http::header::CONTENT_TYPE;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::browser::{Browser, json_request, request};
use crate::site::{PASSWORD, Site};

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Size {
    Small,
    Large,
}

#[derive(Deserialize)]
struct Order {
    count: u32,
    size: Size,
    #[serde(default)]
    gift: bool,
    limit: Option<f64>,
    #[serde(default)]
    tags: Vec<String>,
}

async fn order(CsrfForm(order): CsrfForm<Order>) -> String {
    let size = match order.size {
        Size::Small => "small",
        Size::Large => "large",
    };
    format!("{} {size} {} {:?} {:?}", order.count, order.gift, order.limit, order.tags)
}

/// A browser in which bob is logged in to an application.
async fn bob(application: Router) -> Browser {
    let site = Site::new();
    let mut browser = Browser::new(site.crossauth.mount(application));
    browser.cookies = site.logged_in("bob").await.cookies;
    browser
}

#[tokio::test]
async fn form_fields_are_numbers_checkboxes_choices_and_lists() {
    let mut bob = bob(Router::new().route("/order", post(order))).await;
    let full = [
        ("count", "5"),
        ("size", "large"),
        ("gift", "on"),
        ("limit", "1.5"),
        ("tags", "a"),
        ("tags", "b"),
    ];
    let response = bob.submit("/order", &full).await;
    assert_eq!(response.body, r#"5 large true Some(1.5) ["a", "b"]"#);
    let sparse = [("count", "0"), ("size", "small"), ("limit", ""), ("tags", "a")];
    assert_eq!(bob.submit("/order", &sparse).await.body, r#"0 small false None ["a"]"#);
    let json = json!({"count": 5, "size": "large", "gift": true, "tags": ["a"]});
    assert_eq!(bob.post("/order", json).await.body, r#"5 large true None ["a"]"#);
}

#[tokio::test]
async fn error_of_a_malformed_form_names_the_field() {
    let mut bob = bob(Router::new().route("/order", post(order))).await;
    for (fields, text) in [
        (vec![("size", "large")], "Count is required"),
        (vec![("count", "many"), ("size", "large")], "Count must be a whole number"),
        (vec![("count", "1"), ("size", "huge")], "Size must be one of small, large"),
        (vec![("count", "1"), ("count", "2"), ("size", "large")], "Count is given more than once"),
        (vec![("count", "1"), ("size", "large"), ("gift", "maybe")], "Gift must be yes or no"),
    ] {
        bob.submit("/order", &fields).await.assert_page(400, text);
    }
    let response = bob.post("/order", json!({"count": "secret", "size": "large"})).await;
    response.assert_failure(400, "BadRequest");
    assert_eq!(response.json()["fieldErrors"], json!({"count": ["Count has the wrong type"]}));
    assert!(!response.body.contains("secret"));
}

/// A body with a CSRF token.
type WithToken<'a> = &'a dyn Fn(&str) -> String;

#[tokio::test]
async fn csrf_token_is_required_in_bodies_of_every_media_type() {
    let mut bob = bob(Router::new().route("/order", post(order))).await;
    let token = bob.csrf_token().await;
    let form = |token: &str| format!("count=5&size=large&csrfToken={token}");
    let json = |token: &str| json!({"count": 5, "size": "large", "csrfToken": token}).to_string();
    let multipart = |token: &str| {
        let parts = [("count", "5"), ("size", "large"), ("csrfToken", token)];
        let part = |(name, value): (&str, &str)| {
            format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
        };
        format!("{}--b--\r\n", parts.map(part).concat())
    };
    let bodies: [(&str, WithToken<'_>); 3] = [
        ("application/x-www-form-urlencoded", &form),
        ("application/json", &json),
        ("multipart/form-data; boundary=b", &multipart),
    ];
    for path in ["/order", "/api/logout"] {
        for (media_type, body) in bodies {
            let typed = || request(Method::POST, path).header(CONTENT_TYPE, media_type);
            for wrong in ["", "wrong", &token[1..]] {
                let response = bob.send(typed(), body(wrong)).await;
                assert_eq!(response.status, 401, "{path} {media_type}: {}", response.body);
            }
            // A log-out would end the session for the media types after it.
            if path == "/order" {
                let response = bob.send(typed(), body(&token)).await;
                assert_eq!(response.status, 200, "{path} {media_type}: {}", response.body);
            }
        }
    }
    let logout = request(Method::POST, "/api/logout").header(CONTENT_TYPE, bodies[2].0);
    assert_eq!(bob.send(logout, multipart(&token)).await.status, 200);
}

#[tokio::test]
async fn nul_in_the_name_of_a_nested_member_is_refused() {
    let mut bob = bob(Router::new().route("/order", post(order))).await;
    let body = json!({"count": 1, "size": "large", "more": {"a": [{"\0": 1}]}});
    bob.post("/order", body).await.assert_failure(400, "BadRequest");
}

#[tokio::test]
async fn other_content_types_are_checked_by_the_csrf_header() {
    async fn rename(_: CsrfChecked, user: CurrentUser, Json(name): Json<String>) -> String {
        format!("{} is {name}", user.username)
    }
    let mut bob = bob(Router::new().route("/name", post(rename))).await;
    assert_eq!(bob.post("/name", json!("rob")).await.body, "bob is rob");
    bob.send(json_request("/name"), "\"eve\"").await.assert_failure(401, "InvalidCsrf");
    let mut other = bob.copy();
    other.cookies.clear();
    let foreign = other.csrf_token().await;
    let response = bob.post_with_token("/name", json!("eve"), &foreign).await;
    response.assert_failure(401, "InvalidCsrf");
}

#[tokio::test]
async fn rejection_of_the_application_is_rendered_like_a_built_in_one() {
    async fn edit(user: CurrentUser) -> Result<String, Rejection> {
        match user.extra.get("role").and_then(Value::as_str) {
            Some("editor") => Ok("edited".into()),
            _ => Err(Rejection::forbidden("Only editors can do this")),
        }
    }
    async fn book() -> Rejection {
        Rejection::field("date", "Date is in the past").and_field("seats", "Seats are sold out")
    }
    let routes = Router::new()
        .route("/edit", get(edit))
        .route("/book", get(book))
        .route("/gone", get(async || Rejection::not_found("This page was removed")));
    let mut bob = bob(routes).await;
    bob.get("/edit").await.assert_page(403, "Only editors can do this");
    bob.get_json("/edit").await.assert_failure(403, "Forbidden");
    bob.get("/gone").await.assert_page(404, "This page was removed");
    let response = bob.get_json("/book").await;
    response.assert_failure(400, "FormEntry");
    let fields = json!({"date": ["Date is in the past"], "seats": ["Seats are sold out"]});
    assert_eq!(response.json()["fieldErrors"], fields);
    bob.cookies.clear();
    assert_eq!(bob.get("/edit").await.location(), Some("/login?next=%2Fedit"));
}

#[tokio::test]
async fn users_serialize_visible_fields_in_a_fixed_order() {
    async fn me(user: CurrentUser) -> Json<CurrentUser> {
        Json(user)
    }
    async fn who(admin: Option<Admin>) -> String {
        admin.is_some().to_string()
    }
    let site = Site::with(|site| site.visible_fields(["phone"]));
    let fields = json!({"phone": "1", "stripe_secret": "sk_live"});
    let fields = fields.as_object().unwrap().clone();
    let bob = testkit::user(&site.crossauth, "bob", Role::User, fields).await;
    let router = site.crossauth.mount(Router::new().route("/me", get(me)).route("/who", get(who)));
    let mut browser = Browser::new(router);
    let whole = r#""username":"bob","state":"active","factor1":"localpassword","factor2":"","admin":false,"phone":"1"}"#;
    let ask = |path: &str| bob.authorize(request(Method::GET, path));
    for path in ["/me", "/api/userforsessionkey"] {
        let response = browser.send(ask(path), "").await;
        assert!(
            response.body.contains(whole) && !response.body.contains("sk_live"),
            "{}",
            response.body
        );
    }
    let login =
        browser.post("/api/login", json!({"username": "bob", "password": testkit::PASSWORD}));
    let login = login.await;
    assert!(login.body.contains(whole), "{}", login.body);
    assert_eq!(browser.send(ask("/who"), "").await.body, "false");
    let root = testkit::admin(&site.crossauth, "root-1").await;
    let asked = root.authorize(request(Method::GET, "/who"));
    browser.cookies.clear();
    assert_eq!(browser.send(asked, "").await.body, "true");
}

#[tokio::test]
async fn application_begins_and_ends_sessions() {
    let site = Site::new();
    let bob = site.account("bob", Role::User).await;
    let disabled = site.account("disabled", Role::User).await;
    site.set_state(&disabled, "disabled").await;
    let disabled = site.found("disabled").await.unwrap().0;
    let enter = |user: crossauth_core::user::User| {
        let crossauth = site.crossauth.clone();
        get(async move || -> Result<Response, BeginSessionError> {
            let session = crossauth.begin_session(&user).await?;
            Ok((session, "welcome").into_response())
        })
    };
    let routes = Router::new()
        .route("/enter", enter(bob))
        .route("/refused", enter(disabled))
        .route("/leave", post(async || (EndSession, "bye")));
    let mut browser = Browser::new(site.crossauth.mount(routes));
    browser.cookies = site.logged_in("alice").await.cookies;
    let mut old = browser.copy();
    assert_eq!(browser.get("/enter").await.body, "welcome");
    assert_eq!(browser.whoami().await.as_deref(), Some("bob"));
    assert_eq!(old.whoami().await, None);
    // The CSRF cookie belongs to the new session.
    let token = browser.csrf_token().await;
    let mut copy = browser.copy();
    browser.get_json("/refused").await.assert_failure(403, "UserNotActive");
    assert_eq!(browser.send(request(Method::POST, "/leave"), "").await.body, "bye");
    assert_eq!(browser.whoami().await, None);
    assert_eq!(copy.whoami().await, None);
    assert!(!browser.cookies.contains_key("SESSIONID") && !token.is_empty());
}

#[tokio::test]
async fn application_may_use_the_built_in_account_and_404_pages() {
    let routes = Router::new()
        .route("/account", get(crossauth_axum::account_page))
        .fallback(crossauth_axum::not_found);
    let mut bob = bob(routes).await;
    bob.get("/account").await.assert_page(200, "bob");
    bob.get("/nowhere").await.assert_page(404, "Page not found");
    bob.get_json("/nowhere").await.assert_failure(404, "BadRequest");
    bob.cookies.clear();
    assert_eq!(bob.get("/account").await.location(), Some("/login?next=%2Faccount"));
}

#[tokio::test]
async fn routes_are_mounted_before_with_state() {
    #[derive(Clone)]
    struct Shop(&'static str);
    async fn shop(
        axum::extract::State(Shop(name)): axum::extract::State<Shop>,
        user: CurrentUser,
        visitor: Visitor,
    ) -> String {
        format!("{name} {} {:?}", user.username, visitor.address())
    }
    let site = Site::new();
    let mounted = site.crossauth.mount(Router::new().route("/shop", get(shop)));
    let mut browser = Browser::new(mounted.with_state(Shop("tea")));
    browser.cookies = site.logged_in("bob").await.cookies;
    assert_eq!(browser.get("/shop").await.body, "tea bob None");
}

#[tokio::test]
async fn sign_up_fields_have_types_choices_and_requirements() {
    let fields = [
        SignupField::new("email").required(),
        SignupField::new("team").label("Your team").choices([("red", "Red team")]).hint("Pick one"),
        SignupField::new("age").kind(FieldKind::Number),
    ];
    let site = Site::with(|site| site.signup_fields(fields));
    let mut browser = site.browser();
    let page = browser.get("/signup").await;
    for text in ["Your team", "Red team", "Pick one", "type=\"number\"", "type=\"email\""] {
        assert!(page.text().contains(text), "{text}: {}", page.body);
    }
    let body = json!({"username": "x y", "password": PASSWORD, "user_team": "blue"});
    let response = browser.post("/api/signup", body).await;
    let wrong = response.json()["fieldErrors"].clone();
    let wrong: Map<String, Value> = wrong.as_object().unwrap().clone();
    for field in ["username", "user_email", "user_team"] {
        assert!(wrong.contains_key(field), "{field}: {}", response.body);
    }
    let good = [
        ("username", "bob"),
        ("password", PASSWORD),
        ("repeat_password", PASSWORD),
        ("user_email", "bob@example.com"),
        ("user_team", "red"),
        ("user_age", "7"),
    ];
    assert_eq!(browser.submit("/signup", &good).await.status, 302);
    let (bob, _) = site.found("bob").await.unwrap();
    assert_eq!((&bob.extra["team"], &bob.extra["age"]), (&json!("red"), &json!(7)));
}

#[tokio::test]
async fn a_value_that_a_browser_would_refuse_is_refused_at_its_field() {
    let kinds = [
        ("born", FieldKind::Date, "2026-02-30", "2024-02-29"),
        ("site", FieldKind::Url, "javascript:alert(1)", "https://bob.example/"),
        ("mobile", FieldKind::Phone, "none", "+43 1 234567"),
        ("age", FieldKind::Number, "seven", ".5"),
        ("work", FieldKind::Email, "bob@", "bob@example.com"),
    ];
    let fields = kinds.map(|(name, kind, ..)| SignupField::new(name).kind(kind));
    let site = Site::with(|site| site.signup_fields(fields));
    let mut browser = site.browser();
    assert!(browser.get("/signup").await.body.contains("type=\"number\""));
    for (name, _, wrong, _) in kinds {
        let field = format!("user_{name}");
        let form = [("username", "bob"), ("password", PASSWORD), ("repeat_password", PASSWORD)];
        let mut page = form.to_vec();
        page.push((field.as_str(), wrong));
        let page = browser.submit("/signup", &page).await;
        page.assert_page(400, "aria-invalid=\"true\"");
        assert!(page.body.contains(&format!("id=\"{field}-error\"")), "{}", page.body);
        for value in [json!(wrong), json!(true), json!({})] {
            let mut body = json!({"username": "bob", "password": PASSWORD});
            body[&field] = value;
            let response = browser.post("/api/signup", body).await;
            response.assert_failure(400, "FormEntry");
            let messages = response.json()["fieldErrors"][&field].clone();
            assert_eq!(messages.as_array().unwrap().len(), 1, "{}", response.body);
        }
    }
    let mut body = json!({"username": "bob", "password": PASSWORD});
    for (name, _, _, right) in kinds {
        body[format!("user_{name}")] = json!(right);
    }
    assert_eq!(browser.post("/api/signup", body).await.status, 200);
    let (bob, _) = site.found("bob").await.unwrap();
    assert_eq!((&bob.extra["born"], &bob.extra["age"]), (&json!("2024-02-29"), &json!(0.5)));
}

#[tokio::test]
async fn second_submission_of_sign_up_redirects_like_the_first() {
    let site = Site::new();
    let mut browser = site.browser();
    let token = browser.csrf_token().await;
    let mut second = browser.copy();
    let form = [
        ("username", "bob"),
        ("password", PASSWORD),
        ("repeat_password", PASSWORD),
        ("csrfToken", &token),
    ];
    assert_eq!(browser.submit_bare("/signup", &form).await.status, 302);
    assert_eq!(second.submit_bare("/signup", &form).await.status, 302);
    assert_eq!(second.whoami().await.as_deref(), Some("bob"));
    // With another password than that of the account, the name is taken.
    let mut other = site.browser();
    let form = [
        ("username", "bob"),
        ("password", "Another-Horse-8"),
        ("repeat_password", "Another-Horse-8"),
    ];
    other.submit("/signup", &form).await.assert_page(400, "already taken");
}

#[tokio::test]
async fn options_apply_to_a_site_with_an_application() {
    let site = Site::with(|site: Builder| site);
    let application =
        Router::new().route("/", get(async |user: CurrentUser| user.username.clone()));
    let router: Router = site.crossauth.site_with(application).into();
    let mut browser = Browser::new(router);
    browser.cookies = site.logged_in("bob").await.cookies;
    assert_eq!(browser.get("/").await.body, "bob");
    browser.get("/logout").await.assert_page(200, "You are logged in as");
    assert_eq!(browser.get("/favicon.ico").await.status, 404);
    assert_eq!(browser.get("/crossauth.css").await.status, 200);
    let head = browser.send(request(Method::HEAD, "/login"), "").await;
    assert_eq!((head.status.as_u16(), head.body.as_str()), (302, ""));
}
