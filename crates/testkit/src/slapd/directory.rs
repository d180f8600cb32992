//! What the server contains: people, groups, policies of passwords, and an account for services.
//!
//! Everyone has the password [`PASSWORD`]. Only the account for services and the person may read an
//! entry below [`PEOPLE`]; groups can be read by everyone with a password.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The base of all entries.
pub const BASE: &str = "dc=example,dc=org";
/// The base of the entries of people.
pub const PEOPLE: &str = "ou=people,dc=example,dc=org";
/// The base of the entries of groups.
pub const GROUPS: &str = "ou=groups,dc=example,dc=org";
/// The account for services.
pub const SERVICE: &str = "cn=service,dc=example,dc=org";
/// The password of [`SERVICE`].
pub const SERVICE_PASSWORD: &str = "service-password";
/// The password of everyone else.
pub const PASSWORD: &str = "Correct-horse-7";

pub(super) const ROOT: &str = "cn=root,dc=example,dc=org";
pub(super) const ROOT_PASSWORD: &str = "root-password";

/// Names that need escaping in a distinguished name (RFC 4514) or in a filter (RFC 4515), and the name
/// of the entry, `uid=…` without the base.
pub const AWKWARD: [(&str, &str); 14] = [
    ("Smith, John", r"uid=Smith\, John"),
    (r#"the "boss""#, r#"uid=the \"boss\""#),
    ("round (two)", "uid=round (two)"),
    ("star*", "uid=star*"),
    (" leading", r"uid=\ leading"),
    ("closing ", r"uid=closing\ "),
    ("#hash", r"uid=\#hash"),
    ("plus+uid=alice", r"uid=plus\+uid\3Dalice"),
    (r"back\slash", r"uid=back\\slash"),
    (r"literal\2a", r"uid=literal\\2a"),
    ("<angle>;", r"uid=\<angle\>\;"),
    ("a/b?c%20d", "uid=a/b?c%20d"),
    ("Zoë Müller-Łuc", "uid=Zoë Müller-Łuc"),
    ("山田太郎", "uid=山田太郎"),
];

/// People without anything odd.
const ORDINARY: [&str; 10] =
    ["alice", "bob", "carol", "dave", "erin", "frank", "gina", "heidi", "ivan", "judy"];

/// Policies of passwords: their names, and what they say.
const POLICIES: [(&str, &str); 6] = [
    ("default", "pwdMinLength: 8\npwdCheckQuality: 2\npwdInHistory: 1\n"),
    ("expiring", "pwdMaxAge: 60\n"),
    ("grace", "pwdMaxAge: 60\npwdGraceAuthnLimit: 2\n"),
    ("warning", "pwdMaxAge: 2147483647\npwdExpireWarning: 2147483646\n"),
    ("reset", "pwdMustChange: TRUE\npwdMinLength: 8\npwdCheckQuality: 2\n"),
    ("lockout", "pwdLockout: TRUE\npwdMaxFailure: 3\n"),
];

/// People whose state the policies of passwords decide: the name, which is also that of the policy or
/// begins with it, and the attributes that hold the state.
const STATES: [(&str, &str, &str); 7] = [
    ("expired", "expiring", "pwdChangedTime: 20200101000000Z\n"),
    ("grace", "grace", "pwdChangedTime: 20200101000000Z\n"),
    ("warned", "warning", "pwdChangedTime: 20200101000000Z\n"),
    ("mustchange", "reset", "pwdReset: TRUE\n"),
    ("reset", "reset", "pwdReset: TRUE\n"),
    ("locked", "lockout", "pwdAccountLockedTime: 000001010000Z\n"),
    ("lockable", "lockout", ""),
];

pub(super) const CONFIG: &str = r#"
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
include /etc/ldap/schema/nis.schema
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload memberof
moduleload ppolicy
pidfile DIRECTORY/pid
argsfile DIRECTORY/args
TLSCertificateFile DIRECTORY/server.pem
TLSCertificateKeyFile DIRECTORY/server.key
threads 8

database mdb
suffix "dc=example,dc=org"
rootdn "cn=root,dc=example,dc=org"
rootpw root-password
directory DIRECTORY/data
maxsize 67108864
dbnosync
index objectClass,uid,cn,mail,entryUUID,member,uniqueMember,memberUid eq

overlay memberof
overlay ppolicy
ppolicy_default "cn=default,ou=policies,dc=example,dc=org"
ppolicy_hash_cleartext
ppolicy_use_lockout

access to attrs=userPassword
    by self write
    by anonymous auth
    by * none
access to dn.base="uid=hidden,ou=people,dc=example,dc=org"
    by * none
access to dn.subtree="ou=people,dc=example,dc=org"
    by dn.base="cn=service,dc=example,dc=org" read
    by self read
    by * none
access to *
    by users read
    by * none
"#;

/// The name of an ordinary person.
pub fn dn_of(name: &str) -> String {
    format!("uid={name},{PEOPLE}")
}

/// An entry of a person in LDIF, with further lines.
pub fn person(dn: &str, uid: &str, further: &str) -> String {
    let (dn, uid) = (STANDARD.encode(dn), STANDARD.encode(uid));
    format!(
        "dn:: {dn}\nobjectClass: inetOrgPerson\nuid:: {uid}\ncn:: {uid}\nsn:: {uid}\n\
         userPassword: {PASSWORD}\n{further}\n"
    )
}

/// A group of names in LDIF.
pub fn group(name: &str, members: &[&str]) -> String {
    let mut ldif = format!("dn: cn={name},{GROUPS}\nobjectClass: groupOfNames\n");
    for member in members {
        let _ = writeln!(ldif, "member:: {}", STANDARD.encode(member));
    }
    ldif.push('\n');
    ldif
}

/// What is there from the beginning.
pub(super) fn entries() -> String {
    let mut ldif = format!(
        "dn: {BASE}\nobjectClass: dcObject\nobjectClass: organization\no: Example\ndc: example\n\n\
         dn: {SERVICE}\nobjectClass: organizationalRole\nobjectClass: simpleSecurityObject\n\
         cn: service\nuserPassword: {SERVICE_PASSWORD}\n\n"
    );
    for unit in ["people", "groups", "policies", "guests"] {
        let _ =
            write!(ldif, "dn: ou={unit},{BASE}\nobjectClass: organizationalUnit\nou: {unit}\n\n");
    }
    for (name, rules) in POLICIES {
        let _ = write!(
            ldif,
            "dn: cn={name},ou=policies,{BASE}\nobjectClass: organizationalRole\n\
             objectClass: pwdPolicy\ncn: {name}\npwdAttribute: userPassword\n{rules}\n"
        );
    }
    for name in ORDINARY {
        let further = format!("mail: {name}@example.org\ntelephoneNumber: +1 555 0100\n");
        ldif.push_str(&person(&dn_of(name), name, &further));
    }
    for (name, rdn) in AWKWARD {
        ldif.push_str(&person(&format!("{rdn},{PEOPLE}"), name, ""));
    }
    for (name, policy, state) in STATES {
        let further = format!("pwdPolicySubentry: cn={policy},ou=policies,{BASE}\n{state}");
        ldif.push_str(&person(&dn_of(name), name, &further));
    }
    ldif.push_str(&odd());
    ldif
}

/// Entries that are not simply a person with a name.
fn odd() -> String {
    let mut ldif = person(&dn_of("hidden"), "hidden", "");
    // Two entries with one name.
    ldif.push_str(&person(&dn_of("twin"), "twin", ""));
    ldif.push_str(&person(&format!("uid=twin,ou=guests,{BASE}"), "twin", ""));
    // An entry that is named by another attribute, with two names.
    ldif.push_str(&person(&format!("cn=double,{PEOPLE}"), "double", "uid: second\n"));
    // An entry without a name for its account.
    let _ = write!(
        ldif,
        "dn: cn=nameless,{PEOPLE}\nobjectClass: organizationalRole\n\
         objectClass: simpleSecurityObject\ncn: nameless\nuserPassword: {PASSWORD}\n\n"
    );
    // A part of the tree that another server should have.
    let _ = write!(
        ldif,
        "dn: ou=elsewhere,{PEOPLE}\nobjectClass: referral\nobjectClass: extensibleObject\n\
         ou: elsewhere\nref: ldap://ldap.invalid/ou=elsewhere,{PEOPLE}\n\n"
    );
    ldif
}

/// Added to the running server, which then finds the groups of an entry.
pub(super) fn groups() -> String {
    let dn = |name: &str| format!("cn={name},{GROUPS}");
    let mut ldif = group("admins", &[&dn_of("carol")]);
    ldif.push_str(&group("engineers", &[&dn_of("alice"), &dn_of("bob")]));
    ldif.push_str(&group("staff", &[&dn("engineers"), &dn_of("dave")]));
    ldif.push_str(&group("everyone", &[&dn("staff")]));
    // Groups that are members of each other.
    ldif.push_str(&group("ring1", &[&dn("ring2"), &dn_of("erin")]));
    ldif.push_str(&group("ring2", &[&dn("ring1")]));
    ldif.push_str(&group(r"sales\, (EMEA)", &[&dn_of("heidi")]));
    ldif.push_str(&group("awkward", &[&format!("{},{PEOPLE}", AWKWARD[0].1)]));
    let _ = write!(
        ldif,
        "dn: cn=wardens,{GROUPS}\nobjectClass: groupOfUniqueNames\nuniqueMember: {}\n\n\
         dn: cn=operators,{GROUPS}\nobjectClass: posixGroup\ngidNumber: 100\nmemberUid: gina\n\n",
        dn_of("frank"),
    );
    ldif
}
