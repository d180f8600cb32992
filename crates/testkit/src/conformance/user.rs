//! Rules for user stores.

use crossauth_core::storage::{Change, Changed, Created, Effects, Guard, Storage, UserQuery};
use crossauth_core::user::{NewUser, Patch, UserId, UserSecrets, UserState, UserUpdate};
use serde_json::json;

use super::sample::{
    HOSTILE, NOW, bob, create, create_admin, create_bob, create_named, fields, race, secrets,
    stored, update,
};

/// A created user is found by id, username and e-mail address, with the secrets.
pub(super) async fn created_user_is_found_by_id_name_and_address(storage: &Storage) {
    let user = create_bob(storage).await;
    assert_eq!(user.username, "Bob");
    assert_eq!(user.email.as_deref(), Some("Bob@Example.com"));
    assert_eq!(user.state, UserState::Active);
    let users = &storage.users;
    let by_id = users.find_by_id(&user.id).await.unwrap().unwrap();
    assert_eq!(users.find_by_username("Bob").await.unwrap().unwrap(), by_id);
    assert_eq!(users.find_by_email("Bob@Example.com").await.unwrap().unwrap(), by_id);
    assert_eq!(by_id.regardless_of_state(), (user, secrets("bob's hash")));
}

/// An id is found by what is typed to log in: the username or the e-mail address, in any spelling
/// and whatever the state.
pub(super) async fn ids_are_found_by_name_and_address(storage: &Storage) {
    let bob = NewUser { state: UserState::Disabled, ..bob() };
    let bob = create(storage, &bob, &secrets("bob's hash")).await;
    let carol = create_named(storage, "carol").await;
    for (name, expected) in [
        ("Bob", Some(&bob.id)),
        ("BOB", Some(&bob.id)),
        ("bob@EXAMPLE.com", Some(&bob.id)),
        ("carol", Some(&carol.id)),
        ("carol@example.com", None),
        ("bo", None),
        ("", None),
    ] {
        assert_eq!(storage.users.find_id(name).await.unwrap().as_ref(), expected, "{name:?}");
    }
}

/// Looking up an absent user returns `None`, and e-mail addresses are not usernames.
pub(super) async fn absent_user_is_not_found(storage: &Storage) {
    create_bob(storage).await;
    let users = &storage.users;
    for id in [UserId::Integer(999_999), UserId::Text("unknown".into()), UserId::Text("1".into())] {
        assert_eq!(users.find_by_id(&id).await.unwrap(), None);
    }
    for name in ["", "carol", "bo", "bobb", "b%", "bob@example.com", "' OR 1=1 --"] {
        assert_eq!(users.find_by_username(name).await.unwrap(), None, "{name}");
    }
    for address in ["", "bob", "bob@example.org"] {
        assert_eq!(users.find_by_email(address).await.unwrap(), None, "{address}");
    }
}

/// Look-ups normalize.
pub(super) async fn names_and_addresses_are_found_in_any_spelling(storage: &Storage) {
    let new = NewUser { email: Some("José@Example.com".into()), ..NewUser::named("José") };
    let jose = create(storage, &new, &UserSecrets::default()).await;
    for name in ["José", "JOSÉ", "jose\u{301}", "JOSE\u{301}"] {
        let found = storage.users.find_by_username(name).await.unwrap().unwrap();
        assert_eq!(found.regardless_of_state().0, jose, "{name}");
        let address = format!("{name}@EXAMPLE.com");
        let found = storage.users.find_by_email(&address).await.unwrap().unwrap();
        assert_eq!(found.regardless_of_state().0, jose, "{address}");
    }
}

/// Normalized usernames and e-mail addresses are unique, and the outcome says which is taken.
pub(super) async fn taken_name_or_address_is_refused(storage: &Storage) {
    create_bob(storage).await;
    let same_name = NewUser::named("BOB");
    let same_address = NewUser { email: Some("BOB@EXAMPLE.COM".into()), ..NewUser::named("carol") };
    let same_both = NewUser { username: "BOB".into(), ..same_address.clone() };
    for (user, expected) in [
        (same_name, Created::UsernameTaken),
        (same_address, Created::EmailTaken),
        (same_both, Created::UsernameTaken),
    ] {
        let created =
            storage.users.create(&user, &secrets("hash"), Guard::None, &Effects::default()).await;
        assert_eq!(created.unwrap(), expected);
    }
}

