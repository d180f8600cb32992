//! Active Directory, as far as a client that verifies passwords can tell it from the real one: names
//! of several kinds, `objectGUID`, groups of groups, references to its other partitions, the codes in
//! its messages for an account that may not log in, unauthenticated binds that succeed, and changes
//! of `unicodePwd`.
//!
//! What it answers follows Microsoft's documentation; it has not been compared with the real one.

use std::sync::Arc;

use parking_lot::Mutex;

use super::ber::Element;
use super::filter::{self, Subject};
use super::{Action, Answer, Encryption, Operation, Request, Server};

/// The base of its entries.
const BASE: &str = "DC=example,DC=org";

/// What it asks for before it accepts a new password.
const SHORTEST: usize = 7;

/// A person, or an account of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Person {
    /// The `sAMAccountName`.
    pub account: String,
    /// The distinguished name.
    pub dn: String,
    /// The password.
    pub password: String,
    /// The code in the answer to the right password, such as `533` for a disabled account; `775`,
    /// locked, is also that to a wrong one.
    pub code: Option<&'static str>,
    /// Whether the account is disabled, in `userAccountControl`.
    pub is_disabled: bool,
}

impl Person {
    /// A person who may log in, with an entry named after the account.
    pub fn new(account: &str, password: &str) -> Self {
        Self {
            account: account.to_owned(),
            dn: format!("CN={account},CN=Users,{BASE}"),
            password: password.to_owned(),
            code: None,
            is_disabled: false,
        }
    }

    /// The answer to the right password contains this code.
    #[must_use]
    pub fn with_code(self, code: &'static str) -> Self {
        Self { code: Some(code), is_disabled: code == "533", ..self }
    }
}

/// A running server.
#[derive(Debug)]
pub struct ActiveDirectory {
    server: Server,
    domain: Arc<Mutex<Domain>>,
}

#[derive(Debug, Default)]
struct Domain {
    people: Vec<Person>,
    /// The names of groups, and of their members.
    groups: Vec<(String, Vec<String>)>,
    /// The connections that are bound.
    bound: Vec<usize>,
}

impl ActiveDirectory {
    /// Starts one with these people and groups; a group has a distinguished name and those of its
    /// members.
    pub fn start(
        encryption: Encryption<'_>,
        people: &[Person],
        groups: &[(&str, &[&str])],
    ) -> Self {
        let names = |members: &[&str]| members.iter().map(|&member| member.to_owned()).collect();
        let groups = groups.iter().map(|(group, members)| ((*group).to_owned(), names(members)));
        let domain =
            Domain { people: people.to_vec(), groups: groups.collect(), bound: Vec::new() };
        let domain = Arc::new(Mutex::new(domain));
        let answering = Arc::clone(&domain);
        let server = Server::start(encryption, move |request| answering.lock().answer(request));
        Self { server, domain }
    }

    /// The base of its entries.
    pub fn base(&self) -> &'static str {
        BASE
    }

    /// The server.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Changes a person, or removes one.
    pub fn change(&self, account: &str, change: impl FnOnce(Person) -> Option<Person>) {
        let mut domain = self.domain.lock();
        if let Some(index) = domain.people.iter().position(|person| person.account == account) {
            let person = domain.people.remove(index);
            domain.people.extend(change(person));
        }
    }
}

impl Domain {
    fn answer(&mut self, request: &Request) -> Vec<Action> {
        let is_bound = self.bound.contains(&request.connection);
        match &request.operation {
            Operation::StartTls => {
                vec![Answer::result(request, 0, "").into(), Action::StartTls]
            }
            Operation::Bind { dn, password } => vec![self.bind(request, dn, password).into()],
            Operation::Search { base, scope: 0, .. } if base.is_empty() => root(request),
            Operation::Search { .. } | Operation::Modify { .. } if !is_bound => {
                let message = "000004DC: LdapErr: DSID-0C090A5C, comment: In order to perform this \
                               operation a successful bind must be completed on the connection., \
                               data 0, v4563";
                vec![Answer::result(request, 1, message).into()]
            }
            Operation::Search { base, scope, filter, attributes } => {
                let found = self.find(&base.to_lowercase(), *scope, filter);
                let found = found.iter().map(|entry| entry.answer(request, attributes).into());
                let mut actions: Vec<Action> = found.collect();
                if base.eq_ignore_ascii_case(BASE) && *scope == 2 {
                    let partition = "ldap://ForestDnsZones.example.org/DC=ForestDnsZones,";
                    let url = format!("{partition}{BASE}");
                    actions.push(Answer::reference(request, &[&url]).into());
                }
                actions.push(Answer::result(request, 0, "").into());
                actions
            }
            Operation::Modify { dn, changes } => vec![self.modify(request, dn, changes).into()],
            Operation::PasswordModify { .. } | Operation::Unbind | Operation::Other(_) => {
                vec![
                    Answer::result(request, 2, "0000203D: LdapErr: unknown extended request")
                        .into(),
                ]
            }
        }
    }

