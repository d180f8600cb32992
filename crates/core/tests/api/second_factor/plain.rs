//! Secrets in plain text, as upstream stores them.

use crossauth_core::crypto::TotpSecret;
use crossauth_core::storage::{Change, Guard};
use crossauth_core::user::{FactorName, Patch, SecretsUpdate, UserUpdate};
use crossauth_testkit::storage::change_user;

use super::{STEP, otp, site};
use crossauth_core::account::Role;

#[tokio::test]
async fn m17_plain_secret_works_and_is_encrypted_when_it_is_used() {
    let site = site();
    let bob = site.account("bob", Role::User).await;
    let secret = TotpSecret::parse("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ").unwrap();
    let change = Change {
        user: UserUpdate { factor2: Patch::Set(FactorName::TOTP), ..UserUpdate::default() },
        secrets: SecretsUpdate {
            totpsecret: Patch::Set(secret.expose().to_owned()),
            ..SecretsUpdate::default()
        },
        guard: Guard::None,
        ..Change::default()
    };
    change_user(site.storage.inner(), &bob.id, &change).await;
    let stored = || async {
        let found = site.storage.inner().users.find_by_id(&bob.id).await.unwrap().unwrap();
        found.regardless_of_state().1.totpsecret.unwrap()
    };
    let wrong = otp(&site.wrong_code(&secret));
    assert!(!site.logs_in("bob", &wrong).await);
    assert_eq!(stored().await, secret.expose());
    assert!(site.logs_in("bob", &otp(&site.code(&secret))).await);
    assert!(stored().await.starts_with("v2."));
    site.clock.advance(STEP);
    assert!(site.logs_in("bob", &otp(&site.code(&secret))).await);
}
