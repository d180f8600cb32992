//! What works once and is used up.

/// What works once and is used up by a change or a new session, in the same transaction.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Uses {
    /// The stored value of a one-time key of the user, such as a recovery code. It is deleted.
    pub key: Option<String>,
    /// The step of a TOTP code. It must be greater than the last one used with the same secret.
    pub totp_step: Option<TotpStep>,
}

/// The step of a TOTP code of one user (RFC 6238 section 5.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TotpStep {
    /// A digest of the secret: the steps of another secret do not count.
    pub secret: String,
    /// The number of the step.
    pub step: u64,
}