    fn find(&self, base: &str, scope: i64, filter: &Element) -> Vec<Entry<'_>> {
        let people = self.people.iter().map(|person| Entry::Person(self, person));
        let groups = self.groups.iter().map(|(dn, members)| Entry::Group(self, dn, members));
        let is_found = |entry: &Entry<'_>| {
            let dn = entry.dn().to_lowercase();
            let is_below = scope != 0 && dn.ends_with(&format!(",{base}"));
            (dn == base || is_below) && filter::matches(filter, entry)
        };
        people.chain(groups).filter(is_found).collect()
    }

    fn bind(&mut self, request: &Request, name: &str, password: &str) -> Answer {
        self.bound.retain(|&connection| connection != request.connection);
        // An unauthenticated bind, which Active Directory accepts.
        if password.is_empty() {
            return Answer::result(request, 0, "");
        }
        let person = self.people.iter().find(|person| {
            let names = [
                person.dn.clone(),
                format!("{}@example.org", person.account),
                format!("EXAMPLE\\{}", person.account),
            ];
            names.iter().any(|other| filter::is_equal(other.as_bytes(), name.as_bytes()))
        });
        let code = match person {
            Some(person) if person.code == Some("775") => "775",
            Some(person) if person.password == password => person.code.unwrap_or_default(),
            Some(_) | None => "52e",
        };
        if code.is_empty() {
            self.bound.push(request.connection);
            return Answer::result(request, 0, "");
        }
        let message = format!(
            "80090308: LdapErr: DSID-0C090439, comment: AcceptSecurityContext error, data {code}, \
             v4563\0"
        );
        Answer::result(request, 49, &message)
    }

    fn modify(
        &mut self,
        request: &Request,
        dn: &str,
        changes: &[(i64, String, Vec<Vec<u8>>)],
    ) -> Answer {
        if !request.is_encrypted {
            let message =
                "0000001F: SvcErr: DSID-031A12D2, problem 5003 (WILL_NOT_PERFORM), data 0\n\0";
            return Answer::result(request, 53, message);
        }
        // Anything else is a reset, which is for administrators.
        let [(1, first, old), (0, second, new)] = changes else {
            let message =
                "00000005: SecErr: DSID-03152D2C, problem 4003 (INSUFF_ACCESS_RIGHTS), data 0\n\0";
            return Answer::result(request, 50, message);
        };
        let is_password = |name: &str| name.eq_ignore_ascii_case("unicodePwd");
        let (Some(old), Some(new)) = (password(old), password(new)) else {
            return Answer::result(request, 53, "");
        };
        let person = self.people.iter_mut().find(|person| person.dn.eq_ignore_ascii_case(dn));
        let Some(person) = person.filter(|_| is_password(first) && is_password(second)) else {
            return Answer::result(request, 32, "");
        };
        let violation = |code: &str| {
            let message = format!(
                "{code}: AtrErr: DSID-03190FD6, #1:\n\t0: {code}: DSID-03190FD6, problem 1005 \
                 (CONSTRAINT_ATT_TYPE), data 0, Att 9005a (unicodePwd)\n\0"
            );
            Answer::result(request, 19, &message)
        };
        if person.password != old {
            return violation("00000056");
        }
        if new.chars().count() < SHORTEST || new == old {
            return violation("0000052D");
        }
        person.password = new;
        person.code = None;
        Answer::result(request, 0, "")
    }

    /// The groups of which it is directly a member.
    fn groups_of(&self, dn: &str) -> Vec<String> {
        let is_member = |member: &String| member.eq_ignore_ascii_case(dn);
        let groups = self.groups.iter().filter(|(_, members)| members.iter().any(is_member));
        groups.map(|(group, _)| group.clone()).collect()
    }

    fn members_of(&self, dn: &str) -> Vec<String> {
        let group = self.groups.iter().find(|(group, _)| group.eq_ignore_ascii_case(dn));
        group.map(|(_, members)| members.clone()).unwrap_or_default()
    }
}

