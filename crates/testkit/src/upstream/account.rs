//! The accounts.

/// What an account logs in with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Password {
    /// The password of all accounts.
    Known,
    /// The same, with the hash as bytes where the engine allows.
    AsBytes,
    /// None: users of a directory have this hash.
    Disabled,
    /// None: there is no row of secrets.
    NoRow,
}

/// An account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Account {
    /// Its id.
    pub id: i64,
    /// Its name as entered.
    pub username: &'static str,
    /// Its normalized name; null in a row from before there was normalization.
    pub normalized: Option<&'static str>,
    /// Its address as entered.
    pub email: Option<&'static str>,
    /// Its state.
    pub state: &'static str,
    /// Its second factor as stored: null, empty or `none` for none.
    pub factor2: Option<&'static str>,
    /// Its TOTP secret as stored.
    pub totpsecret: Option<&'static str>,
    /// What it logs in with.
    pub password: Password,
    /// The application's column `phone`.
    pub phone: Option<&'static str>,
}

const BOB: Account = Account {
    id: 7,
    username: "Bob",
    normalized: Some("bob"),
    email: Some("bob@bob.com"),
    state: "active",
    factor2: Some(""),
    totpsecret: Some(""),
    password: Password::Known,
    phone: Some("+43 1 234"),
};

/// The accounts. The administrator in databases of TypeScript is `carol`.
pub const ACCOUNTS: [Account; 10] = [
    BOB,
    Account {
        id: 8,
        username: "Änne O'Brien",
        normalized: Some("anne o'brien"),
        email: Some("Aenne@Example.COM"),
        factor2: None,
        totpsecret: None,
        phone: None,
        ..BOB
    },
    Account {
        id: 9,
        username: "carol@example.com",
        normalized: Some("carol@example.com"),
        email: Some("carol@example.com"),
        factor2: Some("totp"),
        totpsecret: Some("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"),
        ..BOB
    },
    Account {
        id: 10,
        username: "dave",
        normalized: Some("dave"),
        email: None,
        factor2: Some("none"),
        password: Password::AsBytes,
        ..BOB
    },
    Account {
        id: 11,
        username: "erin",
        normalized: Some("erin"),
        email: Some("erin@example.com"),
        state: "disabled",
        ..BOB
    },
    Account {
        id: 12,
        username: "frank",
        normalized: Some("frank"),
        email: Some("frank@example.com"),
        state: "awaitingemailverification",
        ..BOB
    },
    Account {
        id: 13,
        username: "grace",
        normalized: Some("grace"),
        email: Some("grace@example.com"),
        password: Password::NoRow,
        ..BOB
    },
    Account {
        id: 14,
        username: "heidi",
        normalized: Some("heidi"),
        email: None,
        password: Password::Disabled,
        ..BOB
    },
    // No look-up by name finds this one: as upstream, where names are normalized.
    Account { id: 15, username: "Ivan", normalized: None, email: None, ..BOB },
    Account {
        id: 16,
        username: "judy",
        normalized: Some("judy"),
        email: Some("judy@example.com"),
        state: "on holiday",
        ..BOB
    },
];
