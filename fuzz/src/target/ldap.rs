//! Messages of directory servers, and the names and filters that select entries.

use crossauth_storage_ldap::{Bind, Options, RawEntry, Scope};

/// A message of a server. What is read from it cannot be more than what was sent.
pub(crate) fn entry(input: &[u8]) {
    let Some(entry) = RawEntry::parse(input) else { return };
    let values = entry.attributes().flat_map(|(_, values)| values);
    let size: usize = values.map(Vec::len).sum::<usize>() + entry.dn().len();
    assert!(size < input.len(), "{size} bytes of {}", input.len());
    assert!(entry.values("userPassword").next().is_none(), "a hash is kept");
}

/// The base on the first line, and a filter on the others.
pub(crate) fn option(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let (base, filter) = text.split_once('\n').unwrap_or((text, "(uid=*)"));
    let bind = |filter: &str| Bind::Search {
        base: base.to_owned(),
        attributes: vec!["uid".into()],
        filter: Some(filter.to_owned()),
        scope: Scope::Subtree,
    };
    let is_accepted = |filter: &str| {
        let options = Options::new(vec!["ldap://localhost".into()], bind(filter));
        Options { start_tls: false, ..options }.open().is_ok()
    };
    if is_accepted(filter) {
        assert!(!base.trim().is_empty(), "no base is accepted");
        // A filter that is complete is also a part of another one.
        let filter = filter.trim();
        let filter = if filter.starts_with('(') { filter.into() } else { format!("({filter})") };
        let nested = format!("(&{filter}(!{filter}))");
        assert!(is_accepted(&nested) || nested.matches('(').count() > 30, "{nested:?}");
    }
}
