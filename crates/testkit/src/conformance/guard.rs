//! Rules for the guards of a change.

use crossauth_core::storage::{
    Change, Changed, Created, CredentialVersion, Deleted, Effects, Guard, Storage, UserQuery,
};
use crossauth_core::user::{NewUser, Patch, StateEvent, UserSecrets, UserState, UserUpdate};

use super::sample::{
    bob, change, create, create_admin, create_bob, found, new_password, password_change, race,
    secrets, stored,
};

/// The password is replaced only if the stored hash is the one that was checked.
pub(super) async fn password_guard_compares_the_stored_hash(storage: &Storage) {
    let bob = create_bob(storage).await;
    for wrong in ["wrong", "", "bob's hash "] {
        let changed = storage.users.change(&bob.id, &replace(wrong, "new")).await.unwrap();
        assert_eq!(changed, Changed::GuardFailed, "{wrong}");
        let deleted =
            storage.users.delete(&bob.id, Guard::PasswordIs(wrong), &Effects::default()).await;
        assert_eq!(deleted.unwrap(), Deleted::GuardFailed, "{wrong}");
    }
    assert_eq!(stored(storage, &bob.id).await.1, secrets("bob's hash"));
    change(storage, &bob.id, &replace("bob's hash", "new")).await;
    assert_eq!(stored(storage, &bob.id).await.1, secrets("new"));

    let carol = create(storage, &NewUser::named("carol"), &UserSecrets::default()).await;
    let changed = storage.users.change(&carol.id, &replace("", "new")).await.unwrap();
    assert_eq!(changed, Changed::GuardFailed, "no password is not an empty one");
    let deleted =
        storage.users.delete(&bob.id, Guard::PasswordIs("new"), &Effects::default()).await;
    assert!(matches!(deleted, Ok(Deleted::Done(_))), "{deleted:?}");
}

/// Checked credentials are no longer valid after a change of password.
pub(super) async fn credential_guard_fails_after_a_new_password(storage: &Storage) {
    let bob = create_bob(storage).await;
    let checked = found(storage, &bob.id).await.credentials();
    let guarded = |admin| Change {
        user: UserUpdate { admin: Some(admin), ..UserUpdate::default() },
        guard: Guard::CredentialsAre(&checked),
        ..Change::default()
    };
    assert!(change(storage, &bob.id, &guarded(true)).await.admin);
    change(storage, &bob.id, &password_change("new")).await;
    let changed = storage.users.change(&bob.id, &guarded(false)).await.unwrap();
    assert_eq!(changed, Changed::GuardFailed);
    assert!(stored(storage, &bob.id).await.0.admin);
}

/// The last administrator can be neither disabled, demoted nor deleted under the guard.
pub(super) async fn last_administrator_stays(storage: &Storage) {
    let bob = create_bob(storage).await;
    let root = create_admin(storage, "root").await;
    let demote = UserUpdate { admin: Some(false), ..UserUpdate::default() };
    let guard = Guard::NotTheLastAdmin;
    for guarded in [disable(), Change { user: demote, guard, ..Change::default() }] {
        let changed = storage.users.change(&root.id, &guarded).await.unwrap();
        assert_eq!(changed, Changed::LastAdmin);
    }
    let deleted = storage.users.delete(&root.id, guard, &Effects::default()).await.unwrap();
    assert_eq!(deleted, Deleted::LastAdmin);
    assert_eq!(stored(storage, &root.id).await.0, root);

    change(storage, &bob.id, &disable()).await;
    let other = create_admin(storage, "other").await;
    change(storage, &root.id, &disable()).await;
    let changed = storage.users.change(&other.id, &disable()).await.unwrap();
    assert_eq!(changed, Changed::LastAdmin);
}

