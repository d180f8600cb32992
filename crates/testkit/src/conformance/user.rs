//! Rules for user stores.

use crossauth_core::storage::{Storage, StorageErrorKind};
use crossauth_core::user::{
    NewUser, Patch, SecretsUpdate, User, UserId, UserSecrets, UserState, UserUpdate,
};
use serde_json::json;

use super::sample::{
    HOSTILE, bob, fields, insert_bob, insert_key, insert_named, race, secrets, stored,
};

/// What is inserted is found by id, name and address, with its secrets.
pub async fn inserted_user_is_found_by_id_name_and_address(storage: &Storage) {
    let user = insert_bob(storage).await;
    assert_eq!((user.username.as_str(), user.username_normalized.as_str()), ("Bob", "bob"));
    assert_eq!(user.email.as_deref(), Some("Bob@Example.com"));
    assert_eq!(user.email_normalized.as_deref(), Some("bob@example.com"));
    assert_eq!(user.state, UserState::Active);
    let users = &storage.users;
    let by_id = users.find_by_id(&user.id).await.unwrap().unwrap();
    assert_eq!(users.find_by_username("Bob").await.unwrap().unwrap(), by_id);
    assert_eq!(users.find_by_email("Bob@Example.com").await.unwrap().unwrap(), by_id);
    assert_eq!(by_id.regardless_of_state(), (user, secrets("bob's hash")));
}

/// Looking up who is not there gives nothing, and an address is no name.
pub async fn absent_user_is_not_found(storage: &Storage) {
    insert_bob(storage).await;
    let users = &storage.users;
    for id in [UserId::Integer(999_999), UserId::Text("nobody".into()), UserId::Text("1".into())] {
        assert_eq!(users.find_by_id(&id).await.unwrap(), None);
    }
    for name in ["", "carol", "bo", "bobb", "b%", "bob@example.com", "' OR 1=1 --"] {
        assert_eq!(users.find_by_username(name).await.unwrap(), None, "{name}");
    }
    for address in ["", "bob", "bob@example.org"] {
        assert_eq!(users.find_by_email(address).await.unwrap(), None, "{address}");
    }
}

/// Lookups normalise.
pub async fn names_and_addresses_are_found_in_any_spelling(storage: &Storage) {
    let new = NewUser { email: Some("José@Example.com".into()), ..NewUser::named("José") };
    let jose = storage.users.insert(&new, &UserSecrets::default()).await.unwrap();
    for name in ["José", "JOSÉ", "jose\u{301}", "JOSE\u{301}"] {
        let found = storage.users.find_by_username(name).await.unwrap().unwrap();
        assert_eq!(found.regardless_of_state().0, jose, "{name}");
        let address = format!("{name}@EXAMPLE.com");
        let found = storage.users.find_by_email(&address).await.unwrap().unwrap();
        assert_eq!(found.regardless_of_state().0, jose, "{address}");
    }
}

/// No two users share a normalised name or address.
pub async fn taken_name_or_address_conflicts(storage: &Storage) {
    insert_bob(storage).await;
    let same_name = NewUser::named("BOB");
    let same_address = NewUser { email: Some("BOB@EXAMPLE.COM".into()), ..NewUser::named("carol") };
    for user in [same_name, same_address] {
        let error = storage.users.insert(&user, &secrets("hash")).await.unwrap_err();
        assert_eq!(error.kind, StorageErrorKind::Conflict);
    }
}

/// A refused user leaves neither a row nor secrets.
pub async fn conflict_leaves_nothing_behind(storage: &Storage) {
    insert_bob(storage).await;
    let carol = NewUser { email: bob().email, ..NewUser::named("carol") };
    storage.users.insert(&carol, &secrets("first")).await.unwrap_err();
    assert_eq!(storage.users.find_by_username("carol").await.unwrap(), None);
    assert_eq!(storage.users.list(None, 10).await.unwrap().len(), 1);
    let carol = storage.users.insert(&NewUser::named("carol"), &UserSecrets::default()).await;
    assert_eq!(stored(storage, &carol.unwrap().id).await.1, UserSecrets::default());
}

