//! The groups of an entry, and what they mean.

use std::collections::HashMap;
use std::time::Duration;

use crossauth_core::directory::DirectoryError;
use serde_json::Value;
use tokio::time::timeout;

use crate::directory::Reader;
use crate::dn::{Dn, Key};
use crate::error::too_large;
use crate::filter::Filter;
use crate::message::{Depth, Search};
use crate::{Groups, OpenError, RawEntry};

pub(crate) const MEMBER_OF: &str = "memberOf";
/// Of one entry, with all groups of groups.
const MAX_GROUPS: usize = 1000;
/// Groups whose groups are searched for at once.
const BATCH: usize = 20;
/// The rule of Active Directory that follows groups of groups.
const IN_CHAIN: &str = "1.2.840.113556.1.4.1941";

/// What groups mean.
#[derive(Debug)]
pub(crate) struct Rules {
    base: Option<Dn>,
    nested: bool,
    admin: Vec<Key>,
    allowed: Vec<Key>,
    roles: Vec<(Key, String)>,
    roles_field: String,
    is_used: bool,
    /// For all searches of groups of one entry.
    time_limit: Duration,
}

/// The groups of an entry: for each, its distinguished name as the directory has it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Memberships(HashMap<Key, String>);

impl Memberships {
    fn contains_any(&self, groups: &[Key]) -> bool {
        groups.iter().any(|group| self.0.contains_key(group))
    }

    /// The distinguished names, in alphabetical order.
    pub(crate) fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = self.0.values().cloned().collect();
        names.sort();
        names
    }

    /// Adds groups, and returns those that are new.
    fn add(&mut self, groups: impl IntoIterator<Item = String>) -> Vec<String> {
        let mut new = Vec::new();
        for group in groups {
            if self.0.insert(Key::of(&group), group.clone()).is_none() {
                new.push(group);
            }
        }
        new
    }
}

