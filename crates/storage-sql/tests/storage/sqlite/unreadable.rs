//! Accounts whose row cannot be decoded.

use crossauth_storage_sql::sqlite::Sqlite;

use crate::unreadable::{self, Damage};

const DAMAGES: [Damage; 8] = [
    Damage {
        damage: "UPDATE crossauth_users SET extra = 'no JSON' WHERE username_normalized = 'bob'",
        repair: "UPDATE crossauth_users SET extra = NULL WHERE username_normalized = 'bob'",
    },
    Damage {
        damage: "UPDATE crossauth_users SET username = x'ff' WHERE username_normalized = 'bob'",
        repair: "UPDATE crossauth_users SET username = 'bob' WHERE username_normalized = 'bob'",
    },
    Damage {
        damage: "UPDATE crossauth_users SET email = x'ff' WHERE username_normalized = 'bob'",
        repair: "UPDATE crossauth_users SET email = NULL WHERE username_normalized = 'bob'",
    },
    Damage {
        damage: "UPDATE crossauth_users SET state = x'ff' WHERE username_normalized = 'bob'",
        repair: "",
    },
    Damage {
        damage: "UPDATE crossauth_users SET factor1 = x'ff' WHERE username_normalized = 'bob'",
        repair: "UPDATE crossauth_users SET factor1 = 'password' WHERE username_normalized = 'bob'",
    },
    Damage {
        damage: "UPDATE crossauth_users SET factor2 = x'ff' WHERE username_normalized = 'bob'",
        repair: "UPDATE crossauth_users SET factor2 = '' WHERE username_normalized = 'bob'",
    },
    Damage {
        damage: "UPDATE crossauth_users SET credential_epoch = 'many'
                     WHERE username_normalized = 'bob'",
        repair: "",
    },
    Damage {
        damage: "UPDATE crossauth_user_secrets SET password = x'ff'
                     WHERE userid = (SELECT id FROM crossauth_users WHERE username = 'bob')",
        repair: "UPDATE crossauth_user_secrets SET password = 'hash'
                     WHERE userid = (SELECT id FROM crossauth_users WHERE username = 'bob')",
    },
];

#[tokio::test]
async fn account_that_cannot_be_decoded_is_logged_out_disabled_and_deleted() {
    for damage in DAMAGES {
        unreadable::is_logged_out_disabled_and_deleted::<Sqlite>(damage).await;
    }
}

#[tokio::test]
async fn administrator_who_cannot_be_decoded_does_not_count() {
    // Secrets are no part of who is an administrator; an epoch is repaired by raising it.
    for damage in DAMAGES.into_iter().take(6) {
        unreadable::administrator_does_not_count::<Sqlite>(damage).await;
    }
}
