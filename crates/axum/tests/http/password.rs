//! Passwords at login: significant bytes, accepted stored hashes, and upgrades.

use crossauth_core::account::Role;
use crossauth_core::user::NewUser;
use serde_json::json;
use tokio::task::JoinSet;

use crate::site::{PASSWORD, Site};

/// Hashes of `PASSWORD` as the Python and the TypeScript Crossauth write them.
const PYTHON_HASH: &str =
    "pbkdf2:sha256:32:1000:0:c2FsdHNhbHRzYWx0c2FsdA:vFxEtDV8XZBCmzgCnzVcN3xIWTwcI4CSUAvLvVk_H2Y=";
const TYPESCRIPT_HASH: &str =
    "pbkdf2:sha256:32:1000:0:c2FsdHNhbHRzYWx0c2FsdA:vFxEtDV8XZBCmzgCnzVcN3xIWTwcI4CSUAvLvVk_H2Y";

#[tokio::test]
async fn every_byte_of_a_password_counts() {
    let long = format!("Aa1{}", "x".repeat(70));
    let nuls = "Aa1-böb 🐎  ends with a space ";
    for (index, password) in
        [long.as_str(), nuls, " Leading-7-sp\u{e9}ce", "Aa1\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}"]
            .into_iter()
            .enumerate()
    {
        let site = Site::new();
        let name = format!("user{index}");
        let form = json!({"username": name, "password": password});
        assert_eq!(site.browser().post("/api/signup", form).await.status, 200, "{password:?}");
        assert_eq!(site.browser().log_in(&name, password).await.status, 200, "{password:?}");
        let mut shorter = password.to_owned();
        let last = shorter.pop().unwrap();
        let replaced = format!("{shorter}{}", if last == 'y' { 'z' } else { 'y' });
        for wrong in [
            shorter,
            replaced,
            format!("{password} "),
            format!("{password}x"),
            password.trim().to_owned() + "\n",
            password.replace('\u{e9}', "e") + if password.contains('\u{e9}') { "" } else { "e" },
            password.to_uppercase(),
        ] {
            let response = site.browser().log_in(&name, &wrong).await;
            response.assert_failure(401, "UsernameOrPasswordInvalid");
        }
    }
}

#[tokio::test]
async fn composed_and_decomposed_passwords_are_equal() {
    let site = Site::new();
    let (nfc, nfd) = ("P\u{e4}ssword-12x", "Pa\u{308}ssword-12x");
    for (name, password) in [("bob", nfc), ("alice", nfd)] {
        let form = json!({"username": name, "password": password});
        assert_eq!(site.browser().post("/api/signup", form).await.status, 200);
        for typed in [nfc, nfd] {
            assert_eq!(site.browser().log_in(name, typed).await.status, 200, "{name} {typed}");
        }
    }
}

#[tokio::test]
async fn hashes_of_upstream_are_upgraded_at_login() {
    for hash in [PYTHON_HASH, TYPESCRIPT_HASH] {
        let site = Site::new();
        site.stored(NewUser::named("bob"), Some(hash)).await;
        site.browser()
            .log_in("bob", "WRONG")
            .await
            .assert_failure(401, "UsernameOrPasswordInvalid");
        assert_eq!(stored_hash(&site).await, hash);
        let mut browser = site.browser();
        assert_eq!(browser.log_in("bob", "PASSWORD").await.status, 200);
        let upgraded = stored_hash(&site).await;
        assert!(upgraded.starts_with("$argon2id$v=19$"), "{upgraded}");
        assert_eq!(browser.whoami().await.as_deref(), Some("bob"));
        assert_eq!(site.browser().log_in("bob", "PASSWORD").await.status, 200);
        assert_eq!(stored_hash(&site).await, upgraded);
    }
}

#[tokio::test]
async fn logins_that_upgrade_one_hash_at_the_same_time_all_succeed() {
    let site = Site::new();
    let bob = site.stored(NewUser::named("bob"), Some(PYTHON_HASH)).await;
    let mut logins = JoinSet::new();
    for _ in 0..10 {
        let mut browser = site.browser();
        logins.spawn(async move { browser.log_in("bob", "PASSWORD").await.status });
    }
    assert!(logins.join_all().await.into_iter().all(|status| status == 200));
    assert_eq!(site.count_sessions(&bob).await, 10);
}

#[tokio::test]
async fn placeholders_for_an_absent_password_match_no_password() {
    let disabled = "pbkdf2:sha256:32:600000:0:DISABLED:DISABLED";
    for stored in [None, Some(""), Some("********"), Some(disabled)] {
        let site = Site::new();
        site.stored(NewUser::named("bob"), stored).await;
        for password in ["", "********", "DISABLED", disabled, PASSWORD] {
            let response = site.browser().log_in("bob", password).await;
            response.assert_failure(401, "UsernameOrPasswordInvalid");
            response.assert_no_session();
        }
    }
}

