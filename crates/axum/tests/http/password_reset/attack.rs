//! Attacks on the reset of passwords.

use std::time::Duration;

use crossauth_axum::Builder;
use crossauth_core::key::{Key, KeyPrefix};
use crossauth_core::user::{FactorName, NewUser, Patch, UserState, UserUpdate};
use http::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{EMAIL, NEW, ask, reset, site_with_bob};
use crate::browser::{TestResponse, request};
use crate::site::{PASSWORD, Site};

#[tokio::test]
async fn l4_r17_answers_do_not_tell_whether_there_is_an_account() {
    let site = site_with_bob().await;
    let disabled = site.account_with("carol", "carol@example.com").await;
    site.set_state(&disabled, "disabled").await;
    let email = |address: &str| Some(address.to_owned());
    let ldap = NewUser {
        email: email("dave@example.com"),
        factor1: FactorName::from("ldap"),
        ..NewUser::named("dave")
    };
    site.stored(ldap, None).await;
    let mut shapes = Vec::new();
    for name in ["bob", "carol", "dave", "unknown"] {
        let address = format!("{name}@example.com");
        let masked = |mut answer: TestResponse| {
            answer.body = answer.body.replace(&address, "…").replace(name, "…");
            let (status, headers, body) = answer.shape();
            // The nonce and the token of the page differ each time.
            let body: Vec<_> = body
                .lines()
                .filter(|line| !line.contains("nonce") && !line.contains("csrf"))
                .map(str::to_owned)
                .collect();
            let headers: Vec<_> = headers
                .into_iter()
                .filter(|(name, _)| name != "content-security-policy" && name != "content-length")
                .collect();
            (status, headers, body)
        };
        let page = site.browser().submit("/requestpasswordreset", &[("email", &address)]).await;
        let body = json!({ "email": address });
        let api = site.browser().post("/api/requestpasswordreset", body).await;
        assert_eq!((page.status.as_u16(), api.status.as_u16()), (200, 200));
        shapes.push((masked(page), masked(api)));
    }
    assert!(shapes.windows(2).all(|pair| pair[0] == pair[1]), "{shapes:#?}");
    let to: Vec<_> = site.mail().await.into_iter().map(|mail| mail.to).collect();
    assert_eq!(to, [EMAIL, EMAIL]);
}

#[tokio::test]
async fn l4_a_request_does_the_same_work_with_and_without_an_account() {
    let storage = crate::site::test_storage();
    let site = Site::over(storage.storage(), Builder::preview_messages);
    site.account_with("bob", EMAIL).await;
    let mut counts = Vec::new();
    for email in [EMAIL, "unknown@example.com"] {
        let mut browser = site.browser();
        let token = browser.csrf_token().await;
        storage.take_calls();
        browser
            .post_with_token("/api/requestpasswordreset", json!({ "email": email }), &token)
            .await;
        counts.push(storage.take_calls());
    }
    assert_eq!(counts[0], counts[1]);
}

#[tokio::test]
async fn l4_requests_beyond_the_limit_load_the_store_as_those_without_an_account() {
    let storage = crate::site::test_storage();
    let site = Site::over(storage.storage(), Builder::preview_messages);
    site.account_with("bob", EMAIL).await;
    let mut writes = Vec::new();
    for email in [EMAIL, "unknown@example.com"] {
        let mut browser = site.browser();
        for _ in 0..7 {
            let token = browser.csrf_token().await;
            let body = json!({ "email": email });
            browser.post_with_token("/api/requestpasswordreset", body, &token).await;
            storage.take_calls();
            site.crossauth.auth().handle_mail_requests().await;
        }
        // What reads only does not keep other requests waiting.
        let made = storage.take_calls();
        writes.push(made.into_iter().filter(|call| !call.contains("find")).collect::<Vec<_>>());
    }
    assert_eq!(writes, [["attempts.charge"]; 2]);
}