/// Having no address is not sharing one.
pub async fn users_without_an_address_do_not_conflict(storage: &Storage) {
    let bob = insert_named(storage, "bob").await;
    let carol = insert_named(storage, "carol").await;
    assert_eq!((bob.email, carol.email), (None, None));
    assert_ne!(bob.id, carol.id);
}

/// Inserts of one name at once: one lands.
pub async fn one_of_many_inserts_of_a_name_wins(storage: &Storage) {
    let results = race(50, |number| {
        let users = storage.users.clone();
        async move { users.insert(&NewUser::named("bob"), &secrets(&number.to_string())).await }
    })
    .await;
    let (done, refused): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
    assert_eq!(done.len(), 1);
    for error in refused {
        assert!(error.unwrap_err().is_conflict());
    }
}

/// A user without secrets is found, with empty ones.
pub async fn user_may_have_no_secrets(storage: &Storage) {
    let user = storage.users.insert(&bob(), &UserSecrets::default()).await.unwrap();
    assert_eq!(stored(storage, &user.id).await, (user, UserSecrets::default()));
}

/// A partial update writes what it names and nothing else.
pub async fn missing_fields_stay_and_null_clears(storage: &Storage) {
    let before = insert_bob(storage).await;
    let change = UserUpdate { factor2: Some("totp".into()), ..UserUpdate::default() };
    let after = update(storage, &before.id, &change).await;
    assert_eq!(after.factor2, "totp");
    let unchanged = User { factor2: String::new(), ..after };
    assert_eq!(unchanged, before);

    let change = UserUpdate { email: Patch::Clear, factor2: Some(String::new()), ..change };
    let after = update(storage, &before.id, &change).await;
    assert_eq!((after.email, after.email_normalized), (None, None));
    assert_eq!((after.factor2.as_str(), after.username.as_str()), ("", "Bob"));
    assert_eq!(storage.users.find_by_email("bob@example.com").await.unwrap(), None);
}

/// The normalised names follow the names.
pub async fn renamed_user_is_found_under_the_new_name_only(storage: &Storage) {
    let bob = insert_bob(storage).await;
    let change = UserUpdate {
        username: Some("Robert".into()),
        email: Patch::Set("Robert@Example.com".into()),
        ..UserUpdate::default()
    };
    let robert = update(storage, &bob.id, &change).await;
    assert_eq!(robert.username_normalized, "robert");
    assert_eq!(robert.email_normalized.as_deref(), Some("robert@example.com"));
    let users = &storage.users;
    assert!(users.find_by_username("ROBERT").await.unwrap().is_some());
    assert!(users.find_by_email("ROBERT@example.com").await.unwrap().is_some());
    assert_eq!(users.find_by_username("bob").await.unwrap(), None);
    assert_eq!(users.find_by_email("bob@example.com").await.unwrap(), None);
    insert_bob(storage).await;
}

/// A user does not conflict with themselves.
pub async fn user_may_take_another_spelling_of_the_same_name(storage: &Storage) {
    let bob = insert_bob(storage).await;
    let change = UserUpdate {
        username: Some("BOB".into()),
        email: Patch::Set("BOB@example.com".into()),
        ..UserUpdate::default()
    };
    let after = update(storage, &bob.id, &change).await;
    assert_eq!((after.username.as_str(), after.username_normalized.as_str()), ("BOB", "bob"));
}