/// A name that is the address of another user, or an address that is the name of one, is taken;
/// one's own is not.
pub(super) async fn name_that_is_another_users_address_is_taken(storage: &Storage) {
    let bob = create_bob(storage).await;
    let named = create_named(storage, "carol@example.com").await;
    let addressed =
        |name: &str, address: &str| NewUser { email: Some(address.into()), ..NewUser::named(name) };
    for (user, expected) in [
        (NewUser::named("bob@example.com"), Created::UsernameTaken),
        (NewUser::named("BOB@example.com"), Created::UsernameTaken),
        (addressed("dave", "Carol@Example.com"), Created::EmailTaken),
    ] {
        let created =
            storage.users.create(&user, &secrets("hash"), Guard::None, &Effects::default()).await;
        assert_eq!(created.unwrap(), expected, "{}", user.username);
    }
    let rename = |name: &str| UserUpdate { username: Some(name.into()), ..UserUpdate::default() };
    let readdress =
        |address: &str| UserUpdate { email: Patch::Set(address.into()), ..UserUpdate::default() };
    for (id, user, expected) in [
        (&named.id, rename("Bob@Example.com"), Changed::UsernameTaken),
        (&bob.id, readdress("carol@example.com"), Changed::EmailTaken),
    ] {
        let change = Change { user, ..Change::default() };
        assert_eq!(storage.users.change(id, &change).await.unwrap(), expected);
    }
    update(storage, &bob.id, &rename("bob@example.com")).await;
    update(storage, &named.id, &readdress("carol@example.com")).await;
    create(storage, &addressed("erin@example.com", "erin@example.com"), &secrets("hash")).await;
}

/// Of concurrent users with one text as a name or as an address, exactly one is created.
pub(super) async fn one_of_many_concurrent_claims_succeeds(storage: &Storage) {
    let results = race(50, |number| {
        let users = storage.users.clone();
        async move {
            let named = NewUser::named("bob@example.com");
            let other = NewUser::named(format!("other{number}"));
            let addressed = NewUser { email: Some("Bob@Example.com".into()), ..other };
            let user = if number % 2 == 0 { named } else { addressed };
            users.create(&user, &secrets("hash"), Guard::None, &Effects::default()).await.unwrap()
        }
    })
    .await;
    let done = results.iter().filter(|created| matches!(created, Created::Done(_))).count();
    assert_eq!(done, 1);
}

/// A refused creation stores neither user nor secrets.
pub(super) async fn rejected_user_leaves_no_rows(storage: &Storage) {
    create_bob(storage).await;
    let carol = NewUser { email: bob().email, ..NewUser::named("carol") };
    let created =
        storage.users.create(&carol, &secrets("first"), Guard::None, &Effects::default()).await;
    assert_eq!(created.unwrap(), Created::EmailTaken);
    assert_eq!(storage.users.find_by_username("carol").await.unwrap(), None);
    assert_eq!(storage.users.list(&UserQuery::first(10)).await.unwrap().users.len(), 1);
    let carol = create(storage, &NewUser::named("carol"), &UserSecrets::default()).await;
    assert_eq!(stored(storage, &carol.id).await.1, UserSecrets::default());
}

/// Users without an e-mail address do not conflict.
pub(super) async fn users_without_an_address_do_not_conflict(storage: &Storage) {
    let bob = create_named(storage, "bob").await;
    let carol = create_named(storage, "carol").await;
    assert_eq!((bob.email, carol.email), (None, None));
    assert_ne!(bob.id, carol.id);
}

/// Of concurrent creations of one name exactly one succeeds.
pub(super) async fn one_of_many_creations_of_a_name_succeeds(storage: &Storage) {
    let results = race(50, |number| {
        let users = storage.users.clone();
        async move {
            let secrets = secrets(&number.to_string());
            users
                .create(&NewUser::named("bob"), &secrets, Guard::None, &Effects::default())
                .await
                .unwrap()
        }
    })
    .await;
    let (done, refused): (Vec<_>, Vec<_>) =
        results.into_iter().partition(|created| matches!(created, Created::Done(_)));
    assert_eq!(done.len(), 1);
    assert!(refused.iter().all(|created| *created == Created::UsernameTaken), "{refused:?}");
}

