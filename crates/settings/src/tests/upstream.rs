//! The settings of Crossauth for Python and TypeScript, row by row: managers, cookies, e-mail,
//! authenticators and the session server.

use super::{from_environment, from_file, messages, server};
use crate::Program;

/// Upstream's name without `CROSSAUTH_`, our key, a value.
const ROWS: &[(&str, &str, &str)] = &[
    // Session manager.
    ("SECRET", "secret", "sixteen bytes !!"),
    ("ENABLE_EMAIL_VERIFICATION", "email_verification.enabled", "false"),
    ("ENABLE_PASSWORD_RESET", "password_reset.enabled", "true"),
    ("ALLOWED_FACTOR2", "factor2.allowed", r#"["none","totp","email"]"#),
    ("SITE_URL", "base_url", "https://b.example"),
    ("ENABLE_KNOWN_DEVICES", "known_device.enabled", "false"),
    // Cookies.
    ("SESSION_COOKIE_NAME", "session.cookie_name", "SID"),
    ("SESSION_COOKIE_maxAge", "session.max_age", "60"),
    ("SESSION_COOKIE_MAX_AGE", "session.max_age", "60"),
    ("SESSION_COOKIE_DOMAIN", "session.domain", "a.example"),
    ("SESSION_COOKIE_PATH", "session.path", "/x"),
    ("SESSIONCOOKIE_HTTPONLY", "session.http_only", "false"),
    ("SESSION_COOKIE_HTTPONLY", "session.http_only", "false"),
    ("SESSION_COOKIE_SECURE", "session.secure", "true"),
    ("SESSION_COOKIE_SAMESITE", "session.same_site", "strict"),
    ("SESSION_IDLE_TIMEOUT", "session.idle_timeout", "60"),
    ("PERSIST_SESSION_ID", "session.persist", "False"),
    ("CSRF_COOKIE_NAME", "csrf.cookie_name", "TOKEN"),
    ("CSRF_HEADER_NAME", "csrf.header_name", "X-TOKEN"),
    ("CSRF_COOKIE_DOMAIN", "csrf.domain", "a.example"),
    ("CSRF_COOKIE_PATH", "csrf.path", "/x"),
    ("CSRF_COOKIE_HTTPONLY", "csrf.http_only", "false"),
    ("CSRF_COOKIE_SECURE", "csrf.secure", "true"),
    ("CSRF_COOKIE_SAMESITE", "csrf.same_site", "strict"),
    ("KNOWNDEVICE_COOKIE_NAME", "known_device.cookie_name", "DEVICE"),
    ("KNOWNDEVICE_COOKIE_MAX_AGE", "known_device.max_age", "60"),
    ("KNOWNDEVICE_COOKIE_DOMAIN", "known_device.domain", "a.example"),
    ("KNOWNDEVICE_COOKIE_HTTPONLY", "known_device.http_only", "false"),
    ("KNOWNDEVICE_COOKIE_PATH", "known_device.path", "/x"),
    ("KNOWNDEVICE_COOKIE_SECURE", "known_device.secure", "true"),
    ("KNOWNDEVICE_COOKIE_SAMESITE", "known_device.same_site", "strict"),
    // E-mail.
    ("PREFIX", "prefix", "/auth/"),
    ("VIEWS", "templates", "/tmp"),
    ("EMAIL_VERIFICATION_TEXT_BODY", "mail.email_verification_text_body", "a.njk"),
    ("EMAIL_VERIFICATION_HTML_BODY", "mail.email_verification_html_body", "a.njk"),
    ("EMAIL_VERIFICATION_SUBJECT", "mail.email_verification_subject", "Verify"),
    ("PASSWORD_RESET_TEXT_BODY", "mail.password_reset_text_body", "a.njk"),
    ("PASSWORD_RESET_HTML_BODY", "mail.password_reset_html_body", "a.njk"),
    ("PASSWORD_RESET_SUBJECT", "mail.password_reset_subject", "Reset"),
    ("EMAIL_FROM", "mail.from", "c@b.example"),
    ("SMTP_HOST", "mail.smtp_host", "127.0.0.1"),
    ("SMTP_PORT", "mail.smtp_port", "2525"),
    ("SMTP_USE_TLS", "mail.smtp_tls", "false"),
    ("SMTP_USERNAME", "mail.smtp_username", "mailer"),
    ("SMTP_PASSWORD", "mail.smtp_password", "another"),
    ("VERIFY_EMAIL_EXPIRES", "email_verification.expires", "60"),
    ("PASSWORD_RESET_EXPIRES", "password_reset.expires", "60"),
    // Authenticators.
    ("HASHER_SECRET", "password.pepper", "sixteen bytes ??"),
    ("ENABLE_SECRET_FOR_PASSWORDS", "password.pepper_enabled", "true"),
    ("PASSWORD_PBKDF2_DIGEST", "password.pbkdf2_digest", "sha512"),
    ("PASSWORD_PBKDF2_ITERATIONS", "password.pbkdf2_iterations", "700000"),
    ("PASSWORD_PBKDF2_KEYLENGTH", "password.pbkdf2_key_length", "64"),
    ("EMAIL_AUTHENTICATOR_TEXT_BODY", "mail.login_code_text_body", "a.njk"),
    ("EMAIL_AUTHENTICATOR_HTML_BODY", "mail.login_code_html_body", "a.njk"),
    ("EMAIL_AUTHENTICATOR_SUBJECT", "mail.login_code_subject", "Code"),
    ("EMAIL_AUTHENTICATOR_TOKEN_EXPIRES", "factor2.code_lifetime", "60"),
    ("SMS_AUTHENTICATOR_BODY", "sms.login_code_body", "a.njk"),
    ("SMS_AUTHENTICATOR_FROM", "sms.from", "+15005550001"),
    ("SMS_AUTHENTICATOR_TOKEN_EXPIRES", "factor2.code_lifetime", "60"),
    // LDAP.
    ("LDAP_URL", "ldap.url", r#"["ldap://localhost:2"]"#),
    ("LDAP_USER_SEARCH_BASE", "ldap.user_search_base", "ou=users,dc=example,dc=org"),
    ("LDAP_USENAME_ATTRIBUTE", "ldap.username_attribute", "uid"),
    ("LDAP_AUTO_CREATE_ACCOUNT", "ldap.auto_create_account", "true"),
    ("LDAP_AUTO_CREATE_FACTOR1", "ldap.auto_create_factor1", "ldap"),
    // Session server.
    ("LOGIN_REDIRECT", "login_redirect", "/start"),
    ("LOGOUT_REDIRECT", "logout_redirect", "/start"),
    ("SESSION_ENDPOINTS", "endpoints", r#"["login", "api/login"]"#),
    ("EDIT_USER_SCOPE", "api_keys.edit_user_scope", "profile"),
    ("APIKEY_AUTHSCHEME", "api_keys.scheme", "Key"),
    ("FACTOR2_PROTECTED_PAGE_ENDPOINTS", "factor2.protected_pages", r#"["/updateuser"]"#),
    ("FACTOR2_PROTECTED_API_ENDPOINTS", "factor2.protected_api", r#"["/api/updateuser"]"#),
    ("TEMPLATE_DIR", "templates", "/tmp"),
    ("LOGIN_PAGE", "pages.login", "a.njk"),
    ("FACTOR2_PAGE", "pages.factor2", "a.njk"),
    ("SIGNUP_PAGE", "pages.signup", "a.njk"),
    ("SIGNUP_FACTOR2_PAGE", "pages.configurefactor2", "a.njk"),
    ("CHANGE_FACTOR2_PAGE", "pages.changefactor2", "a.njk"),
    ("CHANGE_PASSWORD_PAGE", "pages.changepassword", "a.njk"),
    ("UPDATE_USER_PAGE", "pages.updateuser", "a.njk"),
    ("DELETE_USER_PAGE", "pages.deleteuser", "a.njk"),
    ("REQUEST_PASSWORD_RESET_PAGE", "pages.requestpasswordreset", "a.njk"),
    ("RESET_PASSWORD_PAGE", "pages.resetpassword", "a.njk"),
    ("EMAIL_VERIFIED_PAGE", "pages.emailverified", "a.njk"),
    ("ADMIN_SELECT_USER_PAGE", "pages.admin_selectuser", "a.njk"),
    ("ADMIN_CREATE_USER_PAGE", "pages.admin_createuser", "a.njk"),
    ("ERROR_PAGE", "pages.error", "a.njk"),
    ("USER_TABLE", "database.user_table", "people"),
    ("USER_SECRETS_TABLE", "database.secrets_table", "people"),
    ("KEY_STORAGE_TABLE", "database.key_table", "people"),
    ("USER_TABLE_JOINS", "database.joined_tables", r#"["people"]"#),
    ("USER_FORCE_ID_TO_NUMBER", "database.force_id_to_number", "false"),
    ("USER_ID_COLUMN", "database.id_column", "person"),
    ("USER_ID_FOREIGN_KEY_COLUMN", "database.userid_column", "person"),
    ("ADMIN_EDITABLE_FIELDS", "admin_editable_fields", r#"["phone"]"#),
    ("USER_EDITABLE_FIELDS", "signup.editable_fields", r#"["phone"]"#),
];

/// Settings under which each row alone is valid.
const BASE: &[(&str, &str)] = &[
    ("base_url", "https://a.example"),
    ("database.tables", "crossauthjs"),
    ("mail.from", "a@b.example"),
    ("mail.smtp_host", "localhost"),
    ("mail.smtp_tls", "none"),
    ("mail.smtp_username", "u"),
    ("mail.smtp_password", "p"),
    ("sms.from", "+15005550006"),
    ("sms.twilio_account_sid", "AC1"),
    ("sms.twilio_auth_token", "t"),
    ("sms.twilio_url", "http://127.0.0.1:1"),
    ("password.pepper", "sixteen bytes !!"),
    ("password.pepper_enabled", "true"),
    ("ldap.url", "ldap://localhost:1"),
    ("ldap.start_tls", "false"),
    ("ldap.user_search_base", "ou=people,dc=example,dc=org"),
];

/// What `config show` says about `key` if `variable` has this value.
fn shown(variable: &str, key: &str, value: &str) -> String {
    let templates = tempfile::tempdir().unwrap();
    std::fs::write(templates.path().join("a.njk"), "").unwrap();
    let own = |key: &str| Program::Server.find(key).unwrap().variable();
    let templates = ("templates", templates.path().to_str().unwrap());
    let base = BASE.iter().chain([&templates]).filter(|(other, _)| *other != key);
    let base: Vec<_> = base.map(|(key, value)| (own(key), (*value).to_owned())).collect();
    let given = [(variable.to_owned(), value.to_owned())];
    let configuration = server().environment(base.into_iter().chain(given)).load();
    let configuration = configuration.unwrap_or_else(|problems| panic!("{variable}: {problems}"));
    let line = configuration.lines().find(|line| line.starts_with(&format!("{key} = "))).unwrap();
    let (shown, source) = line.split_once("  # ").unwrap();
    assert_eq!(source, variable, "{line}");
    shown.to_owned()
}

#[test]
fn each_setting_of_upstream_is_read_under_its_name_and_ours() {
    for (name, key, value) in ROWS {
        let ours = Program::Server.find(key).unwrap_or_else(|| panic!("no setting {key}"));
        let upstream = shown(&format!("CROSSAUTH_{name}"), key, value);
        assert_eq!(upstream, shown(&ours.variable(), key, value), "{name}");
    }
    for (name, key) in [
        ("TWILIO_ACCOUNT_SID", "sms.twilio_account_sid"),
        ("TWILIO_AUTH_TOKEN", "sms.twilio_auth_token"),
    ] {
        shown(name, key, "AC2");
    }
}

#[test]
fn settings_of_parts_that_do_not_exist_yet_are_errors() {
    for name in [
        "ENABLE_OAUTH_CLIENT_MANAGEMENT",
        "OAUTH_validFlows",
        // Upstream has it and never reads it.
        "PASSWORD_PBKDF2_SALTLENGTH",
    ] {
        let variable = format!("CROSSAUTH_{name}");
        let problems = from_environment(&[(&variable, "1")]).unwrap_err().to_string();
        assert!(problems.starts_with(&format!("{variable}: no such setting")), "{problems}");
    }
}

#[test]
fn our_own_tables_cannot_be_renamed() {
    let found = messages(from_file("database.key_table = 'keys2'"));
    assert!(found.contains("our own tables have fixed names"), "{found}");
    let renamed = "database.tables = 'pycrossauth'\ndatabase.key_table = 'keys2'";
    assert!(from_file(renamed).is_ok());
}
