//! Rules for session stores.

use crossauth_core::key::{Key, KeyPrefix};
use crossauth_core::storage::{
    AdmitError, Change, CredentialVersion, Effects, Guard, SessionStart, Started, Storage,
    StorageErrorKind,
};
use crossauth_core::user::{
    Patch, Refusal, SecretsUpdate, StateChecks, StateEvent, User, UserId, UserState, UserUpdate,
};

use super::sample::{
    self, HOUR, NOW, change, create_bob, create_named, found, insert_key, is_admitted,
    password_change, present, race, update, without_epoch,
};

/// A session is found together with its user.
pub(super) async fn session_is_found_with_its_user(storage: &Storage) {
    let bob = create_bob(storage).await;
    create_named(storage, "carol").await;
    let key = Key {
        expires: Some(NOW + HOUR),
        lastactive: Some(NOW),
        ..Key::new("s:1", Some(bob.id.clone()), NOW)
    };
    storage.keys.insert(&key).await.unwrap();
    assert_eq!(admitted(storage, "s:1").await, (key, Some(bob)));
}

/// An anonymous session is found without a user.
pub(super) async fn anonymous_session_has_no_user(storage: &Storage) {
    create_bob(storage).await;
    let key = insert_key(storage, "s:1", None).await;
    assert_eq!(admitted(storage, "s:1").await, (key, None));
}

/// Looking up an absent session returns `None`.
pub(super) async fn absent_session_is_not_found(storage: &Storage) {
    insert_key(storage, "s:1", None).await;
    for value in ["", "s:", "s:2", "S:1", "s:%", "' OR 1=1 --"] {
        assert_eq!(storage.sessions.find(value).await.unwrap(), None, "{value}");
    }
}

/// A session check after a change sees the changed user.
pub(super) async fn session_is_found_with_the_current_user(storage: &Storage) {
    let bob = create_bob(storage).await;
    insert_key(storage, "s:1", Some(&bob.id)).await;
    for admin in [true, false, true] {
        let user = UserUpdate { admin: Some(admin), ..UserUpdate::default() };
        update(storage, &bob.id, &user).await;
        assert_eq!(admitted(storage, "s:1").await.1.unwrap().admin, admin);
    }
    storage.keys.delete("s:1").await.unwrap();
    assert_eq!(storage.sessions.find("s:1").await.unwrap(), None);
}

/// The user of a session that another store has is found with their current epoch, until the end of
/// the session is recorded or the user is deleted.
pub(super) async fn user_of_a_session_elsewhere_is_found_until_its_end_is_recorded(
    storage: &Storage,
) {
    let (bob, carol) = (create_bob(storage).await, create_named(storage, "carol").await);
    let absent = UserId::Text("absent".into());
    let find = async |id| storage.sessions.find_user(id, "es:1").await.unwrap();
    let (user, epoch) = find(&bob.id).await.unwrap();
    assert_eq!(user, bob);
    change(storage, &bob.id, &password_change("new")).await;
    let (_, later) = find(&bob.id).await.unwrap();
    assert_eq!(later, epoch.map(|epoch| epoch + 1));
    assert_eq!(find(&absent).await, None);
    insert_key(storage, "es:2", Some(&bob.id)).await;
    assert!(find(&carol.id).await.is_some());
    insert_key(storage, "es:1", Some(&bob.id)).await;
    assert_eq!(find(&bob.id).await, None);
    storage.keys.delete("es:1").await.unwrap();
    assert!(find(&bob.id).await.is_some());
    storage.users.delete(&bob.id, Guard::None, &Effects::default()).await.unwrap();
    assert_eq!(find(&bob.id).await, None);
}

/// The session of a disabled user is refused.
pub(super) async fn disabled_user_is_refused(storage: &Storage) {
    let bob = create_bob(storage).await;
    insert_key(storage, "s:1", Some(&bob.id)).await;
    let disabled = UserUpdate { state: Some(UserState::Disabled), ..UserUpdate::default() };
    update(storage, &bob.id, &disabled).await;
    let session = storage.sessions.find("s:1").await.unwrap().unwrap();
    let refused = AdmitError::State(Refusal::NotActive);
    assert_eq!(session.admit(StateChecks::ALL), Err(refused));
}

/// Deleting a user deletes their sessions.
pub(super) async fn session_of_a_deleted_user_is_not_found(storage: &Storage) {
    let bob = create_bob(storage).await;
    insert_key(storage, "s:1", Some(&bob.id)).await;
    storage.users.delete(&bob.id, Guard::None, &Effects::default()).await.unwrap();
    assert_eq!(storage.sessions.find("s:1").await.unwrap(), None);
}

