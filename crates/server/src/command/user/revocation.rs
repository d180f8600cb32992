//! Revoking what all accounts have, after a restore.

use std::io::{self, Write as _};

use crossauth_core::Auth;
use crossauth_core::account::{AccountError, AccountRef};
use crossauth_core::storage::{UserPosition, UserQuery};

use crate::cli::RevokeAll;

/// Accounts that are read at once.
const PAGE: u32 = 500;

/// `crossauth user revoke-all`
pub(super) async fn run(auth: &Auth, what: &RevokeAll) -> anyhow::Result<()> {
    let (mut accounts, mut keys) = (0_usize, 0_usize);
    let mut after: Option<String> = None;
    loop {
        let position = after.as_deref().map_or(UserPosition::First, UserPosition::After);
        let query = UserQuery { search: None, state: None, role: None, position, limit: PAGE };
        let page = auth.accounts.list(&query).await?;
        let readable = page.users.iter().map(|user| AccountRef::Id(&user.id));
        let unreadable = page.unreadable.iter().map(|name| AccountRef::Name(name));
        for account in readable.chain(unreadable) {
            let id = match auth.accounts.revoke_access(account).await {
                // It was deleted in this moment.
                Err(AccountError::NoSuchUser) => continue,
                revoked => revoked?,
            };
            accounts += 1;
            if what.keys {
                keys += auth.api_keys.delete_all(&id).await?;
            }
        }
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    if what.keys {
        for key in auth.api_keys.list(None).await? {
            keys += usize::from(auth.api_keys.delete(None, &key.id).await?.is_some());
        }
    }
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "accounts whose sessions, links and known devices ended: {accounts}")?;
    if what.keys {
        writeln!(stdout, "deleted API keys: {keys}")?;
    }
    Ok(())
}
