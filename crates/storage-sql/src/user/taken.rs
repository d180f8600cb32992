//! Whether another account has a name or an address.

use crossauth_core::storage::StorageError;
use crossauth_core::user::UserId;

use super::change::AccountSql;
use crate::database::{Transaction, Value};

/// What another account has.
pub(super) enum Taken {
    Username,
    Email,
}

impl AccountSql {
    /// Checks whether another user has the new username or the new e-mail address. Both are looked
    /// for among names and among addresses: either can be used to log in, and each must identify
    /// one account.
    pub(super) async fn taken(
        &self,
        transaction: &mut dyn Transaction,
        username: Option<&str>,
        email: Option<&str>,
        except: Option<&UserId>,
    ) -> Result<Option<Taken>, StorageError> {
        self.lock_addresses(transaction, username, email).await?;
        if let Some(username) = username
            && self.is_taken_by_another(transaction, username, except).await?
        {
            return Ok(Some(Taken::Username));
        }
        if let Some(email) = email
            && self.is_taken_by_another(transaction, email, except).await?
        {
            return Ok(Some(Taken::Email));
        }
        Ok(None)
    }

    /// Whether another user than `except` has this text as a name or as an address.
    async fn is_taken_by_another(
        &self,
        transaction: &mut dyn Transaction,
        text: &str,
        except: Option<&UserId>,
    ) -> Result<bool, StorageError> {
        let users = &self.users.schema.users;
        let name = users.lookup_username(text);
        let by_name = &self.users.id_by_username;
        if self.users.is_taken(transaction, by_name, name, except).await? {
            return Ok(true);
        }
        let address = users.lookup_email(text);
        match &self.users.id_by_email {
            Some(by_email) if address.contains('@') => {
                self.users.is_taken(transaction, by_email, address, except).await
            }
            _ => Ok(false),
        }
    }

    /// Locks the texts that are addresses until the transaction ends. No unique index prevents that
    /// one transaction uses a text as a name, and another uses it as an address.
    async fn lock_addresses(
        &self,
        transaction: &mut dyn Transaction,
        username: Option<&str>,
        email: Option<&str>,
    ) -> Result<(), StorageError> {
        let Some(statement) = &self.users.lock_address else { return Ok(()) };
        let users = &self.users.schema.users;
        let normalized = [username, email].into_iter().flatten();
        let mut texts: Vec<String> = normalized.map(|text| users.lookup_email(text)).collect();
        texts.retain(|text| text.contains('@'));
        // To avoid deadlocks.
        texts.sort();
        for text in texts {
            transaction.execute(statement, &[Value::text(text)]).await?;
        }
        Ok(())
    }
}