/// Starting a session ends the replaced one and revokes the given kinds of keys, of this user only.
pub(super) async fn start_replaces_the_old_session_and_revokes_the_given_kinds(storage: &Storage) {
    let bob = create_bob(storage).await;
    let carol = create_named(storage, "carol").await;
    let all = ["s:old", "s:other", "p:bob1", "p:bob2", "e:bob", "p:carol", "p:anonymous"];
    let owners = [None, Some(&bob), Some(&bob), Some(&bob), Some(&bob), Some(&carol), None];
    for (value, owner) in all.iter().zip(owners) {
        insert_key(storage, value, owner.map(|user| &user.id)).await;
    }
    let key = Key::new("s:new", Some(bob.id.clone()), NOW);
    let start = SessionStart { revoke: &[KeyPrefix::PasswordReset], ..start(&key) };
    let started = storage.sessions.start(start).await.unwrap();
    assert_eq!(started, Started::Begun(Some(Box::new(bob.clone()))));
    assert_eq!(present(storage, &all).await, ["s:other", "e:bob", "p:carol", "p:anonymous"]);
    assert_eq!(admitted(storage, "s:new").await, (key, Some(bob)));
}

/// Without kinds to revoke, starting a session deletes no key.
pub(super) async fn start_without_revocation_removes_no_key(storage: &Storage) {
    let bob = create_bob(storage).await;
    let all = ["s:old", "p:bob", "e:bob"];
    for value in all {
        insert_key(storage, value, Some(&bob.id)).await;
    }
    let key = Key::new("s:new", Some(bob.id), NOW);
    let start = SessionStart { replaces: None, ..start(&key) };
    assert!(matches!(storage.sessions.start(start).await, Ok(Started::Begun(Some(_)))));
    assert_eq!(present(storage, &all).await, all);
}

/// The session starts if the checked credentials are still valid.
pub(super) async fn session_starts_with_the_checked_credentials(storage: &Storage) {
    let bob = create_bob(storage).await;
    let checked = found(storage, &bob.id).await.credentials();
    let user = UserUpdate { admin: Some(true), ..UserUpdate::default() };
    update(storage, &bob.id, &user).await;
    let key = Key::new("s:1", Some(bob.id), NOW);
    let start =
        SessionStart { replaces: Some("s:absent"), credentials: Some(&checked), ..start(&key) };
    assert!(matches!(storage.sessions.start(start).await, Ok(Started::Begun(Some(_)))));
    assert!(is_admitted(storage, "s:1").await);
}

/// If the password was changed after it was checked, no session starts.
pub(super) async fn changed_password_starts_no_session_and_changes_nothing(storage: &Storage) {
    let bob = create_bob(storage).await;
    let checked = found(storage, &bob.id).await.credentials();
    change(storage, &bob.id, &password_change("new")).await;
    assert_refused(storage, &bob, Some(&checked), &Started::CredentialsChanged).await;
    let checked = found(storage, &bob.id).await.credentials();
    let secrets = SecretsUpdate { password: Patch::Clear, ..SecretsUpdate::default() };
    let cleared = Change { secrets, ..password_change("") };
    change(storage, &bob.id, &cleared).await;
    assert_refused(storage, &bob, Some(&checked), &Started::CredentialsChanged).await;
}

/// A user whose state does not allow login gets no session.
pub(super) async fn refused_state_starts_no_session_and_changes_nothing(storage: &Storage) {
    let bob = create_bob(storage).await;
    for (state, refusal) in [
        (UserState::Disabled, Refusal::NotActive),
        (UserState::AwaitingEmailVerification, Refusal::EmailNotVerified),
        (UserState::PasswordChangeNeeded, Refusal::PasswordChangeNeeded),
    ] {
        let user = UserUpdate { state: Some(state.clone()), ..UserUpdate::default() };
        update(storage, &bob.id, &user).await;
        let checked = found(storage, &bob.id).await.credentials();
        for credentials in [None, Some(&checked)] {
            assert_refused(storage, &bob, credentials, &Started::Refused(refusal)).await;
        }
    }
    let key = Key::new("s:unchecked", Some(bob.id.clone()), NOW);
    let checks = StateChecks { active: false, email_verified: false };
    let start = SessionStart { checks, ..start(&key) };
    assert!(matches!(storage.sessions.start(start).await, Ok(Started::Begun(Some(_)))));
}

/// A deleted user gets no session.
pub(super) async fn session_of_an_absent_user_does_not_start(storage: &Storage) {
    let bob = create_bob(storage).await;
    let checked = found(storage, &bob.id).await.credentials();
    insert_key(storage, "s:old", None).await;
    storage.users.delete(&bob.id, Guard::None, &Effects::default()).await.unwrap();
    for id in [bob.id, UserId::Integer(999_999)] {
        for credentials in [None, Some(&checked)] {
            let key = Key::new("s:new", Some(id.clone()), NOW);
            let started = storage.sessions.start(SessionStart { credentials, ..start(&key) }).await;
            assert_eq!(started.unwrap(), Started::NoSuchUser);
            assert_eq!(present(storage, &["s:new", "s:old"]).await, ["s:old"]);
        }
    }
}