/// A refused update changes neither the user nor the secrets.
pub async fn update_to_a_taken_name_changes_nothing(storage: &Storage) {
    let bob = insert_bob(storage).await;
    let carol = insert_named(storage, "carol").await;
    let before = stored(storage, &carol.id).await;
    let new_secrets = SecretsUpdate { password: Patch::Set("new".into()), ..Default::default() };
    let changes = [
        UserUpdate { username: Some("BOB".into()), admin: Some(true), ..UserUpdate::default() },
        UserUpdate { email: Patch::Set("BOB@example.com".into()), ..UserUpdate::default() },
    ];
    for change in changes {
        let error = storage.users.update(&carol.id, &change, &new_secrets).await.unwrap_err();
        assert_eq!(error.kind, StorageErrorKind::Conflict);
        assert_eq!(stored(storage, &carol.id).await, before);
    }
    assert_eq!(stored(storage, &bob.id).await.0, bob);
}

/// Updating who is not there says so, even where nothing is to change.
pub async fn update_of_an_absent_user_finds_none(storage: &Storage) {
    let id = UserId::Integer(999_999);
    let secrets = SecretsUpdate { password: Patch::Set("x".into()), ..Default::default() };
    for change in [UserUpdate::default(), UserUpdate { admin: Some(true), ..UserUpdate::default() }]
    {
        let none = SecretsUpdate::default();
        assert_eq!(storage.users.update(&id, &change, &none).await.unwrap(), None);
        assert_eq!(storage.users.update(&id, &change, &secrets).await.unwrap(), None);
    }
}

/// Secrets that an update does not name stay.
pub async fn secrets_are_merged(storage: &Storage) {
    let bob = insert_bob(storage).await;
    let totp = SecretsUpdate { totpsecret: Patch::Set("totp".into()), ..Default::default() };
    let both = UserSecrets { totpsecret: Some("totp".into()), ..secrets("bob's hash") };
    let password = SecretsUpdate { password: Patch::Set("new".into()), ..Default::default() };
    let cleared = SecretsUpdate { totpsecret: Patch::Clear, ..Default::default() };
    for (change, expected) in [
        (totp, both.clone()),
        (SecretsUpdate::default(), both.clone()),
        (password, UserSecrets { password: Some("new".into()), ..both }),
        (cleared, secrets("new")),
    ] {
        let user = storage.users.update(&bob.id, &UserUpdate::default(), &change).await.unwrap();
        assert_eq!(user, Some(bob.clone()));
        assert_eq!(stored(storage, &bob.id).await.1, expected);
    }
}

/// A user who came without secrets may get some.
pub async fn secrets_may_be_added_later(storage: &Storage) {
    let user = storage.users.insert(&bob(), &UserSecrets::default()).await.unwrap();
    let change = SecretsUpdate { password: Patch::Set("new".into()), ..Default::default() };
    storage.users.update(&user.id, &UserUpdate::default(), &change).await.unwrap().unwrap();
    assert_eq!(stored(storage, &user.id).await.1, secrets("new"));
}

/// Replacing compares first.
pub async fn password_is_replaced_only_if_it_is_the_old_one(storage: &Storage) {
    let bob = insert_bob(storage).await;
    let users = &storage.users;
    assert!(!users.replace_password(&bob.id, "wrong", "new").await.unwrap());
    assert!(!users.replace_password(&bob.id, "", "new").await.unwrap());
    assert_eq!(stored(storage, &bob.id).await.1, secrets("bob's hash"));
    assert!(users.replace_password(&bob.id, "bob's hash", "new").await.unwrap());
    assert_eq!(stored(storage, &bob.id).await.1, secrets("new"));
    assert!(!users.replace_password(&UserId::Integer(999_999), "new", "x").await.unwrap());
}

/// Of replacements of one hash at once, one lands.
pub async fn one_of_many_password_replacements_wins(storage: &Storage) {
    let bob = insert_bob(storage).await;
    let results = race(50, |number| {
        let (users, id) = (storage.users.clone(), bob.id.clone());
        async move { users.replace_password(&id, "bob's hash", &number.to_string()).await.unwrap() }
    })
    .await;
    let winner = results.iter().position(|won| *won).unwrap();
    assert_eq!(results.iter().filter(|won| **won).count(), 1);
    assert_eq!(stored(storage, &bob.id).await.1, secrets(&winner.to_string()));
}