#[tokio::test]
async fn r1_no_header_decides_where_a_link_leads() {
    let site = site_with_bob().await;
    let mut browser = site.browser();
    let token = browser.csrf_token().await;
    let request = crate::browser::json_request("/api/requestpasswordreset")
        .header("X-CROSSAUTH-CSRF", &token)
        .header("Host", "localhost:3000")
        .header("X-Forwarded-Host", "evil.example")
        .header("Forwarded", "host=evil.example")
        .header("X-Forwarded-Prefix", "/evil/");
    let answer = browser.send(request, json!({ "email": EMAIL }).to_string()).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    site.crossauth.auth().handle_mail_requests().await;
    let tasks = tokio::spawn(site.crossauth.tasks());
    let preview = site.crossauth.auth().outbox.preview().unwrap().clone();
    let text = tokio::time::timeout(Duration::from_secs(20), async {
        loop {
            if let Some(message) = preview.messages().first() {
                break message.rendered.text.clone();
            }
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
    tasks.abort();
    assert!(text.contains("siteUrl: http://localhost:3000\n"), "{text}");
    assert!(text.contains("prefix: /\n") && !text.contains("evil"), "{text}");
}

#[tokio::test]
async fn r2_of_fifty_who_use_one_link_at_once_one_sets_the_password() {
    let site = site_with_bob().await;
    let token = ask(&site).await;
    let mut all = JoinSet::new();
    for index in 0..50 {
        let (mut browser, token) = (site.browser(), token.clone());
        all.spawn(
            async move { reset(&mut browser, &token, &format!("Another-Horse-{index}")).await },
        );
    }
    let answers = all.join_all().await;
    let (done, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
    assert_eq!((done.len(), refused.len()), (1, 49));
    for answer in refused {
        answer.assert_failure(401, "InvalidKey");
        answer.assert_no_session();
    }
}

#[tokio::test]
async fn r19_ten_thousand_guesses_are_limited() {
    let site = site_with_bob().await;
    let token = ask(&site).await;
    let guess = async |path: &str, address: &str, body: Value| {
        let mut browser = site.browser();
        let csrf = browser.csrf_token().await;
        let peer = std::net::SocketAddr::new(address.parse().unwrap(), 4711);
        let request = crate::browser::json_request(path)
            .header("X-CROSSAUTH-CSRF", csrf)
            .extension(axum::extract::ConnectInfo(peer));
        browser.send(request, body.to_string()).await
    };
    let paths = ["/api/resetpassword", "/api/verifyemail", "/api/restoreemail"];
    let with = |token: &str| json!({ "token": token, "new_password": NEW });
    let mut judged = 0;
    for index in 0..150 {
        let address = format!("2001:db8:1:2::{index}");
        let answer = guess(paths[index % 3], &address, with(&format!("guess{index}"))).await;
        if answer.status == 401 {
            answer.assert_failure(401, "InvalidKey");
            judged += 1;
        } else {
            answer.assert_failure(429, "SlowDown");
            assert!(answer.header("retry-after").is_some());
        }
    }
    assert_eq!(judged, 50);
    // Correct ones are not judged any more either, and do not count from elsewhere.
    let late = guess(paths[0], "2001:db8:1:2:ffff::1", with(&token)).await;
    late.assert_failure(429, "SlowDown");
    for _ in 0..60 {
        let refused = json!({ "token": token, "new_password": "short" });
        let known = guess(paths[0], "2001:db8:1:3::1", refused).await;
        known.assert_failure(401, "PasswordFormat");
    }
    let done = guess(paths[0], "2001:db8:1:3::1", with(&token)).await;
    assert_eq!(done.status, 200, "{}", done.body);
}

#[tokio::test]
async fn r6_field_report_11_tokens_of_another_purpose_are_refused_everywhere() {
    let site = site_with_bob().await;
    let (bob, _) = site.found("bob").await.unwrap();
    let mut browser = site.logged_in("bob").await;
    let good = ask(&site).await;
    let session = browser.cookies["SESSIONID"].clone();
    let session_id = session.split('.').next().unwrap().to_owned();
    let mut tokens = vec![session, session_id, browser.csrf_token().await];
    tokens.push(site.crossauth.auth().setup.issue_token().await.unwrap().unwrap());
    let now = site.now();
    for prefix in KeyPrefix::ALL.iter().filter(|prefix| prefix.has_owner()) {
        let token = format!("token-of-{}", prefix.as_str().trim_end_matches(':'));
        let value = crossauth_core::crypto::stored_value(*prefix, &token);
        let mut key = Key::new(&*value, Some(bob.id.clone()), now);
        key.expires = Some(now + Duration::from_hours(1));
        site.storage.keys.insert(&key).await.unwrap();
        tokens.push(token);
        tokens.push(value.to_string());
    }
    let own = [
        ("/api/resetpassword", "token-of-p"),
        ("/api/verifyemail", "token-of-e"),
        ("/api/restoreemail", "token-of-ra"),
    ];
    for token in &tokens {
        for (path, own) in own {
            if token == own {
                continue;
            }
            let body = json!({ "token": token, "new_password": NEW, "repeat_password": NEW });
            let answer = site.browser().post(path, body).await;
            assert_eq!(answer.status, 401, "{path} {token}: {}", answer.body);
        }
        for page in ["resetpassword", "verifyemail", "restoreemail"] {
            if own.iter().any(|(path, own)| path.ends_with(page) && token == own) {
                continue;
            }
            let encoded: String = url::form_urlencoded::byte_serialize(token.as_bytes()).collect();
            let answer = site.browser().get(&format!("/{page}/{encoded}")).await;
            assert_eq!(answer.status, 401, "{page} {token}");
        }
    }
    let (after, secrets) = site.found("bob").await.unwrap();
    assert_eq!(after, bob);
    assert!(secrets.password.is_some());
    assert_eq!(reset(&mut site.browser(), &good, NEW).await.status, 200);
}

#[tokio::test]
async fn r7_storage_has_no_token() {
    let site = site_with_bob().await;
    let token = ask(&site).await;
    assert!(token.len() >= 22, "{token}");
    let (bob, _) = site.found("bob").await.unwrap();
    let keys = site.storage.keys.list_for_user(Some(&bob.id), KeyPrefix::PasswordReset, None, 9);
    for key in keys.await.unwrap() {
        assert!(!key.value.contains(&token), "{}", key.value);
        let stored = key.value.trim_start_matches("p:").to_owned();
        for copied in [key.value.clone(), stored] {
            let answer = reset(&mut site.browser(), &copied, NEW).await;
            answer.assert_failure(401, "InvalidKey");
        }
    }
}

#[tokio::test]
async fn r8_reset_keeps_the_second_factor_and_begins_no_session() {
    let site = site_with_bob().await;
    let (bob, _) = site.found("bob").await.unwrap();
    let factor2 = Patch::Set(FactorName::TOTP);
    site.change(&bob, UserUpdate { factor2, ..UserUpdate::default() }).await;
    let token = ask(&site).await;
    let mut browser = site.browser();
    let answer = reset(&mut browser, &token, NEW).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["user"]), (200, &json!(null)));
    answer.assert_no_session();
    assert_eq!(browser.whoami().await, None);
    let (after, _) = site.found("bob").await.unwrap();
    assert_eq!(after.factor2, Some(FactorName::TOTP));
    let token = {
        site.mail().await;
        ask(&site).await
    };
    let fields = [("token", token.as_str()), ("new_password", NEW), ("repeat_password", NEW)];
    let page = browser.submit("/resetpassword", &fields).await;
    page.assert_page(200, "Your password has been changed.");
    assert!(page.text().contains("href=\"/login\""), "{}", page.body);
    page.assert_no_session();
}

#[tokio::test]
async fn r9_reset_ends_all_sessions_and_known_devices() {
    let site = site_with_bob().await;
    let mut other = site.logged_in("bob").await;
    let (bob, _) = site.found("bob").await.unwrap();
    for value in ["kd:device", "e:pending"] {
        let mut key = Key::new(value, Some(bob.id.clone()), site.now());
        key.expires = Some(site.now() + Duration::from_hours(1));
        site.storage.keys.insert(&key).await.unwrap();
    }
    let token = ask(&site).await;
    assert_eq!(reset(&mut site.browser(), &token, NEW).await.status, 200);
    assert_eq!(other.whoami().await, None);
    assert_eq!(site.count_sessions(&bob).await, 1);
    for prefix in [KeyPrefix::KnownDevice, KeyPrefix::EmailVerification, KeyPrefix::PasswordReset] {
        let left = site.storage.keys.list_for_user(Some(&bob.id), prefix, None, 9).await.unwrap();
        assert_eq!(left, [], "{prefix:?}");
    }
}

#[tokio::test]
async fn r10_the_page_does_not_pass_its_address_on() {
    let site = site_with_bob().await;
    let token = ask(&site).await;
    let page = site.browser().get(&format!("/resetpassword/{token}")).await;
    assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
    assert_eq!(page.header("cache-control"), Some("no-store"));
    assert!(!page.body.contains("https://") && !page.body.contains("//cdn"), "{}", page.body);
    // A browser sends the form of such a page with this origin.
    let mut browser = site.browser();
    let csrf = browser.csrf_token().await;
    let fields = [
        ("token", token.as_str()),
        ("new_password", NEW),
        ("repeat_password", NEW),
        ("csrfToken", csrf.as_str()),
    ];
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let request = request(Method::POST, "/resetpassword")
        .header("accept", "text/html")
        .header("host", "localhost:3000")
        .header("content-type", "application/x-www-form-urlencoded")
        .header("origin", "null")
        .header("sec-fetch-site", "same-origin");
    let done = browser.send(request, body).await;
    done.assert_page(200, "Your password has been changed.");
}

#[tokio::test]
async fn r11_field_report_8_looking_at_a_link_uses_nothing_up() {
    let site = site_with_bob().await;
    let token = ask(&site).await;
    let path = format!("/resetpassword/{token}");
    for _ in 0..10 {
        site.browser().get(&path).await.assert_page(200, &token);
        let head = site.browser().send(request(Method::HEAD, &path), "").await;
        assert_eq!((head.status.as_u16(), head.body.as_str()), (200, ""));
    }
    assert_eq!(reset(&mut site.browser(), &token, NEW).await.status, 200);
    let again = reset(&mut site.browser(), &token, "Third-Horse-9").await;
    again.assert_failure(401, "InvalidKey");
}

#[tokio::test]
async fn r14_messages_to_one_account_are_limited_and_the_answer_stays_the_same() {
    let site = site_with_bob().await;
    let mut bodies = Vec::new();
    for _ in 0..12 {
        let body = json!({ "email": EMAIL });
        let answer = site.browser().post("/api/requestpasswordreset", body).await;
        bodies.push((answer.status, answer.body));
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1);
    assert_eq!(site.mail().await.len(), 5);
    site.clock.advance(Duration::from_hours(1));
    ask(&site).await;
}

#[tokio::test]
async fn r13_an_account_made_with_anothers_address_becomes_theirs() {
    let site = Site::with_mail();
    let form = json!({ "username": "mallory", "password": PASSWORD, "user_email": EMAIL });
    assert_eq!(site.browser().post("/api/signup", form).await.status, 200);
    site.mail().await;
    let (account, _) = site.found("mallory").await.unwrap();
    let factor2 = Patch::Set(FactorName::TOTP);
    site.change(&account, UserUpdate { factor2, ..UserUpdate::default() }).await;
    for value in ["api:key", "rc:code", "kd:device"] {
        let key = Key::new(value, Some(account.id.clone()), site.now());
        site.storage.keys.insert(&key).await.unwrap();
    }
    let token = ask(&site).await;
    let mut victim = site.browser();
    assert_eq!(reset(&mut victim, &token, NEW).await.status, 200);
    let (account, secrets) = site.found("mallory").await.unwrap();
    assert_eq!((account.state, account.factor2), (UserState::Active, None));
    assert_eq!(secrets.totpsecret, None);
    for prefix in [KeyPrefix::ApiKey, KeyPrefix::RecoveryCode, KeyPrefix::KnownDevice] {
        let left = site.storage.keys.list_for_user(Some(&account.id), prefix, None, 9);
        assert_eq!(left.await.unwrap(), [], "{prefix:?}");
    }
    let attacker = site.browser().log_in("mallory", PASSWORD).await;
    attacker.assert_failure(401, "UsernameOrPasswordInvalid");
    assert_eq!(victim.whoami().await.as_deref(), Some("mallory"));
}