/// The entry that describes the server.
fn root(request: &Request) -> Vec<Action> {
    let attributes: [(&str, &[&str]); 3] = [
        ("defaultNamingContext", &[BASE]),
        ("supportedCapabilities", &["1.2.840.113556.1.4.800"]),
        ("supportedExtension", &[super::START_TLS]),
    ];
    let entry = Answer::entry(request, "", &attributes);
    vec![entry.into(), Answer::result(request, 0, "").into()]
}

/// The password in the only value: in quotation marks, as UTF-16.
fn password(values: &[Vec<u8>]) -> Option<String> {
    let [value] = values else { return None };
    let (units, []) = value.as_chunks::<2>() else { return None };
    let units: Vec<u16> = units.iter().map(|&unit| u16::from_le_bytes(unit)).collect();
    let text = String::from_utf16(&units).ok()?;
    Some(text.strip_prefix('"')?.strip_suffix('"')?.to_owned())
}

enum Entry<'a> {
    Person(&'a Domain, &'a Person),
    Group(&'a Domain, &'a str, &'a [String]),
}

impl Entry<'_> {
    fn dn(&self) -> &str {
        match self {
            Self::Person(_, person) => &person.dn,
            Self::Group(_, dn, _) => dn,
        }
    }

    fn domain(&self) -> &Domain {
        match self {
            Self::Person(domain, _) | Self::Group(domain, _, _) => domain,
        }
    }

    fn answer(&self, request: &Request, attributes: &[String]) -> Answer {
        let all = ["objectClass", "sAMAccountName", "mail", "objectGUID", "memberOf"];
        let all = all.map(str::to_owned);
        let is_all = attributes.is_empty() || attributes.iter().any(|name| name == "*");
        let wanted = if is_all { &all[..] } else { attributes };
        let found = wanted.iter().map(|name| (name.as_str(), self.values(&name.to_lowercase())));
        let found: Vec<_> = found.filter(|(_, values)| !values.is_empty()).collect();
        let found: Vec<_> = found.iter().map(|(name, values)| (*name, values.as_slice())).collect();
        Answer::entry(request, self.dn(), &found)
    }
}

impl Subject for Entry<'_> {
    fn values(&self, attribute: &str) -> Vec<Vec<u8>> {
        let bytes = |values: Vec<String>| values.into_iter().map(String::into_bytes).collect();
        let one = |value: &str| bytes(vec![value.to_owned()]);
        match (self, attribute) {
            (_, "distinguishedname") => one(self.dn()),
            (_, "memberof") => bytes(self.domain().groups_of(self.dn())),
            (Self::Person(_, person), "objectguid") => vec![guid(&person.account)],
            (Self::Group(..), "objectguid") => vec![guid(self.dn())],
            (Self::Group(..), "objectclass") => bytes(vec!["top".into(), "group".into()]),
            (Self::Group(_, _, members), "member") => bytes(members.to_vec()),
            (Self::Person(..), "objectclass") => {
                bytes(["top", "person", "organizationalPerson", "user"].map(str::to_owned).to_vec())
            }
            (Self::Person(..), "objectcategory") => one("person"),
            (Self::Person(_, person), "samaccountname" | "cn" | "displayname") => {
                one(&person.account)
            }
            (Self::Person(_, person), "userprincipalname" | "mail") => {
                one(&format!("{}@example.org", person.account))
            }
            (Self::Person(_, person), "useraccountcontrol") => {
                one(if person.is_disabled { "514" } else { "512" })
            }
            _ => Vec::new(),
        }
    }

    fn chain(&self, attribute: &str) -> Vec<Vec<u8>> {
        let domain = self.domain();
        let next = |dn: &str| match attribute {
            "memberof" => domain.groups_of(dn),
            "member" => domain.members_of(dn),
            _ => Vec::new(),
        };
        let mut found = next(self.dn());
        let mut index = 0;
        while let Some(dn) = found.get(index).cloned() {
            index += 1;
            for other in next(&dn) {
                if !found.contains(&other) {
                    found.push(other);
                }
            }
        }
        found.into_iter().map(String::into_bytes).collect()
    }
}

/// Sixteen octets that are not text, the same for the same name.
fn guid(name: &str) -> Vec<u8> {
    let hash = name.bytes().fold(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d_u128, |hash, octet| {
        (hash ^ u128::from(octet)).wrapping_mul(0x0100_0000_0000_0000_0000_013b)
    });
    let mut guid = hash.to_be_bytes().to_vec();
    guid[0] = 0xff;
    guid
}