/// Nothing of a deleted user is left; others keep theirs.
pub async fn deleted_user_takes_secrets_keys_and_sessions_along(storage: &Storage) {
    let bob = insert_bob(storage).await;
    let carol = insert_named(storage, "carol").await;
    insert_key(storage, "s:bob", Some(&bob.id)).await;
    insert_key(storage, "api:bob", Some(&bob.id)).await;
    insert_key(storage, "s:carol", Some(&carol.id)).await;
    insert_key(storage, "s:nobody", None).await;
    assert!(storage.users.delete(&bob.id).await.unwrap());
    assert_eq!(storage.users.find_by_id(&bob.id).await.unwrap(), None);
    assert_eq!(storage.users.find_by_username("bob").await.unwrap(), None);
    assert_eq!(storage.keys.find("s:bob").await.unwrap(), None);
    assert_eq!(storage.keys.find("api:bob").await.unwrap(), None);
    assert_eq!(storage.sessions.find("s:bob").await.unwrap(), None);
    assert!(storage.sessions.find("s:carol").await.unwrap().is_some());
    assert!(storage.keys.find("s:nobody").await.unwrap().is_some());
    assert_eq!(stored(storage, &carol.id).await.1, secrets("carol's hash"));

    let again =
        storage.users.insert(&NewUser::named("bob"), &UserSecrets::default()).await.unwrap();
    assert_eq!(stored(storage, &again.id).await.1, UserSecrets::default());
}

/// Deleting who is not there is no error.
pub async fn deleting_an_absent_user_does_nothing(storage: &Storage) {
    let bob = insert_bob(storage).await;
    assert!(!storage.users.delete(&UserId::Integer(999_999)).await.unwrap());
    assert!(!storage.users.delete(&UserId::Text("bob".into())).await.unwrap());
    assert_eq!(stored(storage, &bob.id).await.0, bob);
}

/// Whoever still holds the id of a deleted user must not find another under it.
pub async fn ids_are_not_reused(storage: &Storage) {
    let bob = insert_bob(storage).await;
    assert!(storage.users.delete(&bob.id).await.unwrap());
    let carol = insert_named(storage, "carol").await;
    assert_ne!(carol.id, bob.id);
}

/// Pages follow one another by normalised name, without gap or overlap.
pub async fn users_are_listed_in_pages(storage: &Storage) {
    assert_eq!(storage.users.list(None, 10).await.unwrap(), []);
    for name in ["Dave", "alice", "Carol", "bob", "eve"] {
        insert_named(storage, name).await;
    }
    let names = async |after: Option<&str>, limit| -> Vec<String> {
        let page = storage.users.list(after, limit).await.unwrap();
        page.into_iter().map(|user| user.username).collect()
    };
    assert_eq!(names(None, 2).await, ["alice", "bob"]);
    assert_eq!(names(Some("bob"), 2).await, ["Carol", "Dave"]);
    assert_eq!(names(Some("dave"), 2).await, ["eve"]);
    assert_eq!(names(Some("bobby"), 1).await, ["Carol"]);
    assert_eq!(names(Some("eve"), 2).await, [""; 0]);
    assert_eq!(names(None, 0).await, [""; 0]);
    assert_eq!(names(None, u32::MAX).await.len(), 5);
}

/// Whether there is an administrator changes with the users.
pub async fn admins_are_noticed(storage: &Storage) {
    let bob = insert_bob(storage).await;
    assert!(!storage.users.has_admin().await.unwrap());
    let promote = UserUpdate { admin: Some(true), ..UserUpdate::default() };
    assert!(update(storage, &bob.id, &promote).await.admin);
    assert!(storage.users.has_admin().await.unwrap());
    let demote = UserUpdate { admin: Some(false), ..UserUpdate::default() };
    assert!(!update(storage, &bob.id, &demote).await.admin);
    assert!(!storage.users.has_admin().await.unwrap());
    let root = NewUser { admin: true, ..NewUser::named("root") };
    let root = storage.users.insert(&root, &UserSecrets::default()).await.unwrap();
    assert!(storage.users.has_admin().await.unwrap());
    storage.users.delete(&root.id).await.unwrap();
    assert!(!storage.users.has_admin().await.unwrap());
}

