//! `signup`, `api/signup`

use crossauth_axum::SiteConfig;
use crossauth_core::account::Role;
use crossauth_core::error::Numbering;
use crossauth_core::storage::UserQuery;
use crossauth_core::user::{FactorName, UserState};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::browser::TestResponse;
use crate::site::{PASSWORD, Site, test_storage};

#[tokio::test]
async fn new_account_is_active_and_logged_in() {
    let site = Site::new();
    let mut browser = site.browser();
    let response =
        sign_up(&mut browser, json!({"username": "Bob", "user_email": "bob@x.org"})).await;
    assert_eq!(response.status, 200);
    let body = response.json();
    assert_eq!(body["ok"], json!(true));
    assert_eq!(body["emailVerificationNeeded"], json!(false));
    assert_eq!(body["user"]["username"], json!("Bob"));
    assert_eq!(body["user"]["email"], json!("bob@x.org"));
    assert_eq!(body["user"]["state"], json!("active"));
    assert!(!response.body.contains("argon2"));
    assert_eq!(browser.whoami().await.as_deref(), Some("Bob"));
    let (_, secrets) = site.found("bob").await.unwrap();
    assert!(secrets.password.unwrap().starts_with("$argon2id$"));
    assert_eq!(site.browser().log_in("bob", PASSWORD).await.status, 200);
}

#[tokio::test]
async fn signup_page_creates_an_account_and_redirects() {
    let site = Site::new();
    let mut browser = site.browser();
    let page = browser.get("/signup?next=/reports").await;
    page.assert_page(200, "name=\"user_email\"");
    assert!(page.text().contains("/reports"));
    let form = [
        ("username", "bob"),
        ("password", PASSWORD),
        ("repeat_password", PASSWORD),
        ("user_email", ""),
        ("next", "/reports"),
    ];
    let response = browser.submit("/signup", &form).await;
    assert_eq!((response.status.as_u16(), response.location()), (302, Some("/reports")));
    assert_eq!(browser.whoami().await.as_deref(), Some("bob"));
    assert_eq!(site.found("bob").await.unwrap().0.email, None);
    let again = browser.get("/signup?next=/reports").await;
    assert_eq!((again.status.as_u16(), again.location()), (302, Some("/reports")));
}

#[tokio::test]
async fn each_invalid_field_has_an_error_code_and_creates_no_account() {
    let site = Site::new();
    for (fields, status, code, number) in [
        (json!({"username": ""}), 400, "FormEntry", 42),
        (json!({"username": "b"}), 400, "FormEntry", 42),
        (json!({"username": "bob bob"}), 400, "FormEntry", 42),
        (json!({"password": "short"}), 400, "FormEntry", 42),
        (json!({"password": "12345678"}), 400, "FormEntry", 42),
        (json!({"password": "Password123"}), 400, "FormEntry", 42),
        (json!({"username": "robert", "password": "Robert-1234"}), 400, "FormEntry", 42),
        (json!({"password": "A1".repeat(513) + "a"}), 400, "FormEntry", 42),
        (json!({"repeat_password": "Correct-Horse-8"}), 401, "PasswordMatch", 35),
        (json!({"user_email": "nonsense"}), 400, "InvalidEmail", 32),
        (json!({"user_email": "a@x.org,b@y.org"}), 400, "InvalidEmail", 32),
        (json!({"user_email": "\"<a@x.org>"}), 400, "InvalidEmail", 32),
        (json!({"user_email": "a@x.org\r\nBcc: b@y.org"}), 400, "InvalidEmail", 32),
        (json!({"user_email": "<script>@x.org"}), 400, "InvalidEmail", 32),
        (json!({"user_email": 7}), 400, "InvalidEmail", 32),
        (json!({"user_email": "nonsense", "username": "b"}), 400, "FormEntry", 42),
        (json!({"user_email": "nonsense", "repeat_password": "x"}), 400, "FormEntry", 42),
        (json!({"factor1": "oidc"}), 400, "BadRequest", 43),
        (json!({"factor2": "nonsense"}), 403, "Forbidden", 19),
        (json!({"password": ["Correct-Horse-7"]}), 400, "BadRequest", 43),
        (json!({"password": null}), 400, "BadRequest", 43),
    ] {
        let response = sign_up(&mut site.browser(), fields.clone()).await;
        assert_eq!(response.status.as_u16(), status, "{fields}: {}", response.body);
        response.assert_failure(status, code);
        assert_eq!(response.json()["errorCode"], json!(number), "{fields}");
        response.assert_no_session();
    }
    assert!(site.storage.users.list(&UserQuery::first(10)).await.unwrap().users.is_empty());
}

