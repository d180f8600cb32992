//! A column that older databases lack: when an account was created. For every database.

use crossauth_core::clock::Timestamp;
use crossauth_core::storage::Storage;
use crossauth_core::user::{NewUser, UserSecrets};
use crossauth_testkit::storage::create_user;

const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_123);

/// Makes a database of the version before the column, with bob in it.
pub(crate) const OLDER: &str = "
    ALTER TABLE crossauth_users DROP COLUMN created;
    DROP INDEX crossauth_users_by_state;
    DELETE FROM crossauth_schema WHERE tables = 'accounts' AND version >= 2;
    INSERT INTO crossauth_users
        (username, username_normalized, state, factor1, factor2, admin)
        VALUES ('bob', 'bob', 'active', 'localpassword', '', false);";

/// After the migration of [`OLDER`], new accounts have the time and bob has none.
pub(crate) async fn is_known_of_new_accounts_only(storage: &Storage) {
    let carol = NewUser { created: Some(NOW), ..NewUser::named("carol") };
    let carol = create_user(storage, &carol, &UserSecrets::default()).await;
    assert_eq!(carol.created, Some(NOW));
    let created = async |name| {
        let found = storage.users.find_by_username(name).await.unwrap().unwrap();
        found.regardless_of_state().0.created
    };
    assert_eq!((created("bob").await, created("carol").await), (None, Some(NOW)));
}
