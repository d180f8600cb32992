//! The targets, one file each.

pub(crate) mod body;
pub(crate) mod cookie;
pub(crate) mod key_data;
pub(crate) mod ldap;
pub(crate) mod name;
pub(crate) mod next;
pub(crate) mod origin;
pub(crate) mod password_hash;
pub(crate) mod setting;
pub(crate) mod time;
pub(crate) mod token;