#[tokio::test]
async fn all_field_errors_are_reported_at_once_and_typed_values_are_kept() {
    let site = Site::new();
    let response = sign_up(&mut site.browser(), json!({"username": "b", "password": "abc"})).await;
    let body = response.json();
    assert!(body["errorMessages"].as_array().unwrap().len() >= 3, "{body}");
    assert_eq!(body["fieldErrors"]["username"], json!(["Username must be at least 2 characters"]));
    assert_eq!(body["fieldErrors"]["password"].as_array().unwrap().len(), 2, "{body}");
    let fields = json!({
        "username": "x y",
        "user_email": "nonsense",
        "user_phone": "1".repeat(1001),
        "password": "abc",
        "repeat_password": "abcd",
    });
    let response = sign_up(&mut site.browser(), fields).await;
    response.assert_failure(400, "FormEntry");
    let body = response.json();
    let mut wrong: Vec<&String> = body["fieldErrors"].as_object().unwrap().keys().collect();
    wrong.sort();
    assert_eq!(wrong, ["password", "repeat_password", "user_email", "user_phone", "username"]);
    let form = [
        ("username", "b\"><script>alert(1)</script>"),
        ("password", "Bad-horse-seven"),
        ("user_email", "bob@x.org"),
        ("next", "/reports"),
        ("persist", "on"),
    ];
    let page = site.browser().submit("/signup", &form).await;
    page.assert_page(400, "value=\"bob@x.org\"");
    assert!(page.text().contains("/reports"));
    assert!(!page.body.contains("<script>alert") && !page.body.contains("Bad-horse"));
    page.assert_no_session();
}

#[tokio::test]
async fn name_or_address_that_is_taken_is_refused_in_every_spelling() {
    let site = Site::new();
    let first = json!({"username": "bob@x.org", "user_email": "bob@x.org"});
    assert_eq!(sign_up(&mut site.browser(), first).await.status, 200);
    let name = json!({"username": ["Username is already taken"]});
    let address = json!({"user_email": ["Email is already in use"]});
    for (fields, errors) in [
        (json!({"username": "bob@x.org"}), &name),
        (json!({"username": "BOB@X.ORG"}), &name),
        (json!({"username": " bob@x.org "}), &name),
        (json!({"username": "ｂｏｂ@x.org"}), &name),
        (json!({"username": "other", "user_email": "bob@x.org"}), &address),
        (json!({"username": "other", "user_email": "BOB@x.org"}), &address),
    ] {
        let response = sign_up(&mut site.browser(), fields.clone()).await;
        response.assert_failure(400, "UserExists");
        response.assert_no_session();
        assert_eq!(response.json()["fieldErrors"], *errors, "{fields}");
    }
    assert_eq!(site.storage.users.list(&UserQuery::first(10)).await.unwrap().users.len(), 1);
    assert_eq!(site.browser().log_in("bob@x.org", PASSWORD).await.status, 200);
    for name in ["bob\u{FF20}x.org", "bob@x.org.", "b\u{200B}ob@x.org", "bob\u{202E}@x.org"] {
        let response = sign_up(&mut site.browser(), json!({ "username": name })).await;
        response.assert_failure(400, "FormEntry");
    }
}

#[tokio::test]
async fn error_codes_are_numbered_as_configured() {
    for (error_codes, number) in [(Numbering::Python, 35), (Numbering::TypeScript, 34)] {
        let config = SiteConfig { error_codes, ..SiteConfig::default() };
        let site = Site::with(|builder| builder.site(config));
        let fields = json!({"repeat_password": "x"});
        let response = sign_up(&mut site.browser(), fields).await.json();
        assert_eq!(response["errorCode"], json!(number));
        assert_eq!(response["errorCodeName"], "PasswordMatch");
    }
}

#[tokio::test]
async fn names_that_differ_in_case_only_are_one_account() {
    let site = Site::new();
    for (first, second) in [("ΝΙΚΟΣ", "νικος"), ("straße", "STRASSE"), ("İbrahim", "İBRAHİM")]
    {
        let response = sign_up(&mut site.browser(), json!({ "username": first })).await;
        assert_eq!(response.status, 200, "{}", response.body);
        let response = sign_up(&mut site.browser(), json!({ "username": second })).await;
        response.assert_failure(400, "UserExists");
        assert_eq!(site.browser().log_in(second, PASSWORD).await.status, 200, "{second}");
    }
}

