//! Password hashing and the rules for new passwords.

use std::num::NonZeroUsize;

use crossauth_core::password::pbkdf2::{self, Digest, Padding};
use crossauth_core::password::{
    Argon2idParams, Composition, FirebaseParams, HasherConfig, HasherConfigError,
    InvalidFirebaseParams, NewHashes, PasswordPolicy,
};

use super::{Tables, section};
use crate::kind::{
    Choice, Count, FirebaseKey, Flag, Kibibytes, List, Optional, PepperText, Text, words,
};
use crate::rule::Rules;

/// Password hashing.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Passwords {
    /// How new passwords are hashed.
    pub scheme: PasswordScheme,
    /// Cost of an Argon2id hash.
    pub argon2id: Argon2idParams,
    /// Cost of a PBKDF2 hash.
    pub pbkdf2: pbkdf2::Params,
    /// Threads, queue and pepper; its `new_hashes` is set from `scheme`.
    pub hasher: HasherConfig,
    /// Whether the pepper is used.
    pub pepper_enabled: bool,
    /// Whether PBKDF2 hashes are padded, if set explicitly.
    pub padding: Option<Padding>,
    /// The salt separator of the Firebase project, in base64, if set explicitly.
    pub firebase_salt_separator: Option<String>,
    /// The rules for new passwords.
    pub policy: PasswordPolicy,
}

/// How new passwords are hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum PasswordScheme {
    /// Argon2id, as a PHC string.
    #[default]
    Argon2id,
    /// PBKDF2, as a Crossauth string.
    Pbkdf2,
}

words! { PasswordScheme, "`argon2id` or `pbkdf2`" {
    "argon2id" = PasswordScheme::Argon2id;
    "pbkdf2" = PasswordScheme::Pbkdf2;
} }

words! { Padding, "`padded` or `unpadded`" {
    "padded" = Padding::Padded;
    "unpadded" = Padding::Unpadded;
} }

words! { Composition, "`any` or `upper_lower_digit`" {
    "any" = Composition::Any;
    "upper_lower_digit" = Composition::UpperLowerDigit;
} }

words! { Digest, "`sha1`, `sha256`, `sha384` or `sha512`" {
    "sha1" = Digest::Sha1;
    "sha256" = Digest::Sha256;
    "sha384" = Digest::Sha384;
    "sha512" = Digest::Sha512;
} }

section! { Passwords {
    /// Minimum length of a new password, in characters.
    "password.min_length": Count<usize> => policy.min_len;
    /// Which characters a new password must contain: `upper_lower_digit` requires an upper-case
    /// letter, a lower-case letter and a digit, as Crossauth for Python and TypeScript does.
    "password.composition": Choice<Composition> => policy.composition;
    /// Words that a new password must not contain, such as the name of a product. The name of the
    /// site is always one of them.
    "password.forbidden_words": List => policy.context_words;
    /// How new passwords are hashed; hashes of both kinds are verified. Use `pbkdf2` if Crossauth
    /// for Python or TypeScript shares the database.
    "password.hash": Choice<PasswordScheme> => scheme;
    /// Memory per Argon2id hash, from 8 KiB to 128 MiB.
    "password.argon2_memory": Kibibytes => argon2id.memory_kib;
    /// Passes per Argon2id hash, at most 16. Memory times passes is at most 512 MiB.
    "password.argon2_iterations": Count<u32> => argon2id.passes;
    /// Digest of PBKDF2.
    "password.pbkdf2_digest": Choice<Digest> => pbkdf2.digest;
    /// Iterations of PBKDF2, at most 2000000; half as many with SHA-384, SHA-512 or a longer key.
    "password.pbkdf2_iterations": Count<u32> => pbkdf2.iterations;
    /// Length of a PBKDF2 hash in bytes, from 16 to 64.
    "password.pbkdf2_key_length": Count<usize> => pbkdf2.key_len,
        upstream "PASSWORD_PBKDF2_KEYLENGTH";
    /// Whether PBKDF2 hashes are padded. Crossauth for Python reads only padded hashes, Crossauth
    /// for TypeScript only unpadded ones. If not set, padded if `database.tables` is `pycrossauth`.
    /// Padded hashes must use SHA-256 and no pepper.
    "password.pbkdf2_padding": Optional<Choice<Padding>> => padding;
    /// Whether `password.pepper` is used. Both are needed, as upstream.
    "password.pepper_enabled": Flag => pepper_enabled, upstream "ENABLE_SECRET_FOR_PASSWORDS";
    /// A secret of at least 16 bytes that is added to PBKDF2 hashes if `password.pepper_enabled` is
    /// set. If it is lost, the passwords hashed with it can no longer be verified.
    "password.pepper": Optional<PepperText> => hasher.pepper, upstream "HASHER_SECRET";
    /// The signer key (`base64_signer_key`) of a Firebase project whose password hashes are in the
    /// database.
    "password.firebase_signer_key": Optional<FirebaseKey> => hasher.firebase;
    /// The salt separator (`base64_salt_separator`) of that project. If not set, `Bw==`.
    "password.firebase_salt_separator": Optional<Text> => firebase_salt_separator;
    /// Number of threads that hash passwords. If not set, one per processor.
    "password.threads": Optional<Count<NonZeroUsize>> => hasher.threads;
    /// Maximum number of passwords that wait for a thread, at most 65536; beyond that, requests are
    /// refused with 503.
    "password.queue": Count<NonZeroUsize> => hasher.queue;
} }

