//! Exhaustive public types; `docs/architecture.md` has the rule.

mod source;

use std::fs;

use super::workspace::{files, root};
use source::{Type, has_constructor, types, types_in};

/// Exhaustive types by reason.
const EXHAUSTIVE: &[(Reason, &[&str])] = &[
    (
        Reason::MatchedByCallers,
        &[
            "core::Act",
            "core::Activation",
            "core::ApiKeyCreation",
            "core::ApiKeyError",
            "core::ApiKeyRefused",
            "core::Completed",
            "core::LinkingError",
            "core::SyncError",
            "core::Demand",
            "core::EnrolmentError",
            "core::FactorError",
            "core::NewCodes",
            "core::Protected",
            "core::Purpose",
            "core::Rejection",
            "core::RequiredChange",
            "core::Resent",
            "core::SecondFactorOutcome",
            "axum::BeginSessionError",
            "core::AccountError",
            "core::FactorReset",
            "core::ListError",
            "core::ResetMail",
            "core::Begun",
            "core::CsrfError",
            "core::Deletion",
            "core::EndedSession",
            "core::Field",
            "core::FieldError",
            "core::HashError",
            "core::LinkError",
            "core::ResetError",
            "core::ResetRequestError",
            "core::AdmitError",
            "core::InvalidCookie",
            "core::LoginError",
            "core::LoginOutcome",
            "core::MessageKind",
            "core::PasswordChangeOutcome",
            "core::PasswordRejection",
            "core::ProfileChange",
            "core::Refusal",
            "core::Renewal",
            "core::Rule",
            "core::SendError",
            "core::SessionRefused",
            "core::SetupError",
            "core::SignupOutcome",
            "core::StorageErrorKind",
            "core::UpdateDataError",
            "core::UserState",
            "core::Verification",
            "settings::LogFormat",
            "settings::LogLevel",
            "settings::Tables",
        ],
    ),
    (
        Reason::BuiltAsLiteral,
        &[
            "core::Acceptance",
            "core::ApiKeyConfig",
            "core::ApiKeyRequest",
            "core::Assurance",
            "core::Challenge",
            "core::Description",
            "core::DirectoryConfig",
            "core::Door",
            "core::EmailVerificationConfig",
            "core::FactorConfig",
            "core::NewApiKey",
            "core::NewToken",
            "core::PasswordResetConfig",
            "core::ProfileUpdate",
            "core::ResetForm",
            "core::SecondFactorAttempt",
            "core::SetUpAttempt",
            "core::StoredRequest",
            "axum::BodyLimits",
            "axum::CookieConfig",
            "axum::ProtectedEndpoints",
            "axum::Proxies",
            "axum::RequestConfig",
            "axum::SiteConfig",
            "core::AccountForm",
            "core::NewAccount",
            "core::AccountUpdate",
            "core::Argon2idParams",
            "core::AuditConfig",
            "core::AuthConfig",
            "core::BeginOptions",
            "core::Caller",
            "core::CookieOptions",
            "core::Delivery",
            "core::HasherConfig",
            "core::LimitConfig",
            "core::Hooks",
            "core::LoginAttempt",
            "core::Mail",
            "core::Params",
            "core::PasswordChangeRequest",
            "core::PasswordPolicy",
            "core::RenderError",
            "core::Rendered",
            "core::SessionConfig",
            "core::SignupConfig",
            "core::SignupRequest",
            "core::Sources",
            "core::Submission",
            "core::Visitor",
            "mail::Credentials",
            "mail::MessageFiles",
            "mail::SmtpConfig",
            "mail::TemplateConfig",
            "mail::TwilioConfig",
            "storage-ldap::AttributeMap",
            "storage-ldap::Groups",
            "storage-ldap::Options",
            "storage-ldap::ServiceAccount",
            "storage-redis::Options",
            "storage-sql::KeyTable",
            "storage-sql::Options",
            "storage-sql::SecretsTable",
            "storage-sql::TableMap",
            "storage-sql::UserTable",
            "testkit::SmtpOptions",
        ],
    ),
    (
        Reason::ImplementedByStores,
        &[
            "core::Charge",
            "core::Charged",
            "core::SessionUpdate",
            "core::TotpStep",
            "core::Updated",
            "core::Uses",
            "core::AuditEntry",
            "core::AuditFilter",
            "core::Chained",
            "core::UnreadableEvent",
            "core::Change",
            "core::Changed",
            "core::Created",
            "core::CredentialVersion",
            "core::DataChange",
            "core::Deleted",
            "core::DirectoryError",
            "core::DirectoryLink",
            "core::Effects",
            "core::Entry",
            "core::EntryRef",
            "core::PasswordSet",
            "core::Found",
            "core::Standing",
            "core::Verified",
            "core::EndSessions",
            "core::Guard",
            "core::Inserted",
            "core::Key",
            "core::KeyPlace",
            "core::KeyPosition",
            "core::Link",
            "core::ListedMessage",
            "core::Mark",
            "core::Marks",
            "core::Message",
            "core::MessagePosition",
            "core::MessageState",
            "core::NamedKey",
            "core::NewUser",
            "core::Owner",
            "core::Queued",
            "core::Recording",
            "core::SecretsUpdate",
            "core::SessionStart",
            "core::Settlement",
            "core::Started",
            "core::StateChecks",
            "core::StateEvent",
            "core::Storage",
            "core::StorageError",
            "core::User",
            "core::UserPage",
            "core::UserPosition",
            "core::UserQuery",
            "core::UserId",
            "core::UserSecrets",
            "core::UserUpdate",
            "storage-sql::Dialect",
            "storage-sql::Value",
            "storage-sql::Write",
        ],
    ),
    (
        Reason::Complete,
        &[
            "core::Kind",
            "core::Roles",
            "core::State",
            "core::Verdict",
            "axum::CsrfForm",
            "axum::CsrfToken",
            "axum::Transport",
            "core::AccountRef",
            "core::Channel",
            "core::CharacterClass",
            "core::EncodedHash",
            "core::InvalidUsername",
            "core::Lane",
            "core::Loopback",
            "core::NewHashes",
            "core::Padding",
            "core::Patch",
            "core::PepperFlag",
            "core::Persistence",
            "core::Rate",
            "core::Recipient",
            "core::FirstLogin",
            "core::Registration",
            "core::SyncMode",
            "core::Role",
            "core::SameSite",
            "core::TotpWindow",
            "core::Unit",
            "mail::SmtpTls",
            "settings::Program",
            "settings::Secrecy",
            "testkit::Account",
            "testkit::Behaviour",
            "testkit::ColorScheme",
            "testkit::Engine",
            "testkit::Moment",
            "testkit::Password",
            "testkit::Preset",
            "testkit::Scripting",
            "testkit::SmtpEncryption",
            "testkit::Upstream",
            "testkit::Upstream",
        ],
    ),
];

