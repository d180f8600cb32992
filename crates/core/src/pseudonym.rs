//! Pseudonyms of users, for logs that leave the machine.

use aws_lc_rs::hmac::{self, HMAC_SHA256};

use crate::Auth;
use crate::crypto::{InvalidKey, derive};
use crate::secret::ServerSecret;
use crate::user::UserId;

/// Bytes of a pseudonym: enough to tell users apart.
const LEN: usize = 8;

/// Computes pseudonyms with a key that is derived from the server's secret.
pub(crate) struct Pseudonyms(hmac::Key);

impl Pseudonyms {
    pub(crate) fn new(secret: &ServerSecret) -> Result<Self, InvalidKey> {
        let bytes = derive(secret.expose().as_bytes(), "pseudonym").ok_or(InvalidKey)?;
        Ok(Self(hmac::Key::new(HMAC_SHA256, bytes.as_ref())))
    }

    fn of(&self, user: &UserId) -> String {
        let tag = hmac::sign(&self.0, user.to_string().as_bytes());
        let mut first = [0; LEN];
        first.iter_mut().zip(tag.as_ref()).for_each(|(byte, of_tag)| *byte = *of_tag);
        format!("{:016x}", u64::from_be_bytes(first))
    }
}

impl Auth {
    /// A pseudonym of a user for logs: 16 hexadecimal digits. The same user always has the same one,
    /// at every server with the same secret; without the secret, it does not tell whose it is.
    pub fn pseudonym(&self, user: &UserId) -> String {
        self.deps().pseudonyms.of(user)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pseudonyms_differ_by_user_and_secret() {
        let of = |secret: &str, id: i64| {
            let secret = ServerSecret::new(secret).unwrap();
            Pseudonyms::new(&secret).unwrap().of(&UserId::Integer(id))
        };
        let first = of("the secret of one site", 1);
        assert!(first.len() == 16 && first.bytes().all(|it| it.is_ascii_hexdigit()), "{first}");
        assert_eq!(first, of("the secret of one site", 1));
        assert_ne!(first, of("the secret of one site", 2));
        assert_ne!(first, of("the secret of another site", 1));
    }
}
