//! Usernames, e-mail addresses and states of accounts.

use crossauth_core::user::{EmailAddress, Normalization, UserState, Username};

/// Accepted text has a normalized form, which is stable.
pub(crate) fn any(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    if let Ok(name) = Username::parse(text) {
        check_lookup(name.as_str());
        assert!(!name.as_str().contains(char::is_whitespace), "{name:?}");
        assert_eq!(Username::parse(name.as_str()).as_ref(), Ok(&name));
    }
    if let Ok(address) = EmailAddress::parse(text) {
        check_lookup(address.as_str());
        let lookup = Normalization::Nfkc.apply(address.as_str());
        assert!(EmailAddress::parse(&lookup).is_ok(), "{address:?} is looked up as {lookup:?}");
    }
    let state = UserState::from(text);
    let known = UserState::KNOWN.iter().find(|state| state.as_str().eq_ignore_ascii_case(text));
    assert_eq!(known.is_some(), !matches!(state, UserState::Custom(_)), "{state:?}");
    assert_eq!(UserState::from(state.as_str()), state);
}

fn check_lookup(name: &str) {
    for normalization in [Normalization::Nfkc, Normalization::Crossauth] {
        let lookup = normalization.apply(name);
        assert!(!lookup.trim().is_empty(), "{name:?} has no {normalization:?} form");
        assert_eq!(normalization.apply(&lookup), lookup, "{name:?} by {normalization:?}");
    }
}
