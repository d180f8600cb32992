//! Recovery codes.

use std::sync::Arc;

use crossauth_core::Rejection;
use crossauth_core::key::KeyPrefix;
use crossauth_core::protected::Protected;
use crossauth_core::recovery::NewCodes;

use super::{assert_rejected, fields, is_logged_in, post, race, recovery_code, site};

#[tokio::test]
async fn m14_code_logs_in_once_and_the_owner_is_told() {
    let site = site();
    let bob = site.enrolled("bob").await;
    site.set_email(&bob.user, "bob@example.com").await;
    let typed = bob.recovery_codes[3].to_lowercase().replace('-', " ");
    assert!(site.logs_in("bob", &recovery_code(&typed)).await);
    assert_eq!(site.auth.recovery.count(&bob.user.id).await.unwrap(), 9);
    assert!(site.sent().await.contains(&"recovery_code_used".to_owned()));
    let waiting = site.pending("bob").await;
    let again = site.second_step(&waiting, &recovery_code(&bob.recovery_codes[3])).await;
    assert_rejected(&again, Rejection::Wrong);
    assert!(is_logged_in(
        &site.second_step(&waiting, &recovery_code(&bob.recovery_codes[4])).await
    ));
}

#[tokio::test]
async fn m14_codes_are_stored_as_hashes() {
    let site = site();
    let bob = site.enrolled("bob").await;
    let keys = &site.storage.inner().keys;
    let keys = keys.list_for_user(Some(&bob.user.id), KeyPrefix::RecoveryCode, None, 99).await;
    let stored = format!("{:?}", keys.unwrap());
    for code in &bob.recovery_codes {
        assert!(!stored.contains(code.as_str()) && !stored.contains(&code.replace('-', "")));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m14_one_of_fifty_parallel_uses_succeeds() {
    let site = Arc::new(site());
    let bob = site.enrolled("bob").await;
    let mut waiting = Vec::new();
    for _ in 0..50 {
        waiting.push(site.pending("bob").await);
    }
    let (waiting, code) = (Arc::new(waiting), recovery_code(&bob.recovery_codes[0]));
    let outcomes = race(|number| {
        let (site, waiting, code) = (site.clone(), waiting.clone(), code.clone());
        async move { site.second_step(&waiting[number], &code).await }
    })
    .await;
    assert_eq!(outcomes.iter().filter(|outcome| is_logged_in(outcome)).count(), 1);
}

#[tokio::test]
async fn m14_wrong_codes_are_counted() {
    let site = site();
    let bob = site.enrolled("bob").await;
    let waiting = site.pending("bob").await;
    for wrong in ["ABCD-EFGH-JKLM-NPQR", "x", "-", "ABCDEFGHJKLMNPQRSTUVW", "АBCD-EFGH-JKLM-NPQR"]
    {
        let outcome = site.second_step(&waiting, &recovery_code(wrong)).await;
        assert_rejected(&outcome, Rejection::Wrong);
    }
    let outcome = site.second_step(&waiting, &recovery_code(&bob.recovery_codes[0])).await;
    assert!(matches!(outcome, super::SecondFactorOutcome::Rejected(Rejection::TooMany { .. })));
}

#[tokio::test]
async fn m13_new_codes_need_the_factor_and_invalidate_the_old_ones() {
    let site = site();
    let bob = site.enrolled("bob").await;
    let session = site.checked(&bob.session).await;
    let alice = site.enrolled("alice").await;
    let foreign = site.proof(&alice, &site.checked(&alice.session).await).await;
    let refused = site.auth.recovery.regenerate(&session, &foreign).await.unwrap();
    assert_eq!(refused, NewCodes::NeedsFactor);
    let proof = site.proof(&bob, &session).await;
    let made = site.auth.recovery.regenerate(&session, &proof).await.unwrap();
    let NewCodes::Made(codes) = made else { panic!("{made:?}") };
    assert_eq!(codes.len(), 10);
    assert!(!site.logs_in("bob", &recovery_code(&bob.recovery_codes[0])).await);
    assert!(site.logs_in("bob", &recovery_code(&codes[0])).await);
}

#[tokio::test]
async fn code_confirms_a_request_so_that_a_lost_phone_can_be_replaced() {
    let site = site();
    let bob = site.enrolled("bob").await;
    let session = site.checked(&bob.session).await;
    let request = || post("/changefactor2", "factor2=none");
    let asked = site.protect(&session, request(), &fields([("factor2", "none")])).await;
    assert!(matches!(asked, Protected::Challenged { .. }), "{asked:?}");
    let code = recovery_code(&bob.recovery_codes[0]);
    let confirmed = site.protect(&session, request(), &code).await;
    assert!(matches!(confirmed, Protected::Confirmed { .. }), "{confirmed:?}");
    assert_eq!(site.auth.recovery.count(&bob.user.id).await.unwrap(), 9);
}
