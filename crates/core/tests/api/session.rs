//! Sessions, the clock, and background tasks.

use std::sync::Arc;
use std::time::Duration;

use crossauth_core::account::Role;
use crossauth_core::key::DataChange;
use crossauth_core::login::{LoginAttempt, LoginOutcome};
use crossauth_core::secret::Password;
use crossauth_core::session::{Replaced, SessionRefused};
use crossauth_core::storage::UpdateDataError;
use serde_json::{Map, json};

use crate::site::{PASSWORD, Site};

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

#[tokio::test]
async fn setting_the_clock_back_does_not_restore_a_deleted_session() {
    for idle in [None, Some(HOUR)] {
        let site = Site::with(|config| config.session.idle_timeout = idle);
        site.account("bob", Role::User).await;
        let session = site.session("bob").await;
        let begun = crossauth_core::clock::Clock::now(&site.clock);
        site.clock.advance(31 * DAY);
        let refused = site.auth.sessions.check(&session.cookie).await;
        assert!(matches!(refused, Err(SessionRefused::Expired)), "{refused:?}");
        site.clock.set(begun);
        assert!(!site.is_accepted(&session).await);
    }
}

#[tokio::test]
async fn use_recorded_ahead_of_the_clock_counts_as_of_now() {
    let site = Site::with(|config| config.session.idle_timeout = Some(HOUR));
    site.account("bob", Role::User).await;
    let now = crossauth_core::clock::Clock::now(&site.clock);
    site.clock.set(now + DAY);
    let session = site.session("bob").await;
    site.clock.set(now);
    let tasks = tokio::spawn(site.auth.tasks());
    assert!(site.is_accepted(&session).await);
    assert_eq!(site.storage.next_touch().await, Some(now));
    tasks.abort();
    site.clock.advance(2 * HOUR);
    assert!(!site.is_accepted(&session).await, "two hours without use");
}

#[test]
fn tasks_work_on_a_second_runtime_after_the_first_has_ended() {
    let site = Site::with(|config| config.session.idle_timeout = Some(HOUR));
    for round in 1..=2 {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            tokio::spawn(site.auth.tasks());
            if round == 1 {
                site.account("bob", Role::User).await;
            }
            let session = site.session("bob").await;
            site.clock.advance(HOUR / 2);
            assert!(site.is_accepted(&session).await);
            assert!(site.storage.next_touch().await.is_some(), "{round}");
        });
    }
}

#[tokio::test]
async fn tasks_end_when_auth_is_dropped() {
    let site = Site::new();
    let tasks = tokio::spawn(site.auth.tasks());
    tokio::task::yield_now().await;
    drop(site);
    tasks.await.unwrap();
}

#[tokio::test]
async fn login_carries_over_the_data_selected_by_the_hook() {
    let site = Site::with(|config| {
        config.hooks.carry_over = Some(Arc::new(|mut data| {
            data.retain(|name, _| name == "cart");
            data
        }));
    });
    site.account("bob", Role::User).await;
    let held = json!({"cart": [7], "theme": "dark"}).as_object().unwrap().clone();
    let anonymous = site.auth.sessions.begin_anonymous(&held).await.unwrap();
    let checked = site.auth.sessions.check(&anonymous.cookie).await.unwrap();
    let attempt = LoginAttempt {
        replaces: Some(Replaced::new(&checked.id, &checked.key)),
        ..LoginAttempt::new("bob", Password::new(PASSWORD))
    };
    let outcome = site.auth.login.attempt(attempt).await.unwrap();
    let LoginOutcome::LoggedIn(session) = outcome else { panic!("{outcome:?}") };
    let key = site.auth.sessions.check(&session.cookie).await.unwrap().key;
    assert_eq!(json!(key.data.application_object().unwrap()), json!({"cart": [7]}));
    assert!(!site.is_accepted(&anonymous).await);

    let plain = Site::new();
    plain.account("bob", Role::User).await;
    let session = plain.session("bob").await;
    let key = plain.auth.sessions.check(&session.cookie).await.unwrap().key;
    assert_eq!(key.data.application_object().unwrap(), Map::new());
}

#[tokio::test]
async fn applications_cannot_write_session_data_of_crossauth() {
    let site = Site::new();
    let session = site.auth.sessions.begin_anonymous(&Map::new()).await.unwrap();
    let update = async |change| site.auth.sessions.update_data(&session.id, &[change]).await;
    update(DataChange::set("theme", "dark")).await.unwrap();
    for path in ["2fa", "2fa.otp", "oauth"] {
        let refused = update(DataChange::set(path, 1)).await;
        assert!(matches!(refused, Err(UpdateDataError::Data(_))), "{path}: {refused:?}");
    }
    let data = json!({"pre2fa": {}}).as_object().unwrap().clone();
    assert!(site.auth.sessions.begin_anonymous(&data).await.is_err());
}