#[tokio::test]
async fn reserved_and_confusable_names_are_rejected() {
    let site = Site::new();
    for (name, message) in [
        ("admin", "Username is reserved, please choose another"),
        ("Root", "Username is reserved, please choose another"),
        ("no-reply", "Username is reserved, please choose another"),
        ("\u{430}lice", "Username must not mix letters of alphabets that look alike"),
    ] {
        let response = sign_up(&mut site.browser(), json!({ "username": name })).await;
        response.assert_failure(400, "FormEntry");
        assert_eq!(response.json()["fieldErrors"], json!({"username": [message]}), "{name}");
    }
    // An administrator may create such an account.
    site.account("admin", Role::Administrator).await;
}

#[tokio::test]
async fn addresses_of_internationalised_domains_are_stored_in_their_ascii_form() {
    let site = Site::new();
    for (name, typed, stored) in [
        ("ivan", "ivan@пример.рф", "ivan@xn--e1afmkfd.xn--p1ai"),
        ("anna", " anna@bücher.de ", "anna@xn--bcher-kva.de"),
    ] {
        let fields = json!({"username": name, "user_email": typed});
        let response = sign_up(&mut site.browser(), fields).await;
        assert_eq!(response.json()["user"]["email"], json!(stored), "{}", response.body);
    }
    let again = json!({"username": "other", "user_email": "ivan@xn--e1afmkfd.xn--p1ai"});
    sign_up(&mut site.browser(), again).await.assert_failure(400, "UserExists");
}

#[tokio::test]
async fn concurrent_signups_with_one_name_create_one_account() {
    let site = Site::new();
    let mut all = JoinSet::new();
    for index in 0..20 {
        let mut browser = site.browser();
        let name = if index % 2 == 0 { "bob" } else { "BOB" };
        let fields = json!({"username": name, "password": format!("{PASSWORD}-{index}")});
        all.spawn(async move { sign_up(&mut browser, fields).await });
    }
    let responses = all.join_all().await;
    let (made, refused): (Vec<_>, Vec<_>) =
        responses.iter().partition(|response| response.status == 200);
    assert_eq!((made.len(), refused.len()), (1, 19));
    for response in refused {
        response.assert_failure(400, "UserExists");
        response.assert_no_session();
    }
}

#[tokio::test]
async fn every_spelling_of_the_password_factor_is_accepted() {
    let site = Site::new();
    for (number, (factor1, factor2)) in [
        (json!(null), json!(null)),
        (json!("localpassword"), json!("none")),
        (json!("password"), json!("")),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("bob{number}");
        let fields = json!({"username": name, "factor1": factor1, "factor2": factor2});
        let response = sign_up(&mut site.browser(), fields).await;
        assert_eq!(response.status, 200, "{}", response.body);
        let (user, _) = site.found(&name).await.unwrap();
        assert_eq!((user.factor1, user.factor2), (FactorName::PASSWORD, None));
    }
}

#[tokio::test]
async fn concurrent_submissions_of_a_signup_form_both_log_in() {
    let site = Site::new();
    let mut all = JoinSet::new();
    for _ in 0..2 {
        let mut browser = site.browser();
        let fields = json!({"username": "bob", "user_email": "bob@x.org"});
        all.spawn(async move { sign_up(&mut browser, fields).await });
    }
    for response in all.join_all().await {
        assert_eq!(response.json()["user"]["username"], "bob", "{}", response.body);
    }
    assert_eq!(site.storage.users.list(&UserQuery::first(10)).await.unwrap().users.len(), 1);
    let wrong = json!({"username": "bob", "user_email": "bob@x.org", "password": "Other-Horse-8"});
    let response = sign_up(&mut site.browser(), wrong).await;
    response.assert_failure(400, "UserExists");
    response.assert_no_session();
}

#[tokio::test]
async fn email_address_of_another_account_is_a_taken_name() {
    let site = Site::new();
    let victim = json!({"username": "victim", "user_email": "victim@x.org"});
    assert_eq!(sign_up(&mut site.browser(), victim).await.status, 200);
    let named = json!({"username": "named@x.org"});
    assert_eq!(sign_up(&mut site.browser(), named).await.status, 200);
    for fields in [
        json!({"username": "victim@x.org"}),
        json!({"username": "Victim@X.org", "user_email": "eve@x.org"}),
        json!({"username": "eve", "user_email": "named@x.org"}),
    ] {
        let response = sign_up(&mut site.browser(), fields).await;
        response.assert_failure(400, "UserExists");
        response.assert_no_session();
    }
    let login = site.browser().log_in("victim@x.org", PASSWORD).await;
    assert_eq!(login.json()["user"]["username"], "victim");
    let found = site.crossauth.auth().accounts.find("victim@x.org").await.unwrap().unwrap();
    assert_eq!(found.username, "victim");
}

