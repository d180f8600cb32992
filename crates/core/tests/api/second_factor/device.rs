//! Known devices.

use std::time::Duration;

use crossauth_core::account::AccountUpdate;
use crossauth_core::device::NewDevice;
use crossauth_core::login::{Door, LoginOutcome, SecondFactorAttempt, SecondFactorOutcome};
use crossauth_core::secret::Password;
use crossauth_core::user::Patch;

use super::{Enrolled, otp, site};
use crate::site::{OTHER, Site};

const DAY: Duration = Duration::from_hours(24);

async fn remember(site: &Site, bob: &Enrolled) -> NewDevice {
    let waiting = site.pending(&bob.user.username).await;
    let code = otp(&site.code(&bob.phone));
    let remember = Some("Firefox on Linux");
    let attempt = SecondFactorAttempt { remember, ..SecondFactorAttempt::new(&waiting, &code) };
    let outcome = site.auth.login.complete(attempt).await.unwrap();
    let SecondFactorOutcome::LoggedIn { device, .. } = outcome else { panic!("{outcome:?}") };
    site.clock.advance(super::STEP);
    device.unwrap()
}

async fn is_known(site: &Site, username: &str, cookie: &str) -> bool {
    let door = Door { device: Some(cookie), ..Door::default() };
    let outcome = site.first_step(username, door).await;
    let is_known = matches!(outcome, LoginOutcome::LoggedIn(_));
    assert!(is_known || matches!(outcome, LoginOutcome::SecondFactor(_)), "{outcome:?}");
    is_known
}

#[tokio::test]
async fn known_device_is_not_asked_for_the_factor_for_thirty_days() {
    let site = site();
    let bob = site.enrolled("bob").await;
    site.set_email(&bob.user, "bob@example.com").await;
    let device = remember(&site, &bob).await;
    assert!(site.sent().await.contains(&"new_device".to_owned()));
    assert!(is_known(&site, "bob", &device.cookie).await);
    let listed = site.auth.devices.list(&bob.user.id).await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].name.as_deref(), Some("Firefox on Linux"));
    assert_eq!(listed[0].expires, device.expires);
    site.clock.set(device.expires - Duration::from_millis(1));
    assert!(is_known(&site, "bob", &device.cookie).await);
    site.clock.set(device.expires);
    assert!(!is_known(&site, "bob", &device.cookie).await);
    assert!(site.auth.devices.list(&bob.user.id).await.unwrap().is_empty());
}

#[tokio::test]
async fn m15_device_of_one_user_is_unknown_to_another() {
    let site = site();
    let bob = site.enrolled("bob").await;
    site.enrolled("alice").await;
    let device = remember(&site, &bob).await;
    assert!(!is_known(&site, "alice", &device.cookie).await);
    for forged in ["", ".", "x", &device.cookie[1..], &format!("{}x", device.cookie)] {
        assert!(!is_known(&site, "bob", forged).await, "{forged}");
    }
    assert!(is_known(&site, "bob", &device.cookie).await);
    // Nor is a session or another key a device.
    assert!(!is_known(&site, "bob", &bob.session.cookie).await);
}

#[tokio::test]
async fn m15_device_is_unknown_after_a_new_password() {
    let site = site();
    let bob = site.enrolled("bob").await;
    let device = remember(&site, &bob).await;
    site.auth.accounts.set_password("bob", Password::new(OTHER)).await.unwrap();
    site.auth.accounts.set_password("bob", Password::new(crate::site::PASSWORD)).await.unwrap();
    assert!(!is_known(&site, "bob", &device.cookie).await);
    assert!(site.auth.devices.list(&bob.user.id).await.unwrap().is_empty());
}

#[tokio::test]
async fn m15_device_is_unknown_after_a_new_address_or_factor() {
    let site = site();
    let bob = site.enrolled("bob").await;
    let device = remember(&site, &bob).await;
    let email = Patch::Set("bob@example.org".into());
    let update = AccountUpdate { email, ..AccountUpdate::default() };
    site.auth.accounts.update("bob", update).await.unwrap();
    assert!(!is_known(&site, "bob", &device.cookie).await);
    let device = remember(&site, &bob).await;
    let session = site.checked(&bob.session).await;
    let proof = site.proof(&bob, &session).await;
    let assurance = super::Assurance { factor: Some(&proof), password: None };
    let begun = site.auth.enrolment.configure(&session, assurance).await.unwrap();
    let super::Begun::Waiting { shown, .. } = begun else { panic!("{begun:?}") };
    assert!(is_known(&site, "bob", &device.cookie).await, "before it is confirmed");
    site.confirm(&session, &site.code(&super::secret_of(&shown))).await;
    assert!(!is_known(&site, "bob", &device.cookie).await);
}

#[tokio::test]
async fn forgotten_device_is_unknown() {
    let site = site();
    let bob = site.enrolled("bob").await;
    let alice = site.enrolled("alice").await;
    let (first, second) = (remember(&site, &bob).await, remember(&site, &bob).await);
    let listed = site.auth.devices.list(&bob.user.id).await.unwrap();
    // The newest is first.
    let id = &listed[1].id;
    assert!(!site.auth.devices.forget(&alice.user.id, id).await.unwrap());
    assert!(site.auth.devices.forget(&bob.user.id, id).await.unwrap());
    assert!(!site.auth.devices.forget(&bob.user.id, id).await.unwrap());
    assert!(!is_known(&site, "bob", &first.cookie).await);
    assert!(is_known(&site, "bob", &second.cookie).await);
    site.clock.advance(DAY);
    assert!(is_known(&site, "bob", &second.cookie).await);
}