impl Passwords {
    /// The configuration of the hasher.
    pub fn hasher(&self, tables: Tables) -> HasherConfig {
        let python = tables == Tables::PyCrossauth;
        let padding = if python { Padding::Padded } else { Padding::Unpadded };
        HasherConfig {
            new_hashes: self.new_hashes(),
            pepper: self.hasher.pepper.clone().filter(|_| self.pepper_enabled),
            pbkdf2_padding: self.padding.unwrap_or(padding),
            firebase: self.firebase().unwrap_or_default(),
            ..self.hasher.clone()
        }
    }

    /// The parameters of the Firebase project, if any.
    fn firebase(&self) -> Result<Option<FirebaseParams>, InvalidFirebaseParams> {
        match (self.hasher.firebase.clone(), &self.firebase_salt_separator) {
            (Some(params), Some(separator)) => params.with_salt_separator(separator).map(Some),
            (params, None) => Ok(params),
            (None, Some(_)) => Err(InvalidFirebaseParams),
        }
    }

    fn new_hashes(&self) -> NewHashes {
        match self.scheme {
            PasswordScheme::Argon2id => NewHashes::Argon2id(self.argon2id),
            PasswordScheme::Pbkdf2 => NewHashes::Pbkdf2(self.pbkdf2),
        }
    }

    pub(crate) fn check(&self, tables: Tables, rules: &mut Rules<'_>) {
        rules.require(
            self.policy.min_len <= self.policy.max_len,
            &["password.min_length"],
            "must be at most 1024: longer passwords are refused anyway",
        );
        let python = tables == Tables::PyCrossauth && self.scheme == PasswordScheme::Pbkdf2;
        rules.require(
            !python || self.padding != Some(Padding::Unpadded),
            &["password.pbkdf2_padding", "database.tables"],
            "Crossauth for Python, whose tables these are, reads padded hashes only",
        );
        let for_python = self.hasher(tables).check();
        rules.require(
            !matches!(for_python, Err(HasherConfigError::NotForPython)),
            &["password.pbkdf2_padding", "password.pbkdf2_digest", "password.pepper_enabled"],
            "Crossauth for Python reads padded hashes only with `sha256` and without a pepper",
        );
        rules.require_unless_in(
            &["CROSSAUTH_HASHER_SECRET", "CROSSAUTH_HASHER_SECRET_FILE"],
            self.hasher.pepper.is_none() || self.pepper_enabled,
            &["password.pepper", "password.pepper_enabled"],
            "is not used: set `password.pepper_enabled` too, or leave it out",
        );
        rules.require(
            self.hasher.queue.get() <= 65_536,
            &["password.queue"],
            "must be at most 65536: with a longer queue, clients would time out before their turn",
        );
        rules.require(
            self.firebase().is_ok(),
            &["password.firebase_salt_separator", "password.firebase_signer_key"],
            "must be base64 as in the Firebase console, and needs `password.firebase_signer_key`",
        );
        self.check_cost(rules);
    }

    fn check_cost(&self, rules: &mut Rules<'_>) {
        match self.scheme {
            PasswordScheme::Argon2id => rules.require(
                self.argon2id.are_within_limits(),
                &["password.argon2_memory", "password.argon2_iterations"],
                "must be from 8KiB to 128MiB, `password.argon2_iterations` from 1 to 16, and the \
                 product of both at most 512MiB",
            ),
            PasswordScheme::Pbkdf2 => rules.require(
                self.pbkdf2.are_within_limits(),
                &["password.pbkdf2_iterations", "password.pbkdf2_key_length"],
                "must be from 1 to 2000000 (half as many with sha384, sha512 or a longer key), and \
                 `password.pbkdf2_key_length` from 16 to 64",
            ),
        }
    }
}