/// An account is deleted by its owner only if both conditions hold.
pub(super) async fn credentials_and_last_administrator_are_checked_together(storage: &Storage) {
    let bob = create_bob(storage).await;
    let old = found(storage, &bob.id).await.credentials();
    change(storage, &bob.id, &password_change("new")).await;
    let delete = async |id, checked: &CredentialVersion| {
        let guard = Guard::CredentialsAndNotTheLastAdmin(checked);
        storage.users.delete(id, guard, &Effects::default()).await.unwrap()
    };
    assert_eq!(delete(&bob.id, &old).await, Deleted::GuardFailed);
    let root = create_admin(storage, "root").await;
    let checked = found(storage, &root.id).await.credentials();
    assert_eq!(delete(&root.id, &checked).await, Deleted::LastAdmin);
    assert_eq!(stored(storage, &root.id).await.0, root);
    let checked = found(storage, &bob.id).await.credentials();
    assert_eq!(delete(&bob.id, &checked).await, Deleted::Done(Box::new(bob)));
}

/// Disabled administrators do not count as remaining administrators.
pub(super) async fn disabled_administrators_do_not_count(storage: &Storage) {
    let root = create_admin(storage, "root").await;
    let gone = NewUser { admin: true, state: UserState::Disabled, ..NewUser::named("gone") };
    let gone = create(storage, &gone, &UserSecrets::default()).await;
    let changed = storage.users.change(&root.id, &disable()).await.unwrap();
    assert_eq!(changed, Changed::LastAdmin);
    let guard = Guard::NotTheLastAdmin;
    let deleted = storage.users.delete(&gone.id, guard, &Effects::default()).await.unwrap();
    assert_eq!(deleted, Deleted::Done(Box::new(gone)));
}

/// Administrators who cannot log in, such as one who has not chosen a password yet, do not count as
/// remaining ones; each can be removed while another one can.
pub(super) async fn administrators_who_cannot_log_in_do_not_count(storage: &Storage) {
    let root = create_admin(storage, "root").await;
    let guard = Guard::NotTheLastAdmin;
    for state in UserState::KNOWN {
        let other = NewUser { admin: true, state: state.clone(), ..NewUser::named("other") };
        let other = create(storage, &other, &UserSecrets::default()).await;
        let change = Change { guard, ..Change::default() };
        let changed = storage.users.change(&root.id, &change).await.unwrap();
        let is_last = changed == Changed::LastAdmin;
        assert_eq!(is_last, !state.lets_log_in(), "{state:?}: {changed:?}");
        let deleted = storage.users.delete(&other.id, guard, &Effects::default()).await.unwrap();
        assert_eq!(deleted, Deleted::Done(Box::new(other)));
    }
}

/// The first administrator is created, and changes are made, under the guard that there is none.
pub(super) async fn first_administrator_is_created_while_there_is_none(storage: &Storage) {
    let bob = create_bob(storage).await;
    let no_factor2 = UserUpdate { factor2: Patch::Clear, ..UserUpdate::default() };
    let guarded = Change { user: no_factor2, guard: Guard::NoAdmin, ..Change::default() };
    change(storage, &bob.id, &guarded).await;
    let first = create_first_admin(storage, "root").await;
    assert!(matches!(first, Created::Done(_)), "{first:?}");
    assert_eq!(create_first_admin(storage, "other").await, Created::GuardFailed);
    assert_eq!(storage.users.find_by_username("other").await.unwrap(), None);
    let changed = storage.users.change(&bob.id, &guarded).await.unwrap();
    assert_eq!(changed, Changed::GuardFailed);
    let root = storage.users.find_id("root").await.unwrap().unwrap();
    let disable = Change { event: Some(StateEvent::Disabled), ..Change::default() };
    change(storage, &root, &disable).await;
    let again = create_first_admin(storage, "other").await;
    assert_eq!(again, Created::GuardFailed, "a disabled administrator is one");
    let deleted = storage.users.delete(&bob.id, Guard::NoAdmin, &Effects::default()).await;
    assert_eq!(deleted.unwrap(), Deleted::GuardFailed);
}

