//! Databases of Crossauth for Python and for TypeScript, as applications have them: their tables on
//! each engine, and rows with nulls, blobs, old values, and times in every form that was written.
//!
//! ```
//! use crossauth_testkit::upstream::{ACCOUNTS, Engine, Preset, Upstream};
//!
//! let upstream = Upstream { preset: Preset::Python, engine: Engine::Sqlite };
//! let sql = format!("{}{}{}", upstream.schema(), upstream.rows(), upstream.odd_rows());
//! assert!(sql.contains("CREATE TABLE \"User\""));
//! assert_eq!(ACCOUNTS[0].username, "Bob");
//! ```
//!
//! Hashes, signatures and stored keys were created by upstream from the secret, the password and the
//! tokens here.

mod account;
mod key;
mod row;
mod schema;

pub use account::{ACCOUNTS, Account, Password};
pub use key::{KEYS, Key, Moment};

/// The secret that signed cookies and API keys.
pub const SECRET: &str = "ABCDEFGHIJKLMNOPQRSTUVWX";

/// The password of every account that has one.
pub const PASSWORD: &str = "bobPass123";

/// The implementation that made a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preset {
    /// Crossauth for Python.
    Python,
    /// Crossauth for TypeScript.
    TypeScript,
}

/// The database management system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// SQLite.
    Sqlite,
    /// PostgreSQL.
    Postgres,
    /// MySQL and MariaDB.
    Mysql,
}

/// A database of upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Upstream {
    /// Which implementation made it.
    pub preset: Preset,
    /// The database management system.
    pub engine: Engine,
}

/// A token of upstream, with its signatures and its stored value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token {
    /// The token itself, as mailed.
    pub token: &'static str,
    /// The stored value without its prefix.
    pub hash: &'static str,
    /// The cookie of a session with this id, as Python and TypeScript sign it.
    cookies: [&'static str; 2],
    /// The API key with this value.
    api_keys: [&'static str; 2],
}

/// Tokens from the vectors of upstream.
pub const TOKENS: [Token; 3] = [
    Token {
        token: "AAECAwQFBgcICQoLDA0ODw",
        hash: "XSYR1aTdK0Cyd9_bXs9bSYGRUNfVxi9O75YMsMJNsgw",
        cookies: [
            "AAECAwQFBgcICQoLDA0ODw.cd039c7d808376b2e636c48c39793ded1c4d036663cb56ec987f6b9e39c5c07c",
            "AAECAwQFBgcICQoLDA0ODw.zQOcfYCDdrLmNsSMOXk97RxNA2Zjy1bsmH9rnjnFwHw",
        ],
        api_keys: [
            "eyJ2IjogIkFBRUNBd1FGQmdjSUNRb0xEQTBPRHciLCAidCI6IDE3MDAwMDAwMDAwMDAsICJzIjogIjhQSHk4X1QxOXZmNC1mcjdfUDMtX3cifQ==.aa55c1e76c3a33fd10120e356bf3a3a059ef42918dde509d4cca23784421b827",
            "eyJ2IjoiQUFFQ0F3UUZCZ2NJQ1FvTERBME9EdyIsInQiOjE3MDAwMDAwMDAwMDAsInMiOiI4UEh5OF9UMTl2ZjQtZnI3X1AzLV93In0.3Ui-xgLcvFk4yx3w5AkKV0ovrdew4VcN9E3qA-JVnmY",
        ],
    },
    Token {
        token: "8PHy8_T19vf4-fr7_P3-_w",
        hash: "U-4_ReDWoAAvospReZ5ZSldg5yuxZQbZFqHYSAHOe_A",
        cookies: [
            "8PHy8_T19vf4-fr7_P3-_w.2f55296ffcfeeed52022e6c3e719f097efec3b56d6885ba527fabce08e5cace9",
            "8PHy8_T19vf4-fr7_P3-_w.L1Upb_z-7tUgIubD5xnwl-_sO1bWiFulJ_q84I5crOk",
        ],
        api_keys: [
            "eyJ2IjogIjhQSHk4X1QxOXZmNC1mcjdfUDMtX3ciLCAidCI6IDE3MDAwMDAwMDAwMDAsICJzIjogIkFBRUNBd1FGQmdjSUNRb0xEQTBPRHcifQ==.7fbefcb9b54690a79eaf93fba87f1caaccc8829b9e3a94d0c33e4a51a20e1ceb",
            "eyJ2IjoiOFBIeThfVDE5dmY0LWZyN19QMy1fdyIsInQiOjE3MDAwMDAwMDAwMDAsInMiOiJBQUVDQXdRRkJnY0lDUW9MREEwT0R3In0.YkvyvNxTPnbU6bFPYVM4u9sGyvo0bXp_g6ZNNLgTshQ",
        ],
    },
    Token {
        token: "EBESExQVFhcYGRobHB0eHw",
        hash: "GvN4eGdyfalAN1m5_kg7a6J1aY9DCYCC40lZhfSaNCg",
        cookies: [
            "EBESExQVFhcYGRobHB0eHw.b237c17613e2575103574813eec46a34b157857f89efc1008c14d1a1de150538",
            "EBESExQVFhcYGRobHB0eHw.sjfBdhPiV1EDV0gT7sRqNLFXhX-J78EAjBTRod4VBTg",
        ],
        api_keys: ["", ""],
    },
];

impl Token {
    /// The value of the cookie `SESSIONID` of a session with this id.
    pub fn cookie(&self, preset: Preset) -> &'static str {
        self.cookies[preset.index()]
    }

    /// What follows `ApiKey` in the header `Authorization`; empty for the last token.
    pub fn api_key(&self, preset: Preset) -> &'static str {
        self.api_keys[preset.index()]
    }
}

impl Preset {
    fn index(self) -> usize {
        match self {
            Self::Python => 0,
            Self::TypeScript => 1,
        }
    }

    /// Its name as the value of the setting `database.tables`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Python => "pycrossauth",
            Self::TypeScript => "crossauthjs",
        }
    }

    /// The time zone of stored times that have none.
    pub fn time_zone(self) -> &'static str {
        match self {
            Self::Python => "Europe/Vienna",
            Self::TypeScript => "UTC",
        }
    }

    /// Its hash of the [`PASSWORD`].
    pub fn password_hash(self) -> &'static str {
        match self {
            Self::Python => {
                "pbkdf2:sha256:32:1000:0:AAECAwQFBgcICQoLDA0ODw:8Zl18rlVTIlB7-bwk5_aO1mZTGNlzxCqvPzPpeWhwjc="
            }
            Self::TypeScript => {
                "pbkdf2:sha256:32:1000:0:AAECAwQFBgcICQoLDA0ODw:8Zl18rlVTIlB7-bwk5_aO1mZTGNlzxCqvPzPpeWhwjc"
            }
        }
    }
}

impl Upstream {
    /// Both presets on an engine.
    pub fn on(engine: Engine) -> [Self; 2] {
        [Preset::Python, Preset::TypeScript].map(|preset| Self { preset, engine })
    }
}
