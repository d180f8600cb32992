//! Changing a password.

use crossauth_core::directory::{DirectoryError, EntryRef, PasswordSet};
use crossauth_core::secret::Password;
use tracing::warn;
use zeroize::Zeroizing;

use crate::LdapDirectory;
use crate::connection::Connection;
use crate::directory::{Located, can_be_sent, judge};
use crate::dn::Key;
use crate::error::{configuration, of_result, protocol};
use crate::message::{Outcome, Search};
use crate::options::PasswordChange;
use crate::policy::{Judgement, Policy, PolicyError};
use crate::pool::{Bound, Call, Turn};

const UNICODE_PWD: &str = "unicodePwd";
const AGAINST_THE_RULES: &str = "does not meet the rules of the directory";

impl LdapDirectory {
    pub(crate) async fn change_now(
        &self,
        entry: EntryRef<'_>,
        old: &Password,
        new: &Password,
    ) -> Result<PasswordSet, DirectoryError> {
        if self.password_change == PasswordChange::Never {
            return Ok(PasswordSet::NotSupported);
        }
        if !can_be_sent(old) {
            return Ok(PasswordSet::WrongPassword);
        }
        // It could not be used to log in. An empty one would be replaced by one of the server.
        if !can_be_sent(new) {
            return Ok(PasswordSet::Refused(None));
        }
        let turn = self.pool.turn().await?;
        let Some(dn) = self.dn_of(&turn, entry).await? else {
            return Ok(PasswordSet::WrongPassword);
        };
        let key = Key::of(&dn);
        let (turn, _place) = self.pool.seat(turn, key.clone()).await?;
        if self.changes_as_service() {
            let mut service = turn.service_for_change().await?;
            let changed = self.change_on(&mut service.connection, &dn, old, new).await;
            turn.ended_at(service.server, Call::Change, &key, changed.as_ref().err());
            service.connection.close().await;
            return changed;
        }
        let mut bound = turn.bind(&dn, old, Call::Change).await?;
        let changed = self.change_as_user(&mut bound, entry, &dn, (old, new)).await;
        turn.ended(&bound, Call::Change, changed.as_ref().err());
        bound.connection.close().await;
        changed
    }

    /// The distinguished name of an entry; `None` if there is none, or more than one.
    async fn dn_of(
        &self,
        turn: &Turn<'_>,
        entry: EntryRef<'_>,
    ) -> Result<Option<String>, DirectoryError> {
        if self.is_made_of_name(entry) {
            return Ok(self.lookup.dn(entry.name).map(|dn| dn.as_str().to_owned()));
        }
        match self.locate(turn, entry).await? {
            Located::One(raw) => Ok(Some(raw.dn().to_owned())),
            Located::None | Located::Several(_) | Located::Elsewhere => Ok(None),
        }
    }

    /// Changes a password on the connection of its user, who has authenticated if the password is
    /// correct.
    async fn change_as_user(
        &self,
        bound: &mut Bound,
        entry: EntryRef<'_>,
        dn: &str,
        (old, new): (&Password, &Password),
    ) -> Result<PasswordSet, DirectoryError> {
        let connection = &mut bound.connection;
        match judge(connection.url(), &bound.outcome)? {
            Judgement::Match | Judgement::MustChange | Judgement::Grace => {}
            Judgement::Mismatch(_) => return Ok(PasswordSet::WrongPassword),
            Judgement::Expired | Judgement::Refused(_) => return Ok(PasswordSet::NotSupported),
        }
        // An entry that cannot be read, because the password must be changed, is the one of this name.
        if let (Some(asked), true) = (entry.id, self.is_made_of_name(entry)) {
            let found = connection.search(&Search::entry(dn, self.mapping.requested())).await?;
            let id = found.entries.first().and_then(|raw| self.mapping.identity.of(raw));
            if id.is_some_and(|id| !self.mapping.identity.is_same(asked, &id)) {
                return Ok(PasswordSet::WrongPassword);
            }
        }
        self.change_on(connection, dn, old, new).await
    }

    async fn change_on(
        &self,
        connection: &mut Connection,
        dn: &str,
        old: &Password,
        new: &Password,
    ) -> Result<PasswordSet, DirectoryError> {
        let outcome = match self.password_change {
            PasswordChange::Never => return Ok(PasswordSet::NotSupported),
            PasswordChange::Rfc3062 => connection.change_password(dn, old, new).await?,
            PasswordChange::ActiveDirectory if !connection.is_encrypted() => {
                let url = connection.url();
                let problem = "passwords of Active Directory are changed with TLS only";
                return Err(configuration(format!("{url}: {problem}")));
            }
            PasswordChange::ActiveDirectory => {
                let (old, new) = (quoted(old), quoted(new));
                connection.replace(dn, UNICODE_PWD, (&old, &new)).await?
            }
        };
        answer(connection.url(), dn, &outcome)
    }
}