impl Rules {
    pub(crate) fn new(groups: &Groups, operation_timeout: Duration) -> Result<Self, OpenError> {
        let dn = |option: &'static str, value: &String| {
            Dn::parse(value).ok_or_else(|| OpenError::InvalidDn { option, value: value.clone() })
        };
        let keys = |option: &'static str, names: &[String]| {
            names
                .iter()
                .map(|name| Ok(Key::of(dn(option, name)?.as_str())))
                .collect::<Result<Vec<Key>, OpenError>>()
        };
        let role = |(group, role): &(String, String)| {
            Ok((Key::of(dn("the groups of roles", group)?.as_str()), role.clone()))
        };
        Ok(Self {
            base: groups.base.as_ref().map(|base| dn("the base of groups", base)).transpose()?,
            nested: groups.nested,
            admin: keys("the groups of administrators", &groups.admin)?,
            allowed: keys("the allowed groups", &groups.allowed)?,
            roles: groups.roles.iter().map(role).collect::<Result<_, OpenError>>()?,
            roles_field: groups.roles_field.clone(),
            is_used: groups.is_used(),
            time_limit: operation_timeout.saturating_mul(2),
        })
    }

    /// The attributes of users that are needed.
    pub(crate) fn attributes(&self) -> &'static [&'static str] {
        match (self.is_used, &self.base) {
            (false, _) => &[],
            (true, None) => &[MEMBER_OF],
            (true, Some(_)) => &["uid"],
        }
    }

    /// Whether members of these groups may log in.
    pub(crate) fn allow(&self, memberships: &Memberships) -> bool {
        self.allowed.is_empty() || memberships.contains_any(&self.allowed)
    }

    /// Whether groups decide who is an administrator.
    pub(crate) fn decide_admin(&self) -> bool {
        !self.admin.is_empty()
    }

    /// The field that contains the roles, if groups give any.
    pub(crate) fn roles_field(&self) -> Option<&str> {
        (!self.roles.is_empty()).then_some(&*self.roles_field)
    }

    /// Whether they are administrators; `None` if groups do not decide that.
    pub(crate) fn admin(&self, memberships: &Memberships) -> Option<bool> {
        self.decide_admin().then(|| memberships.contains_any(&self.admin))
    }

    /// The application field with the roles, and its value; `None` if groups give no roles.
    pub(crate) fn roles(&self, memberships: &Memberships) -> Option<(String, Value)> {
        if self.roles.is_empty() {
            return None;
        }
        let mut found: Vec<&str> = Vec::new();
        for (group, role) in &self.roles {
            if memberships.0.contains_key(group) && !found.contains(&role.as_str()) {
                found.push(role);
            }
        }
        Some((self.roles_field.clone(), found.into()))
    }

    /// The groups of an entry. None if they mean nothing.
    pub(crate) async fn find(
        &self,
        reader: &mut Reader<'_, '_>,
        entry: &RawEntry,
    ) -> Result<Memberships, DirectoryError> {
        if !self.is_used {
            return Ok(Memberships::default());
        }
        let found = timeout(self.time_limit, self.find_all(reader, entry)).await;
        found.unwrap_or_else(|_| {
            let (dn, limit) = (entry.dn(), self.time_limit);
            let message = format!("the groups of {dn} were not found within {limit:?}");
            Err(too_large(message))
        })
    }

    async fn find_all(
        &self,
        reader: &mut Reader<'_, '_>,
        entry: &RawEntry,
    ) -> Result<Memberships, DirectoryError> {
        let mut memberships = Memberships::default();
        let mut new = match &self.base {
            None => {
                refuse_part(entry)?;
                memberships.add(entry.texts(MEMBER_OF).map(str::to_owned))
            }
            Some(base) => {
                let follows_chain = self.nested && entry.is_active_directory();
                let filter = if follows_chain {
                    Filter::by_rule("member", IN_CHAIN, entry.dn())
                } else {
                    Filter::Or(of_user(entry))
                };
                let found = search(reader, base, filter).await?;
                let new = memberships.add(found);
                if follows_chain { Vec::new() } else { new }
            }
        };
        while self.nested && !new.is_empty() {
            let mut next = Vec::new();
            for batch in new.chunks(BATCH) {
                let found = match &self.base {
                    Some(base) => {
                        let filters = batch.iter().flat_map(|group| of_group(group));
                        search(reader, base, Filter::Or(filters.collect())).await?
                    }
                    None => groups_of(reader, batch).await?,
                };
                next.extend(memberships.add(found));
                if memberships.0.len() > MAX_GROUPS {
                    let dn = entry.dn();
                    let message = format!("{dn} is in more than {MAX_GROUPS} groups");
                    return Err(too_large(message));
                }
            }
            new = next;
        }
        Ok(memberships)
    }
}

/// Active Directory returns a part of the values of an attribute that has very many.
fn refuse_part(entry: &RawEntry) -> Result<(), DirectoryError> {
    let is_part = |name: &str| name.to_ascii_lowercase().starts_with("memberof;range=");
    if entry.attributes().any(|(name, _)| is_part(name)) {
        let problem = "the server does not return all groups at once: set the base of groups";
        return Err(too_large(format!("{}: {problem}", entry.dn())));
    }
    Ok(())
}

/// Of the groups that have a user as a member.
fn of_user(entry: &RawEntry) -> Vec<Filter> {
    let mut filters = of_group(entry.dn());
    if let Some(uid) = entry.main_text("uid") {
        let by_uid = Filter::equal("memberUid", uid);
        filters.push(Filter::And(vec![Filter::equal("objectClass", "posixGroup"), by_uid]));
    }
    filters
}

/// Of the groups that have an entry, by its distinguished name, as a member.
fn of_group(dn: &str) -> Vec<Filter> {
    vec![Filter::equal("member", dn), Filter::equal("uniqueMember", dn)]
}

/// The names of the groups that match.
async fn search(
    reader: &mut Reader<'_, '_>,
    base: &Dn,
    filter: Filter,
) -> Result<Vec<String>, DirectoryError> {
    const SIZE_LIMIT_EXCEEDED: u32 = 4;
    let search = Search {
        base: base.as_str().to_owned(),
        depth: Depth::Subtree,
        filter,
        // No attributes.
        attributes: vec!["1.1".into()],
        limit: MAX_GROUPS,
    };
    let found = reader.search(&search).await?;
    if found.outcome.code == SIZE_LIMIT_EXCEEDED {
        return Err(too_large("more groups than the server returns"));
    }
    let found = found.complete(&format!("the search for groups below {}", search.base))?;
    Ok(found.into_iter().map(|group| group.dn().to_owned()).collect())
}

