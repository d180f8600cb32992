//! Many logins at once.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use crossauth_core::account::Role;
use crossauth_core::password::HasherConfig;
use crossauth_core::user::NewUser;
use serde_json::json;
use tokio::task::JoinSet;

use super::WRONG;
use crate::browser::{Browser, TestResponse};
use crate::gate::Gate;
use crate::site::{PASSWORD, Site, quick_hashes};

/// The number of answers of each status.
fn count(answers: &[TestResponse]) -> BTreeMap<u16, usize> {
    let mut counts = BTreeMap::new();
    for answer in answers {
        *counts.entry(answer.status.as_u16()).or_default() += 1;
    }
    counts
}

async fn race(site: &Site, count: usize, address: impl Fn(usize) -> String) -> Vec<TestResponse> {
    let mut tasks = JoinSet::new();
    for index in 0..count {
        let mut browser = site.browser().at(&address(index));
        tasks.spawn(async move { browser.log_in("bob", WRONG).await });
    }
    tasks.join_all().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b2_of_200_parallel_guesses_no_more_than_the_limit_are_judged() {
    let queue = NonZeroUsize::new(1000).unwrap();
    let site = Site::with(|site| site.hasher(HasherConfig { queue, ..quick_hashes() }));
    site.account("bob", Role::User).await;
    let answers = race(&site, 200, |_| "192.0.2.1".to_owned()).await;
    assert_eq!(count(&answers), BTreeMap::from([(401, 10), (429, 190)]));
    let answers = race(&site, 200, |index| format!("198.51.100.{index}")).await;
    assert_eq!(count(&answers), BTreeMap::from([(401, 10), (429, 190)]));
}

/// Each is charged until it has succeeded.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_correct_passwords_at_the_same_moment_as_many_as_the_limit_succeed_and_no_charge_stays()
{
    let queue = NonZeroUsize::new(1000).unwrap();
    let site = Site::with(|site| site.hasher(HasherConfig { queue, ..quick_hashes() }));
    site.account("bob", Role::User).await;
    let renew = |mut session: Browser| async move {
        session.post("/api/reauthenticate", json!({ "password": PASSWORD })).await
    };
    let mut tasks = JoinSet::new();
    for _ in 0..20 {
        tasks.spawn(renew(site.logged_in("bob").await));
    }
    let answers = count(&tasks.join_all().await);
    let (renewed, refused) = (answers[&200], answers.get(&429).copied().unwrap_or_default());
    assert!(renewed >= 10 && renewed + refused == 20, "{answers:?}");
    for _ in 0..20 {
        assert_eq!(renew(site.logged_in("bob").await).await.status, 200);
    }
}

/// Fault 14. The only hashing thread is at work, so every answer that arrives did not wait for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f14_of_500_logins_at_once_those_beyond_the_queue_are_refused_at_once() {
    let (gate, mut entered, open) = Gate::new();
    let one = NonZeroUsize::MIN;
    let queue = NonZeroUsize::new(16).unwrap();
    let config = HasherConfig { threads: Some(one), queue, ..quick_hashes() };
    let site = Site::with(|site| site.hasher(config).random(gate.clone()));
    for index in 0..500 {
        // All have the hash of the first.
        let hash = site.found("user0").await.and_then(|(_, secrets)| secrets.password);
        let name = format!("user{index}");
        if let Some(hash) = hash {
            site.stored(NewUser::named(name), Some(&hash)).await;
        } else {
            site.account(&name, Role::User).await;
        }
    }
    let mut session = site.logged_in("user1").await;
    let mut known = site.logged_in("user2").await;
    gate.close();
    let mut working = site.browser();
    let working = tokio::spawn(async move { working.log_in("unknown", PASSWORD).await });
    entered.recv().await.unwrap();
    let mut logins = JoinSet::new();
    for index in 0..500 {
        let mut browser = site.browser();
        logins.spawn(async move { browser.log_in(&format!("user{index}"), PASSWORD).await });
    }
    for _ in 0..500 - 16 {
        let refused = logins.join_next().await.unwrap().unwrap();
        refused.assert_failure(503, "Connection");
        assert_eq!(refused.header("retry-after"), Some("2"));
    }
    // Sessions are checked, and a known browser has a queue of its own.
    assert_eq!(session.whoami().await.as_deref(), Some("user1"));
    let token = known.csrf_token().await;
    let body = serde_json::json!({ "username": "user2", "password": PASSWORD });
    let known =
        tokio::spawn(async move { known.post_with_token("/api/login", body, &token).await });
    drop(open);
    assert_eq!(known.await.unwrap().status, 200);
    working.await.unwrap().assert_failure(401, "UsernameOrPasswordInvalid");
    let waited = logins.join_all().await;
    assert_eq!(count(&waited), BTreeMap::from([(200, 16)]));
    // What was refused is not counted.
    for index in [0, 499] {
        let again = site.browser().log_in(&format!("user{index}"), PASSWORD).await;
        assert_eq!(again.status, 200);
    }
}