/// Why a type is exhaustive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reason {
    /// A caller that does not know a new variant would treat it as another one.
    MatchedByCallers,
    /// Applications write it as a literal, which an attribute would forbid.
    BuiltAsLiteral,
    /// A store that does not know a new field or variant would ignore it.
    ImplementedByStores,
    /// A new variant would be another type.
    Complete,
}

#[test]
fn public_types_are_non_exhaustive_or_listed() {
    let listed: Vec<_> = EXHAUSTIVE.iter().flat_map(|(_, names)| *names).copied().collect();
    let types = types();
    let is_marked = |found: &Type| found.attributes.contains("#[non_exhaustive]");
    let mut wrong = Vec::new();
    for found in &types {
        let is_listed = listed.contains(&found.name.as_str());
        // Types of two modules may have one name.
        let mut others = types.iter().filter(|other| other.name == found.name);
        match (is_marked(found), is_listed) {
            (false, false) => wrong.push(format!("{}: neither marked nor listed", found.name)),
            (true, true) if others.all(is_marked) => {
                wrong.push(format!("{}: marked and listed", found.name));
            }
            (true, true | false) | (false, true) => {}
        }
    }
    for name in listed {
        if !types.iter().any(|found| found.name == name) {
            wrong.push(format!("{name}: listed, but there is no such type"));
        }
    }
    assert_eq!(wrong, Vec::<String>::new(), "see \"Non-exhaustive types\" in docs/architecture.md");
}

#[test]
fn literal_types_have_a_default_or_a_constructor() {
    let (_, built) =
        EXHAUSTIVE.iter().find(|(reason, _)| *reason == Reason::BuiltAsLiteral).unwrap();
    let types = types();
    for found in types.iter().filter(|found| built.contains(&found.name.as_str())) {
        let (_, name) = found.name.split_once("::").unwrap();
        let derived = found.attributes.contains("Default");
        assert!(
            found.is_struct && (derived || has_constructor(&found.source, name)),
            "{}: needs `Default` or a constructor for `..` in a literal",
            found.name
        );
    }
}

#[test]
fn stores_destructure_operations_completely() {
    for store in ["crates/core/src/storage/memory", "crates/storage-sql/src"] {
        let sources = files(&root().join(store), "rs");
        let source: String =
            sources.into_iter().map(|path| fs::read_to_string(path).unwrap()).collect();
        for operation in ["Change", "Effects", "SessionStart"] {
            let pattern = format!("let {operation} {{");
            let (_, rest) = source.split_once(&pattern).unwrap_or_else(|| {
                panic!("{store}: no `{pattern} … }}` that names each part of the operation")
            });
            let (fields, _) = rest.split_once('}').unwrap();
            assert!(!fields.contains(".."), "{store}: {pattern}{fields}}}");
        }
    }
}

#[test]
fn types_are_found_with_attributes_and_visible_fields() {
    let source = "\
#[derive(Debug)]
#[non_exhaustive]
pub enum Marked {
    One,
}

pub struct Open {
    pub a: u8,
}

pub struct Closed {
    pub a: u8,
    b: u8,
}

pub struct Wrapper(pub u8);

pub struct Opaque(u8);

pub struct Unit;
";
    let found = types_in("core", source);
    let names: Vec<_> = found.iter().map(|found| found.name.as_str()).collect();
    assert_eq!(names, ["core::Marked", "core::Open", "core::Wrapper"]);
    let marked = |found: &Type| found.attributes.contains("#[non_exhaustive]");
    assert!(marked(&found[0]) && !marked(&found[1]));
}