/// Anonymous sessions can be started, and revoke no user's keys.
pub(super) async fn anonymous_session_starts(storage: &Storage) {
    insert_key(storage, "s:old", None).await;
    insert_key(storage, "p:anonymous", None).await;
    let key = Key::new("s:new", None, NOW);
    let start = SessionStart { revoke: &[KeyPrefix::PasswordReset], ..start(&key) };
    assert_eq!(storage.sessions.start(start).await.unwrap(), Started::Begun(None));
    let present = present(storage, &["s:new", "s:old", "p:anonymous"]).await;
    assert_eq!(present, ["s:new", "p:anonymous"]);
}

/// If the value is taken, nothing changes.
pub(super) async fn taken_value_conflicts_and_changes_nothing(storage: &Storage) {
    let bob = create_bob(storage).await;
    let all = ["s:old", "s:taken", "p:bob"];
    for value in all {
        insert_key(storage, value, Some(&bob.id)).await;
    }
    let key = Key::new("s:taken", Some(bob.id), NOW);
    let start = SessionStart { revoke: &[KeyPrefix::PasswordReset], ..start(&key) };
    let error = storage.sessions.start(start).await.unwrap_err();
    assert_eq!(error.kind, StorageErrorKind::Conflict);
    assert_eq!(present(storage, &all).await, all);
}

/// After a change of password, no session that a concurrent login with the old password started is
/// accepted.
pub(super) async fn no_session_outlives_a_new_password(storage: &Storage) {
    let bob = create_bob(storage).await;
    let checked = found(storage, &bob.id).await.credentials();
    race(50, |number| {
        let (storage, id, checked) = (storage.clone(), bob.id.clone(), checked.clone());
        async move {
            if number == 25 {
                change(&storage, &id, &password_change("new")).await;
                return;
            }
            let key = Key::new(format!("s:{number}"), Some(id), NOW);
            let start = SessionStart { replaces: None, credentials: Some(&checked), ..start(&key) };
            let started = storage.sessions.start(start).await.unwrap();
            let expected = matches!(started, Started::Begun(_) | Started::CredentialsChanged);
            assert!(expected, "{started:?}");
        }
    })
    .await;
    for number in 0..50 {
        assert!(!is_admitted(storage, &format!("s:{number}")).await, "{number}");
    }
}

/// A login that is concurrent with disabling the account leaves no session when it is re-enabled.
pub(super) async fn no_session_begins_for_a_disabled_account(storage: &Storage) {
    let bob = create_bob(storage).await;
    race(50, |number| {
        let (storage, id) = (storage.clone(), bob.id.clone());
        async move {
            if number == 25 {
                let disable = Change { event: Some(StateEvent::Disabled), ..password_change("x") };
                change(&storage, &id, &disable).await;
                return;
            }
            let key = Key::new(format!("s:{number}"), Some(id), NOW);
            let start = SessionStart { replaces: None, ..start(&key) };
            storage.sessions.start(start).await.unwrap();
        }
    })
    .await;
    let enable = Change { event: Some(StateEvent::Enabled), ..Change::default() };
    change(storage, &bob.id, &enable).await;
    for number in 0..50 {
        assert!(!is_admitted(storage, &format!("s:{number}")).await, "{number}");
    }
}

/// A start that replaces `s:old` and checks the state only.
fn start(key: &Key) -> SessionStart<'_> {
    SessionStart { replaces: Some("s:old"), ..sample::start(key) }
}

/// Key and user of a session that must be accepted.
async fn admitted(storage: &Storage, value: &str) -> (Key, Option<User>) {
    let session = storage.sessions.find(value).await.unwrap().unwrap();
    let (key, user) = session.admit(StateChecks::ALL).unwrap();
    (without_epoch(key), user)
}

async fn assert_refused(
    storage: &Storage,
    user: &User,
    credentials: Option<&CredentialVersion>,
    expected: &Started,
) {
    let all = ["s:old", "p:token"];
    for value in all {
        if storage.keys.find(value).await.unwrap().is_none() {
            insert_key(storage, value, Some(&user.id)).await;
        }
    }
    let key = Key::new("s:new", Some(user.id.clone()), NOW);
    let start = SessionStart { credentials, revoke: &[KeyPrefix::PasswordReset], ..start(&key) };
    assert_eq!(storage.sessions.start(start).await.unwrap(), *expected);
    assert_eq!(present(storage, &["s:old", "p:token", "s:new"]).await, all);
}
