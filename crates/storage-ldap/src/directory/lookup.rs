//! How the entry of a user is found.

use crossauth_core::directory::EntryRef;

use crate::dn::{Dn, is_attribute};
use crate::filter::Filter;
use crate::identity::{Identity, Query};
use crate::message::{Depth, Search};
use crate::{Bind, OpenError, Scope};

/// Of a name, in bytes.
const MAX_NAME: usize = 1000;

/// How the entry of a user is found.
#[derive(Debug)]
pub(crate) enum Lookup {
    Template { attribute: String, base: Dn },
    Search { base: Dn, attributes: Vec<String>, filter: Filter, depth: Depth },
}

impl Lookup {
    pub(super) fn new(bind: Bind) -> Result<Self, OpenError> {
        let dn = |value: String| {
            Dn::parse(&value).ok_or(OpenError::InvalidDn { option: "the base of users", value })
        };
        let check = |name: String| {
            if is_attribute(&name) { Ok(name) } else { Err(OpenError::InvalidAttribute(name)) }
        };
        match bind {
            Bind::Template { attribute, base } => {
                Ok(Self::Template { attribute: check(attribute)?, base: dn(base)? })
            }
            Bind::Search { base, attributes, filter, scope } => {
                if attributes.is_empty() {
                    return Err(OpenError::Invalid("no attribute is the login name"));
                }
                let filter = match filter {
                    None => Filter::any_entry(),
                    Some(filter) => Filter::parse(&filter)
                        .map_err(|problem| OpenError::InvalidFilter { filter, problem })?,
                };
                let depth = match scope {
                    Scope::Subtree => Depth::Subtree,
                    Scope::OneLevel => Depth::OneLevel,
                };
                let attributes = attributes.into_iter().map(check).collect::<Result<_, _>>()?;
                Ok(Self::Search { base: dn(base)?, attributes, filter, depth })
            }
        }
    }

    pub(crate) const fn is_template(&self) -> bool {
        matches!(self, Self::Template { .. })
    }

    fn base(&self) -> &Dn {
        match self {
            Self::Template { base, .. } | Self::Search { base, .. } => base,
        }
    }

    /// The distinguished name that a name is made into, if entries are found like that.
    pub(crate) fn dn(&self, name: &str) -> Option<Dn> {
        match self {
            Self::Template { attribute, base } if is_name(name) => Dn::child(attribute, name, base),
            Self::Template { .. } | Self::Search { .. } => None,
        }
    }

    /// The distinguished name of no entry, below the base.
    pub(super) fn nowhere(&self) -> Option<Dn> {
        Dn::child("cn", "no such entry of crossauth", self.base())
    }

    /// The search for an entry: by its id if that is known, else by its name. `None` if no entry can
    /// have it.
    pub(crate) fn search(
        &self,
        entry: EntryRef<'_>,
        identity: &Identity,
        attributes: Vec<String>,
    ) -> Option<Search> {
        match entry.id {
            Some(id) => match identity.query(id)? {
                Query::ByFilter(filter) => Some(self.by_filter(filter, attributes)),
                Query::ByName(dn) => {
                    dn.is_within(self.base()).then(|| self.read(dn.as_str(), attributes))
                }
            },
            None => self.by_name(entry.name, attributes),
        }
    }