/// The `memberOf` of groups. A group that cannot be read is in none.
async fn groups_of(
    reader: &mut Reader<'_, '_>,
    groups: &[String],
) -> Result<Vec<String>, DirectoryError> {
    const NOT_READABLE: [u32; 3] = [32, 34, 50];
    let mut found = Vec::new();
    for group in groups {
        let read = reader.search(&Search::entry(group, vec![MEMBER_OF.into()])).await?;
        if NOT_READABLE.contains(&read.outcome.code) {
            continue;
        }
        for entry in read.complete(&format!("the search for the groups of {group}"))? {
            refuse_part(&entry)?;
            found.extend(entry.texts(MEMBER_OF).map(str::to_owned));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(groups: &Groups) -> Rules {
        Rules::new(groups, Duration::from_secs(1)).unwrap()
    }

    fn members_of(names: &[&str]) -> Memberships {
        let mut memberships = Memberships::default();
        memberships.add(names.iter().map(|name| (*name).to_owned()));
        memberships
    }

    #[test]
    fn groups_decide_who_logs_in_who_is_administrator_and_which_roles_there_are() {
        let roles = [("cn=e,dc=x", "editor"), ("cn=w,dc=x", "writer"), ("cn=f,dc=x", "editor")];
        let groups = Groups {
            admin: vec!["cn=Admins,dc=x".into()],
            allowed: vec!["cn=staff,dc=x".into(), "cn=guests,dc=x".into()],
            roles: roles.map(|(group, role)| (group.into(), role.into())).to_vec(),
            ..Groups::default()
        };
        let decided = rules(&groups);
        let some = members_of(&["CN=Guests, DC=x", "cn=e,dc=x", "cn=F,dc=x"]);
        assert!(decided.allow(&some));
        assert_eq!(decided.admin(&some), Some(false));
        let editor = ("roles".to_owned(), serde_json::json!(["editor"]));
        assert_eq!(decided.roles(&some), Some(editor));
        let none = members_of(&["cn=admins,dc=x"]);
        assert!(!decided.allow(&none));
        assert_eq!(decided.admin(&none), Some(true));
        assert_eq!(decided.roles(&none), Some(("roles".to_owned(), serde_json::json!([]))));
    }

    #[test]
    fn without_groups_nothing_is_decided() {
        let decided = rules(&Groups::default());
        let none = Memberships::default();
        assert!(decided.allow(&none) && decided.attributes().is_empty());
        assert_eq!((decided.admin(&none), decided.roles(&none)), (None, None));
    }

    #[test]
    fn groups_must_be_distinguished_names() {
        let wrong = || vec!["staff".to_owned()];
        for groups in [
            Groups { admin: wrong(), ..Groups::default() },
            Groups { allowed: wrong(), ..Groups::default() },
            Groups { base: Some("staff".into()), ..Groups::default() },
            Groups { roles: vec![("staff".into(), "x".into())], ..Groups::default() },
        ] {
            let error = Rules::new(&groups, Duration::from_secs(1)).unwrap_err();
            assert!(matches!(error, OpenError::InvalidDn { .. }), "{error}");
        }
    }

    #[test]
    fn member_is_found_by_the_name_in_the_distinguished_name() {
        let values = ["boss", "mal"].map(|name| name.as_bytes().to_vec());
        let filters = |dn: &str| of_user(&RawEntry::new(dn, vec![("uid".into(), values.to_vec())]));
        let member_uid = |name: &str| {
            let by_uid = Filter::equal("memberUid", name);
            Filter::And(vec![Filter::equal("objectClass", "posixGroup"), by_uid])
        };
        assert!(filters("uid=mal,dc=x").contains(&member_uid("mal")));
        assert!(!filters("uid=mal,dc=x").contains(&member_uid("boss")));
        assert!(filters("cn=mal,dc=x").contains(&member_uid("boss")));
    }

    #[test]
    fn part_of_the_groups_is_not_taken_for_all() {
        let entry = |name: &str| RawEntry::new("dc=x", vec![(name.into(), Vec::new())]);
        assert!(refuse_part(&entry("memberOf;range=0-1499")).is_err());
        assert!(refuse_part(&entry("memberOf")).is_ok());
    }
}
