//! Users of the source.

use crossauth_core::storage::StorageError;
use crossauth_core::user::{NewUser, Normalization, User, UserId, UserSecrets};

use super::prepared::{Batch, check_text};
use super::source::SourceRow;
use super::{Part, Seal};

/// Maximum lengths of our columns, in characters.
const MAX_NAME: usize = 640;
const MAX_STATE: usize = 100;
const MAX_WORD: usize = 255;
const MAX_SECRET: usize = 10_000;

/// A user that can be written, unless another one has the name or the address.
#[derive(Clone)]
pub(super) struct PreparedUser {
    pub(super) id: UserId,
    pub(super) user: NewUser,
    pub(super) secrets: UserSecrets,
    /// The name and the address in the form in which they are looked up.
    pub(super) name: String,
    pub(super) address: Option<String>,
}

pub(super) fn prepare(
    rows: Vec<SourceRow<(User, UserSecrets)>>,
    seal: Option<&Seal<'_>>,
    refuses_nul: bool,
) -> Result<Batch<PreparedUser>, StorageError> {
    Batch::of(rows, Part::Users, |_, (user, secrets)| {
        let mut prepared = prepared(user, secrets);
        if let Err(reason) = check(&prepared, refuses_nul) {
            return Ok(Err(reason));
        }
        if let Some(seal) = seal {
            prepared.secrets = seal(prepared.secrets)?;
        }
        Ok(Ok(prepared))
    })
}

fn prepared(user: &User, secrets: &UserSecrets) -> PreparedUser {
    let User { id, username, email, state, factor1, factor2, admin, created, extra } = user.clone();
    let email = email.filter(|email| !email.is_empty());
    let normalized = |text: &str| Normalization::Nfkc.apply(text);
    PreparedUser {
        id,
        name: normalized(&username),
        address: email.as_deref().map(normalized),
        user: NewUser { username, email, state, factor1, factor2, admin, created, extra },
        secrets: secrets.clone(),
    }
}

fn check(prepared: &PreparedUser, refuses_nul: bool) -> Result<(), String> {
    let PreparedUser { id, user, secrets, name, address } = prepared;
    match id {
        UserId::Integer(0) => return Err("its id is 0".to_owned()),
        UserId::Integer(_) => {}
        UserId::Text(id) => check_text("its id", id, MAX_WORD, refuses_nul)?,
    }
    if name.is_empty() {
        return Err("its name is empty".to_owned());
    }
    let secret = |secret: &Option<String>| secret.clone().unwrap_or_default();
    let factor2 = user.factor2.as_ref().map_or("", |factor| factor.as_str());
    for (what, text, max) in [
        ("its name", &*user.username, MAX_NAME),
        ("its normalized name", name, MAX_NAME),
        ("its address", user.email.as_deref().unwrap_or_default(), MAX_NAME),
        ("its normalized address", address.as_deref().unwrap_or_default(), MAX_NAME),
        ("its state", user.state.as_str(), MAX_STATE),
        ("its first factor", user.factor1.as_str(), MAX_WORD),
        ("its second factor", factor2, MAX_WORD),
        ("its password hash", &*secret(&secrets.password), MAX_SECRET),
        ("its TOTP secret", &*secret(&secrets.totpsecret), MAX_SECRET),
    ] {
        check_text(what, text, max, refuses_nul)?;
    }
    Ok(())
}