/// An account that is about to be created has no password to compare.
pub(super) async fn guards_about_an_account_do_not_hold_before_its_creation(storage: &Storage) {
    let credentials = CredentialVersion::Password(None);
    for guard in [
        Guard::PasswordIs(""),
        Guard::CredentialsAre(&credentials),
        Guard::CredentialsAndNotTheLastAdmin(&credentials),
    ] {
        let (bob, secrets) = (bob(), secrets("hash"));
        let created = storage.users.create(&bob, &secrets, guard, &Effects::default()).await;
        assert_eq!(created.unwrap(), Created::GuardFailed);
    }
    assert_eq!(storage.users.find_by_username("bob").await.unwrap(), None);
}

/// Of concurrent creations of a first administrator at most one succeeds, and none after another
/// administrator was created without the guard.
pub(super) async fn one_of_many_first_administrators_is_created(storage: &Storage) {
    let results = race(50, |number| {
        let storage = storage.clone();
        async move {
            if number == 25 {
                let created = create_admin(&storage, "unguarded").await;
                // From here on, there is an administrator.
                let late = create_first_admin(&storage, "late").await;
                assert_eq!(late, Created::GuardFailed, "{created:?}");
                return false;
            }
            let created = create_first_admin(&storage, &format!("root{number}")).await;
            matches!(created, Created::Done(_))
        }
    })
    .await;
    let done = results.into_iter().filter(|done| *done).count();
    assert!(done <= 1, "{done} first administrators");
    let admins = storage.users.list(&UserQuery::first(100)).await.unwrap().users;
    assert_eq!(admins.len(), done + 1);
}

/// Of concurrent replacements of one password exactly one succeeds.
pub(super) async fn one_of_many_password_replacements_succeeds(storage: &Storage) {
    let bob = create(storage, &bob(), &secrets("bob's hash")).await;
    let results = race(50, |number| {
        let (users, id) = (storage.users.clone(), bob.id.clone());
        async move {
            let new = number.to_string();
            let replace = Change {
                secrets: new_password(&new),
                guard: Guard::PasswordIs("bob's hash"),
                ..Change::default()
            };
            users.change(&id, &replace).await.unwrap()
        }
    })
    .await;
    let is_done = |changed: &Changed| matches!(changed, Changed::Done(_));
    let winner = results.iter().position(is_done).unwrap();
    assert_eq!(results.iter().filter(|changed| is_done(changed)).count(), 1);
    assert!(results.iter().all(|changed| is_done(changed) || *changed == Changed::GuardFailed));
    assert_eq!(stored(storage, &bob.id).await.1, secrets(&winner.to_string()));
}

/// Of concurrently disabled administrators, one stays enabled.
pub(super) async fn one_of_many_administrators_stays(storage: &Storage) {
    let mut ids = Vec::new();
    for number in 0..5 {
        ids.push(create_admin(storage, &format!("admin{number}")).await.id);
    }
    race(50, |number| {
        let (users, id) = (storage.users.clone(), ids[number % ids.len()].clone());
        async move { users.change(&id, &disable()).await.unwrap() }
    })
    .await;
    let users = storage.users.list(&UserQuery::first(10)).await.unwrap().users;
    assert_eq!(users.iter().filter(|user| user.state == UserState::Active).count(), 1);
}

async fn create_first_admin(storage: &Storage, name: &str) -> Created {
    let admin = NewUser { admin: true, ..NewUser::named(name) };
    let (secrets, effects) = (UserSecrets::default(), Effects::default());
    storage.users.create(&admin, &secrets, Guard::NoAdmin, &effects).await.unwrap()
}

fn replace<'a>(old: &'a str, new: &str) -> Change<'a> {
    Change { secrets: new_password(new), guard: Guard::PasswordIs(old), ..Change::default() }
}

fn disable() -> Change<'static> {
    Change { event: Some(StateEvent::Disabled), guard: Guard::NotTheLastAdmin, ..Change::default() }
}