    /// The search for the entries that have a name as login name or in one of these attributes. `None`
    /// if no entry can have it.
    pub(super) fn search_all<'a>(
        &'a self,
        name: &str,
        attributes: impl Iterator<Item = &'a str>,
    ) -> Option<Search> {
        let own = match self {
            Self::Template { attribute, .. } => std::slice::from_ref(attribute),
            Self::Search { attributes, .. } => attributes,
        };
        let mut names: Vec<&str> = own.iter().map(String::as_str).collect();
        for attribute in attributes {
            if !names.iter().any(|name| name.eq_ignore_ascii_case(attribute)) {
                names.push(attribute);
            }
        }
        let filters = names.into_iter().map(|attribute| Filter::equal(attribute, name));
        let filter = Filter::Or(filters.collect());
        // No attribute is read (RFC 4511 section 4.5.1.8).
        is_name(name).then(|| self.by_filter(filter, vec!["1.1".to_owned()]))
    }

    fn by_name(&self, name: &str, attributes: Vec<String>) -> Option<Search> {
        if !is_name(name) {
            return None;
        }
        match self {
            Self::Template { attribute, base } => {
                Some(self.read(Dn::child(attribute, name, base)?.as_str(), attributes))
            }
            Self::Search { attributes: names, .. } => {
                let mut filters: Vec<_> =
                    names.iter().map(|attribute| Filter::equal(attribute, name)).collect();
                let filter =
                    if filters.len() == 1 { filters.remove(0) } else { Filter::Or(filters) };
                Some(self.by_filter(filter, attributes))
            }
        }
    }

    fn by_filter(&self, wanted: Filter, attributes: Vec<String>) -> Search {
        let base = self.base().as_str().to_owned();
        let (filter, depth) = match self {
            Self::Template { .. } => (wanted, Depth::Subtree),
            Self::Search { filter, depth, .. } => {
                (Filter::And(vec![filter.clone(), wanted]), *depth)
            }
        };
        // A second one shows that the first is not the only one.
        Search { base, depth, filter, attributes, limit: 2 }
    }

    fn read(&self, dn: &str, attributes: Vec<String>) -> Search {
        let filter = match self {
            Self::Template { .. } => Filter::any_entry(),
            Self::Search { filter, .. } => filter.clone(),
        };
        Search { filter, ..Search::entry(dn, attributes) }
    }
}

/// Whether an entry may have a name.
fn is_name(name: &str) -> bool {
    !name.trim().is_empty() && !name.contains('\0') && name.len() <= MAX_NAME
}

#[cfg(test)]
mod tests {
    use super::*;

    fn search_for(entry: EntryRef<'_>) -> Option<Search> {
        let lookup = Lookup::new(Bind::Search {
            base: "ou=people,dc=x".into(),
            attributes: vec!["uid".into(), "mail".into()],
            filter: Some("(objectClass=person)".into()),
            scope: Scope::OneLevel,
        });
        lookup.unwrap().search(entry, &Identity(None), Vec::new())
    }

    #[test]
    fn names_are_searched_as_they_are() {
        let search = search_for(EntryRef::named("*)(uid=*")).unwrap();
        let names = ["uid", "mail"].map(|attribute| Filter::equal(attribute, "*)(uid=*"));
        let person = Filter::equal("objectClass", "person");
        let expected = Filter::And(vec![person, Filter::Or(names.to_vec())]);
        assert_eq!((search.filter, search.depth, search.limit), (expected, Depth::OneLevel, 2));
    }

    #[test]
    fn names_that_no_entry_has_are_not_searched() {
        let long = "a".repeat(MAX_NAME + 1);
        for name in ["", "  ", "a\0", &long] {
            assert!(search_for(EntryRef::named(name)).is_none(), "{name:?}");
        }
        assert!(search_for(EntryRef::named("a")).is_some());
    }

    #[test]
    fn entry_with_an_id_is_searched_by_it_within_the_base() {
        let by_id = |id| search_for(EntryRef { name: "other", id: Some(id) });
        let search = by_id("uid=a,ou=people,dc=x").unwrap();
        assert_eq!((search.base.as_str(), search.depth), ("uid=a,ou=people,dc=x", Depth::Base));
        assert!(by_id("uid=a,ou=admins,dc=x").is_none());
        assert!(by_id("uid=a\\,ou\\=people\\,dc\\=x").is_none());
        let search = by_id("33221100-5544-7766-8899-aabbccddeeff").unwrap();
        assert_eq!(search.base, "ou=people,dc=x");
    }

    #[test]
    fn options_are_checked() {
        let search = |base: &str, attribute: &str, filter: &str| Bind::Search {
            base: base.into(),
            attributes: vec![attribute.into()],
            filter: Some(filter.into()),
            scope: Scope::Subtree,
        };
        assert!(Lookup::new(search("dc=x", "uid", "(a=b)")).is_ok());
        for wrong in [
            search("x", "uid", "(a=b)"),
            search("", "uid", "(a=b)"),
            search("dc=x", "u)id", "(a=b)"),
            search("dc=x", "uid", "(a=b"),
            Bind::Template { attribute: "cn=x,uid".into(), base: "dc=x".into() },
            Bind::Template { attribute: "uid".into(), base: String::new() },
        ] {
            assert!(Lookup::new(wrong.clone()).is_err(), "{wrong:?}");
        }
    }
}