/// States are kept, those of the application too.
pub async fn every_state_survives(storage: &Storage) {
    let bob = insert_bob(storage).await;
    let custom = UserState::Custom("onholiday".into());
    for state in UserState::KNOWN.into_iter().chain([custom]) {
        let change = UserUpdate { state: Some(state.clone()), ..UserUpdate::default() };
        assert_eq!(update(storage, &bob.id, &change).await.state, state);
        assert_eq!(stored(storage, &bob.id).await.0.state, state);
    }
}

/// Application fields come back with their type; null is the same as absent.
pub async fn application_fields_survive(storage: &Storage) {
    let extra = fields([
        ("phone", json!("+49 30 1234")),
        ("visits", json!(-7)),
        ("score", json!(0.5)),
        ("newsletter", json!(true)),
    ]);
    let new = NewUser { extra: extra.clone(), ..bob() };
    let user = storage.users.insert(&new, &UserSecrets::default()).await.unwrap();
    assert_eq!(user.extra, extra);
    assert_eq!(stored(storage, &user.id).await.0.extra, extra);

    let empty = fields([("phone", json!(null)), ("newsletter", json!(false))]);
    let new = NewUser { extra: empty, ..NewUser::named("carol") };
    let user = storage.users.insert(&new, &UserSecrets::default()).await.unwrap();
    assert_eq!(user.extra, fields([("newsletter", json!(false))]));
    assert_eq!(stored(storage, &user.id).await.0, user);
}

/// An update writes the fields it names; null clears.
pub async fn application_fields_are_updated_one_by_one(storage: &Storage) {
    let extra = fields([("phone", json!("1")), ("visits", json!(1))]);
    let bob = NewUser { extra, ..bob() };
    let id = storage.users.insert(&bob, &UserSecrets::default()).await.unwrap().id;
    let change = UserUpdate { extra: fields([("visits", json!(2))]), ..UserUpdate::default() };
    let both = fields([("phone", json!("1")), ("visits", json!(2))]);
    assert_eq!(update(storage, &id, &change).await.extra, both);
    let clear = fields([("phone", json!(null)), ("score", json!(null))]);
    let change = UserUpdate { extra: clear, ..UserUpdate::default() };
    assert_eq!(update(storage, &id, &change).await.extra, fields([("visits", json!(2))]));
}

/// Text is data, whatever it looks like.
pub async fn hostile_text_survives(storage: &Storage) {
    for text in HOSTILE {
        let new = NewUser {
            email: Some(text.into()),
            state: UserState::Custom(text.into()),
            factor2: text.into(),
            extra: fields([("phone", json!(text))]),
            ..NewUser::named(text)
        };
        let secrets = UserSecrets { password: Some(text.into()), totpsecret: Some(text.into()) };
        let user = storage.users.insert(&new, &secrets).await.unwrap();
        assert_eq!((user.username.as_str(), user.email.as_deref()), (text, Some(text)));
        assert_eq!((user.state.as_str(), user.factor2.as_str()), (text, text));
        let found = storage.users.find_by_username(text).await.unwrap().unwrap();
        assert_eq!(found.regardless_of_state(), (user, secrets));
    }
    assert_eq!(storage.users.list(None, 100).await.unwrap().len(), HOSTILE.len());
}

/// Makes a change without secrets; checks that what comes back is what is stored.
async fn update(storage: &Storage, id: &UserId, change: &UserUpdate) -> User {
    let none = SecretsUpdate::default();
    let user = storage.users.update(id, change, &none).await.unwrap().unwrap();
    assert_eq!(stored(storage, id).await.0, user);
    user
}