#[tokio::test]
async fn taken_name_is_rejected_before_hashing() {
    let storage = test_storage();
    let site = Site::over(storage.storage(), |site| site);
    let bob = json!({"user_email": "robert@x.org"});
    assert_eq!(sign_up(&mut site.browser(), bob).await.status, 200);
    assert!(storage.take_calls().contains(&"users.create"));
    // Otherwise the timing would reveal which address belongs to the name.
    for address in ["robert@x.org", "elsewhere@x.org"] {
        let form = json!({"password": "Other-Horse-8", "user_email": address});
        let response = sign_up(&mut site.browser(), form).await;
        response.assert_failure(400, "UserExists");
        assert!(!storage.take_calls().contains(&"users.create"), "{address}");
    }
}

#[tokio::test]
async fn signup_cannot_set_privileged_fields() {
    // The site of these tests lists `state` and `admin` as editable, by mistake.
    let site = Site::new();
    let fields = json!({
        "username": "mallory",
        "admin": true,
        "user_admin": true,
        "user_id": 1,
        "id": 1,
        "user_state": "custom",
        "user_factor1": "oidc",
        "user_factor2": "none",
        "user_password": "********",
        "user_username_normalized": "root",
        "user_email_normalized": "root@x.org",
        "user_role": "admin",
        "user_tenant": "other",
        "user_email_verified": true,
        "user_user_admin": true,
        "role": "admin",
        "user_phone": "+441234567890",
    });
    let response = sign_up(&mut site.browser(), fields).await;
    assert_eq!(response.status, 200, "{}", response.body);
    let (user, secrets) = site.found("mallory").await.unwrap();
    assert!(!user.admin && user.state == UserState::Active && user.factor1 == FactorName::PASSWORD);
    assert_eq!((user.username.as_str(), user.email), ("mallory", None));
    assert!(site.found("root").await.is_none(), "no other name leads to the account");
    assert!(secrets.password.unwrap().starts_with("$argon2id$"));
    assert_eq!(Value::Object(user.extra), json!({"phone": "+441234567890"}));
    let form =
        [("username", "eve"), ("password", PASSWORD), ("user_admin", "on"), ("user_state", "x")];
    assert_eq!(site.browser().submit("/signup", &form).await.status, 302);
    let (eve, _) = site.found("eve").await.unwrap();
    assert!(!eve.admin && eve.state == UserState::Active && eve.extra.is_empty());
}

#[tokio::test]
async fn signup_ends_the_current_session() {
    let site = Site::new();
    let mut browser = site.logged_in("bob").await;
    let before = browser.cookies["SESSIONID"].clone();
    let mut old = browser.copy();
    assert_eq!(sign_up(&mut browser, json!({"username": "alice"})).await.status, 200);
    assert_ne!(browser.cookies["SESSIONID"], before);
    assert_eq!(old.whoami().await, None);
    assert_eq!(browser.whoami().await.as_deref(), Some("alice"));
}

#[tokio::test]
async fn closed_signup_is_not_found() {
    let site = Site::with(crossauth_axum::Builder::close_signup);
    site.account("bob", Role::User).await;
    sign_up(&mut site.browser(), json!({"username": "eve"}))
        .await
        .assert_failure(404, "BadRequest");
    site.browser().get("/signup").await.assert_page(404, "Page not found");
    assert_eq!(site.browser().submit("/signup", &[("username", "eve")]).await.status, 404);
    assert!(site.found("eve").await.is_none());
    assert!(!site.browser().get("/login").await.text().contains("signup"));
}

#[tokio::test]
async fn signup_with_a_failed_store_leaves_no_account() {
    let storage = test_storage();
    let site = Site::over(storage.storage(), |site| site);
    let mut browser = site.browser();
    browser.csrf_token().await;
    storage.take_calls();
    assert_eq!(sign_up(&mut browser, json!({})).await.status, 200);
    let calls = storage.take_calls();
    assert!(calls.contains(&"users.create"), "{calls:?}");
    for (number, call) in calls.into_iter().enumerate() {
        let name = json!({"username": format!("user{number}")});
        let mut browser = site.browser();
        browser.csrf_token().await;
        storage.fail_call(call);
        sign_up(&mut browser, name.clone()).await.assert_failure(503, "Connection");
        storage.recover();
        assert!(site.found(name["username"].as_str().unwrap()).await.is_none(), "{call}");
        assert_eq!(sign_up(&mut browser, name).await.status, 200, "{call}");
    }
}

async fn sign_up(browser: &mut crate::browser::Browser, fields: Value) -> TestResponse {
    let mut form = json!({"username": "bob", "password": PASSWORD});
    for (name, value) in fields.as_object().unwrap() {
        form[name] = value.clone();
    }
    browser.post("/api/signup", form).await
}