/// A user without secrets is found, with empty ones.
pub(super) async fn user_without_secrets_is_found(storage: &Storage) {
    let user = create(storage, &bob(), &UserSecrets::default()).await;
    assert_eq!(stored(storage, &user.id).await, (user, UserSecrets::default()));
}

/// The time of creation survives changes. A mapped database may have no column for it.
pub(super) async fn time_of_creation_is_kept_or_unknown(storage: &Storage) {
    let bob = NewUser { created: Some(NOW), ..bob() };
    let bob = create(storage, &bob, &UserSecrets::default()).await;
    assert!(matches!(bob.created, Some(NOW) | None), "{:?}", bob.created);
    let change = UserUpdate { admin: Some(true), ..UserUpdate::default() };
    assert_eq!(update(storage, &bob.id, &change).await.created, bob.created);
    assert_eq!(create_named(storage, "carol").await.created, None);
}

/// Application fields keep their type; null is the same as absent.
pub(super) async fn application_fields_survive(storage: &Storage) {
    let extra = fields([
        ("phone", json!("+49 30 1234")),
        ("visits", json!(-7)),
        ("score", json!(0.5)),
        ("newsletter", json!(true)),
    ]);
    let new = NewUser { extra: extra.clone(), ..bob() };
    let user = create(storage, &new, &UserSecrets::default()).await;
    assert_eq!(user.extra, extra);
    assert_eq!(stored(storage, &user.id).await.0.extra, extra);

    let empty = fields([("phone", json!(null)), ("newsletter", json!(false))]);
    let new = NewUser { extra: empty, ..NewUser::named("carol") };
    let user = create(storage, &new, &UserSecrets::default()).await;
    assert_eq!(user.extra, fields([("newsletter", json!(false))]));
    assert_eq!(stored(storage, &user.id).await.0, user);
}

/// Text is stored unchanged, including SQL and control characters.
pub(super) async fn hostile_text_survives(storage: &Storage) {
    for text in HOSTILE {
        let new = NewUser {
            email: Some(text.into()),
            state: UserState::Custom(text.into()),
            factor2: Some(text.into()),
            extra: fields([("phone", json!(text))]),
            ..NewUser::named(text)
        };
        let secrets = UserSecrets { password: Some(text.into()), totpsecret: Some(text.into()) };
        let user = create(storage, &new, &secrets).await;
        assert_eq!((user.username.as_str(), user.email.as_deref()), (text, Some(text)));
        assert_eq!((user.state.as_str(), user.factor2.clone()), (text, Some(text.into())));
        let found = storage.users.find_by_username(text).await.unwrap().unwrap();
        assert_eq!(found.regardless_of_state(), (user, secrets));
    }
    assert_eq!(
        storage.users.list(&UserQuery::first(100)).await.unwrap().users.len(),
        HOSTILE.len()
    );
}

/// The id of a deleted user is not reused.
pub(super) async fn ids_are_not_reused(storage: &Storage) {
    let bob = create_bob(storage).await;
    storage.users.delete(&bob.id, Guard::None, &Effects::default()).await.unwrap();
    let carol = create_named(storage, "carol").await;
    assert_ne!(carol.id, bob.id);
}

/// `has_admin` reflects the stored users.
pub(super) async fn has_admin_reflects_the_users(storage: &Storage) {
    let bob = create_bob(storage).await;
    assert!(!storage.users.has_admin().await.unwrap());
    let promote = UserUpdate { admin: Some(true), ..UserUpdate::default() };
    assert!(update(storage, &bob.id, &promote).await.admin);
    assert!(storage.users.has_admin().await.unwrap());
    let demote = UserUpdate { admin: Some(false), ..UserUpdate::default() };
    assert!(!update(storage, &bob.id, &demote).await.admin);
    assert!(!storage.users.has_admin().await.unwrap());
    let root = create_admin(storage, "root").await;
    assert!(storage.users.has_admin().await.unwrap());
    storage.users.delete(&root.id, Guard::None, &Effects::default()).await.unwrap();
    assert!(!storage.users.has_admin().await.unwrap());
}
