//! What a new key may be called, what it may do, and who is told.

use crossauth_core::key::KeyPrefix;
use crossauth_core::message::MessageKind;
use crossauth_core::storage::MessageState;
use crossauth_core::user::{Patch, User, UserUpdate};

use super::*;

async fn queued(site: &Site) -> Vec<MessageKind> {
    let list = site.storage.inner().outbox.list(MessageState::Waiting, None, 100).await.unwrap();
    list.into_iter().map(|message| message.kind).collect()
}

/// Gives the owner of a session an address; returns the owner.
async fn with_address(site: &Site, session: &Session) -> User {
    let user = session.user.clone().unwrap();
    let email = Patch::Set("bob@example.com".to_owned());
    let user_update = UserUpdate { email, ..UserUpdate::default() };
    let change = Change { user: user_update, ..Change::default() };
    site.storage.inner().users.change(&user.id, &change).await.unwrap();
    User { email: Some("bob@example.com".into()), ..user }
}

#[tokio::test]
async fn names_are_checked_and_keys_are_limited() {
    let site = site();
    let session = logged_in(&site).await;
    let create = |name: String| site.auth.api_keys.create_own(&session, request(&name));
    for name in ["", "  ", "a\nb", "a\0b", "\u{200D}", "\u{FE0F}", "\u{2800}", &"x".repeat(101)] {
        let refused = create(name.into()).await;
        assert!(matches!(refused, Err(ApiKeyError::InvalidName)), "{name:?}: {refused:?}");
    }
    let long = "é".repeat(100);
    assert_eq!(created(&site, &session, request(&format!(" {long} "))).await.key.name, long);
    assert!(matches!(create(long).await, Err(ApiKeyError::NameTaken)));
    for name in ["two", "three"] {
        created(&site, &session, request(name)).await;
    }
    assert!(matches!(create("four".into()).await, Err(ApiKeyError::TooMany { max: 3 })));
    site.clock.advance(10 * HOUR);
    let session = site.auth.sessions.check(&site.session("bob").await.cookie).await.unwrap();
    created(&site, &session, request("two")).await;
}

/// A name that looks like another, or shows another text than it has.
#[tokio::test]
async fn names_with_invisible_characters_and_direction_marks_are_refused() {
    let site = site();
    let session = logged_in(&site).await;
    let hidden = "\u{AD}\u{61C}\u{180E}\u{200B}\u{200E}\u{200F}\u{2028}\u{2029}\u{202A}\u{202D}\u{202E}\
                  \u{2060}\u{2064}\u{2066}\u{2069}\u{206F}\u{3164}\u{115F}\u{FFA0}\u{FEFF}\u{FFF9}\u{E0001}\u{9B}";
    for c in hidden.chars() {
        let name = format!("back{c}up");
        let own = site.auth.api_keys.create_own(&session, request(&name)).await;
        assert!(matches!(own, Err(ApiKeyError::InvalidName)), "{name:?}: {own:?}");
        let of_application = site.auth.api_keys.create(NewApiKey::new(&name)).await;
        assert!(matches!(of_application, Err(ApiKeyError::InvalidName)), "{name:?}");
    }
    for name in
        ["Sauvegarde \u{E9}t\u{E9}", "\u{646}\u{645}\u{6CC}\u{200C}\u{634}", "\u{2764}\u{FE0F} 1"]
    {
        assert_eq!(created(&site, &session, request(name)).await.key.name, name);
    }
}

#[tokio::test]
async fn scope_that_is_given_twice_is_stored_once() {
    let site = site();
    let session = logged_in(&site).await;
    let scope = ["write", "read", "write", "read"].map(str::to_owned).to_vec();
    let wanted = ApiKeyRequest { scope, ..request("backup") };
    let issued = created(&site, &session, wanted).await;
    assert_eq!(issued.key.scope, ["write", "read"]);
    let checked = site.auth.api_keys.check(&issued.token).await.unwrap();
    assert_eq!(checked.key.scope, ["write", "read"]);
}

#[tokio::test]
async fn l23_owner_is_told_of_a_key_exactly_if_it_is_stored() {
    let site = site();
    let session = logged_in(&site).await;
    let bob = with_address(&site, &session).await;
    let keys = &site.auth.api_keys;
    created(&site, &session, request("backup")).await;
    assert_eq!(queued(&site).await, [MessageKind::ApiKeyCreated]);
    let taken = keys.create_own(&session, request("backup")).await;
    assert!(matches!(taken, Err(ApiKeyError::NameTaken)), "{taken:?}");
    let taken = keys.create_for(&bob, "backup", None, Vec::new()).await;
    assert!(matches!(taken, Err(ApiKeyError::NameTaken)), "{taken:?}");
    assert_eq!(queued(&site).await.len(), 1);
    keys.create_for(&bob, "of an administrator", None, Vec::new()).await.unwrap();
    let of_application = NewApiKey { owner: Some(&bob.id), ..NewApiKey::new("of the application") };
    keys.create(of_application).await.unwrap();
    assert_eq!(queued(&site).await.len(), 3);
    keys.create(NewApiKey::new("of no user")).await.unwrap();
    assert_eq!(queued(&site).await.len(), 3);
}

/// What an administrator gives to a user is within the bounds of that user.
#[tokio::test]
async fn k2_key_for_a_user_has_only_scopes_and_a_lifetime_of_that_user() {
    let site = site();
    let session = logged_in(&site).await;
    let bob = session.user.clone().unwrap();
    let create = async |lifetime: Option<Duration>, scope: &str| {
        site.auth.api_keys.create_for(&bob, "backup", lifetime, vec![scope.to_owned()]).await
    };
    let refused = create(None, "admin").await;
    assert!(matches!(refused, Err(ApiKeyError::InvalidScope(_))), "{refused:?}");
    let refused = create(Some(11 * HOUR), "read").await;
    assert!(matches!(refused, Err(ApiKeyError::InvalidLifetime { .. })), "{refused:?}");
    let issued = create(None, "read").await.unwrap();
    assert_eq!(issued.key.expires, Some(issued.key.created + 10 * HOUR));
    assert_eq!(issued.key.owner.as_ref(), Some(&bob.id));
    site.auth.accounts.disable("bob").await.unwrap();
    let refused = site.auth.api_keys.create_for(&bob, "more", None, Vec::new()).await;
    assert!(matches!(refused, Err(ApiKeyError::State(Refusal::NotActive))), "{refused:?}");
    site.auth.accounts.delete("bob").await.unwrap();
    let refused = site.auth.api_keys.create_for(&bob, "more", None, Vec::new()).await;
    assert!(matches!(refused, Err(ApiKeyError::NoSuchUser)), "{refused:?}");
    let stored = site.storage.inner().keys.list_for_user(Some(&bob.id), KeyPrefix::ApiKey, None, 9);
    assert_eq!(stored.await.unwrap(), []);
}