#[tokio::test]
async fn malformed_hash_matches_no_password() {
    let control = Site::new();
    control.account("bob", Role::User).await;
    let control = control.browser().log_in("bob", "Wrong-Horse-7").await;
    for stored in [
        PASSWORD,
        "plain:Correct-Horse-7",
        "pbkdf2:md5:32:1000:0:c2FsdA:vFxEtDV8XZBCmzgCnzVcN3xIWTwcI4CSUAvLvVk_H2Y",
        "pbkdf2:sha256:32:0:0:c2FsdA:vFxEtDV8XZBCmzgCnzVcN3xIWTwcI4CSUAvLvVk_H2Y",
        "pbkdf2:sha256:32:4294967295:0:c2FsdA:vFxEtDV8XZBCmzgCnzVcN3xIWTwcI4CSUAvLvVk_H2Y",
        "pbkdf2:sha256:0:1000:0:c2FsdA:",
        "pbkdf2:sha256:32:1000:1:c2FsdHNhbHRzYWx0c2FsdA:vFxEtDV8XZBCmzgCnzVcN3xIWTwcI4CSUAvLvVk_H2Y",
        "$argon2id$v=19$m=4294967295,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA",
        "$argon2id$v=19$m=8,t=1,p=1$!$!",
        "$2b$12$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ012345",
    ] {
        let site = Site::new();
        site.stored(NewUser::named("bob"), Some(stored)).await;
        for password in [PASSWORD, "PASSWORD", "", stored] {
            let response = site.browser().log_in("bob", password).await;
            assert_eq!(response.shape(), control.shape(), "{stored} with {password:?}");
            response.assert_no_session();
        }
    }
}

async fn stored_hash(site: &Site) -> String {
    site.found("bob").await.unwrap().1.password.unwrap()
}

/// Of "correct horse battery staple", made by bcrypt, passlib and Django for Python.
const FOREIGN_HASHES: [&str; 3] = [
    "$2b$12$lamrPhDH.frDBx6RWmVL5.HbnjfahnTYC0fECbL6OnOH6DDpzHmFy",
    "$scrypt$ln=16,r=8,p=1$eM9Z632vtbb2nhPC2NvbGw$pLmWBNEw+oiaSOunQs/ppO9jWf0ExirclofPW2yo6V0",
    "argon2$argon2id$v=19$m=102400,t=2,p=8$bHo1WHNPeUlQSm5vRFpLS3paalc0bQ$\
     OvI6Its7Dh01QnXt9/SICTf8/2Uc/1IHomecoW9wWyw",
];

#[tokio::test]
async fn hashes_of_other_software_are_replaced_at_the_first_login() {
    let site = Site::new();
    let password = "correct horse battery staple";
    for (index, hash) in FOREIGN_HASHES.into_iter().enumerate() {
        let name = format!("user{index}");
        site.stored(NewUser::named(&name), Some(hash)).await;
        let wrong = site.browser().log_in(&name, "correct horse battery stable").await;
        wrong.assert_failure(401, "UsernameOrPasswordInvalid");
        assert_eq!(site.found(&name).await.unwrap().1.password.as_deref(), Some(hash));
        assert_eq!(site.browser().log_in(&name, password).await.status, 200, "{hash}");
        let new = site.found(&name).await.unwrap().1.password.unwrap();
        assert!(new.starts_with("$argon2id$"), "{new}");
        assert_eq!(site.browser().log_in(&name, password).await.status, 200, "{new}");
        let wrong = site.browser().log_in(&name, "correct horse battery stable").await;
        wrong.assert_failure(401, "UsernameOrPasswordInvalid");
    }
}

#[tokio::test]
async fn l12_corrupt_and_unknown_hashes_answer_like_a_wrong_password() {
    let site = Site::new();
    let wrong = site.browser().log_in("unknown", "x").await;
    for (index, hash) in [
        "$2b$31$lamrPhDH.frDBx6RWmVL5.HbnjfahnTYC0fECbL6OnOH6DDpzHmFy",
        "$P$BPlIiO5xdHmThnjjSyJ1jBICfPkpay1",
        "x",
        "!",
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("user{index}");
        site.stored(NewUser::named(&name), Some(hash)).await;
        for password in ["correct horse battery staple", hash] {
            let response = site.browser().log_in(&name, password).await;
            assert_eq!(response.shape(), wrong.shape(), "{hash}");
        }
    }
}