/// A password as Active Directory takes it: in quotation marks, as UTF-16.
fn quoted(password: &Password) -> Zeroizing<Vec<u8>> {
    let text = password.expose();
    let mut bytes = Zeroizing::new(Vec::with_capacity(2 * text.len() + 4));
    let quote = u16::from(b'"');
    for unit in [quote].into_iter().chain(text.encode_utf16()).chain([quote]) {
        bytes.extend_from_slice(&unit.to_le_bytes());
    }
    bytes
}

/// What the outcome of a change means.
fn answer(url: &str, dn: &str, outcome: &Outcome) -> Result<PasswordSet, DirectoryError> {
    let refused = |text: &str| Ok(PasswordSet::Refused(Some(text.to_owned())));
    if outcome.code == 0 {
        return Ok(PasswordSet::Done);
    }
    warn!("{url}: a new password of {dn} was refused (result {}): {}", outcome.code, outcome.text);
    let policy = Policy::of(outcome);
    match policy.map_err(|_| protocol(format!("{url}: a malformed control")))?.error {
        Some(PolicyError::InsufficientQuality) => return refused(AGAINST_THE_RULES),
        Some(PolicyError::TooShort) => return refused("is too short"),
        Some(PolicyError::TooLong) => return refused("is too long"),
        Some(PolicyError::TooYoung) => return refused("was changed too short a time ago"),
        Some(PolicyError::InHistory) => return refused("was used before"),
        Some(PolicyError::ChangeNotAllowed) => return Ok(PasswordSet::NotSupported),
        Some(
            PolicyError::Expired
            | PolicyError::Locked
            | PolicyError::MustChange
            | PolicyError::OldPasswordMissing
            | PolicyError::Other,
        )
        | None => {}
    }
    match outcome.code {
        // Of Active Directory: the value that should be removed is not there.
        19 if outcome.windows == Some(0x56) => Ok(PasswordSet::WrongPassword),
        19 => refused(AGAINST_THE_RULES),
        49 => Ok(PasswordSet::WrongPassword),
        53 if outcome.windows == Some(0x52d) => refused(AGAINST_THE_RULES),
        53 => Ok(PasswordSet::Refused(None)),
        // Protocol error and unavailable critical extension: the operation is not known.
        2 | 12 | 50 => Ok(PasswordSet::NotSupported),
        code => {
            let what = format!("{url}: changing the password of {dn}");
            Err(of_result(&what, code, &outcome.text))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Control;

    #[test]
    fn passwords_for_active_directory_are_quoted_utf_16() {
        let password = Password::new("aé€😀");
        let expected = b"\"\0a\0\xe9\0\xac\x20\x3d\xd8\x00\xde\"\0";
        assert_eq!(quoted(&password).as_slice(), expected);
    }

    fn answered(code: u32, text: &str, error: Option<u8>) -> PasswordSet {
        let control = |error| Control {
            oid: crate::policy::CONTROL.into(),
            value: vec![0x30, 3, 0x81, 1, error],
        };
        let controls = error.map(control).into_iter().collect();
        let windows = crate::policy::windows_code(text);
        let outcome = Outcome { code, text: text.into(), windows, controls };
        answer("ldaps://x", "uid=a", &outcome).unwrap()
    }

    #[test]
    fn answers_to_a_new_password_are_told_apart() {
        let refused = |text: &str| PasswordSet::Refused(Some(text.into()));
        assert_eq!(answered(0, "", None), PasswordSet::Done);
        for (error, expected) in [
            (3, PasswordSet::NotSupported),
            (5, refused(AGAINST_THE_RULES)),
            (6, refused("is too short")),
            (7, refused("was changed too short a time ago")),
            (8, refused("was used before")),
            (9, refused("is too long")),
        ] {
            assert_eq!(answered(19, "", Some(error)), expected, "{error}");
        }
        for (code, text, expected) in [
            (19, "", refused(AGAINST_THE_RULES)),
            (19, "0000052D: AtrErr: DSID-03191083", refused(AGAINST_THE_RULES)),
            (19, "00000056: AtrErr: DSID-03191083", PasswordSet::WrongPassword),
            (53, "0000052D: SvcErr: DSID-031A120C", refused(AGAINST_THE_RULES)),
            (53, "", PasswordSet::Refused(None)),
            (49, "", PasswordSet::WrongPassword),
            (50, "", PasswordSet::NotSupported),
            (2, "unsupported extended operation", PasswordSet::NotSupported),
        ] {
            assert_eq!(answered(code, text, None), expected, "{code} {text}");
        }
        let outcome =
            Outcome { code: 10, text: String::new(), windows: None, controls: Vec::new() };
        assert!(answer("ldaps://x", "uid=a", &outcome).is_err());
    }
}
