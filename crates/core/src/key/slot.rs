//! Typed fields of a key's data.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{DataChange, DataError};

/// Top-level fields of a session's data that belong to Crossauth: by their upstream names, and our
/// own.
const RESERVED: [&str; 6] =
    ["2fa", "pre2fa", "passwordchange", "factor2change", "oauth", "crossauth"];

/// Whether a top-level field of a session's data belongs to Crossauth. Applications own all others.
pub fn is_reserved_slot(name: &str) -> bool {
    RESERVED.contains(&name)
}

/// A typed top-level field of a session's data.
///
/// ```
/// use crossauth_core::key::{DataChange, KeyData, Slot};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize, PartialEq, Debug)]
/// struct Cart {
///     items: Vec<u32>,
/// }
///
/// impl Slot for Cart {
///     const NAME: &'static str = "cart";
/// }
///
/// # fn main() -> Result<(), crossauth_core::key::DataError> {
/// let cart = Cart { items: vec![7] };
/// let data = KeyData::default().changed(&[DataChange::slot(&cart)?])?;
/// assert_eq!(data.slot()?, Some(cart));
/// # Ok(())
/// # }
/// ```
pub trait Slot: Serialize + DeserializeOwned {
    /// The field's name, which must not contain a dot.
    const NAME: &'static str;
}

impl DataChange {
    /// Writes a slot.
    pub fn slot<S: Slot>(value: &S) -> Result<Self, DataError> {
        const { assert!(has_no_dot(S::NAME), "the name of a slot has no dot") };
        let value = serde_json::to_value(value).map_err(|_| DataError::Slot(S::NAME))?;
        Ok(Self::set(S::NAME, value))
    }

    /// Removes a slot.
    pub fn remove_slot<S: Slot>() -> Self {
        Self::remove(S::NAME)
    }
}

const fn has_no_dot(name: &str) -> bool {
    let bytes = name.as_bytes();
    let mut index = 0;
    while index < bytes.len() {
        if bytes[index] == b'.' {
            return false;
        }
        index += 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::{Map, json};

    use super::*;
    use crate::key::KeyData;

    #[derive(Serialize, Deserialize, PartialEq, Debug)]
    struct Cart(u32);

    impl Slot for Cart {
        const NAME: &'static str = "cart";
    }

    #[derive(Serialize, Deserialize, PartialEq, Debug)]
    struct Theme(String);

    impl Slot for Theme {
        const NAME: &'static str = "theme";
    }

    #[test]
    fn invalid_data_is_an_error_of_its_slot_only() {
        let data = KeyData::from_text(r#"{"cart":"three","theme":"dark","2fa":{}}"#);
        assert_eq!(data.slot::<Cart>(), Err(DataError::Slot("cart")));
        assert_eq!(data.slot::<Theme>(), Ok(Some(Theme("dark".into()))));
        let repaired = data.changed(&[DataChange::slot(&Cart(3)).unwrap()]).unwrap();
        assert_eq!(repaired.slot(), Ok(Some(Cart(3))));
        let emptied = repaired.changed(&[DataChange::remove_slot::<Cart>()]).unwrap();
        assert_eq!(emptied.slot::<Cart>(), Ok(None));
        assert_eq!(emptied.slot::<Theme>(), Ok(Some(Theme("dark".into()))));
    }

    #[test]
    fn applications_may_use_every_unreserved_field() {
        for name in RESERVED {
            for path in [name.to_owned(), format!("{name}.otp")] {
                let changes =
                    [DataChange::set(path.as_str(), 1), DataChange::remove(path.as_str())];
                for change in changes {
                    assert_eq!(change.check_for_application(), Err(DataError::Reserved), "{path}");
                }
            }
            let object = Map::from_iter([(name.to_owned(), json!(1))]);
            assert_eq!(KeyData::for_application(&object), Err(DataError::Reserved));
            assert_eq!(KeyData::from_object(&object).application_object(), Ok(Map::new()));
        }
        for path in ["cart", "2FA", "oauth2", "app.2fa"] {
            assert_eq!(DataChange::set(path, 1).check_for_application(), Ok(()));
        }
    }
}
