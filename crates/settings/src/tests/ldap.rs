use std::time::Duration;

use crossauth_core::directory::FirstLogin;

use super::{from_environment, from_file, messages};
use crate::section::{LdapLookup, LdapPasswordChange, LdapScope};
use crate::{Inputs, Program};

/// A directory whose connections need no certificates of the system.
const LOCAL: &str = "[ldap]\nurl = 'ldap://127.0.0.1:1'\nstart_tls = false\n\
                     user_search_base = 'ou=people,dc=example,dc=com'\n";

#[test]
fn there_is_no_directory_by_default() {
    let settings = from_file("").unwrap().settings;
    assert!(!settings.ldap.is_configured());
    assert_eq!(settings.ldap.email_from.as_deref(), Some("mail"));
}

#[test]
fn settings_of_upstream_find_users_as_upstream_does() {
    let configuration = from_environment(&[
        ("CROSSAUTH_LDAP_URL", r#"["ldap://127.0.0.1:1389"]"#),
        ("CROSSAUTH_LDAP_START_TLS", "false"),
        ("CROSSAUTH_LDAP_USER_SEARCH_BASE", "ou=users,dc=example,dc=org"),
        ("CROSSAUTH_LDAP_USENAME_ATTRIBUTE", "cn"),
        ("CROSSAUTH_LDAP_AUTO_CREATE_ACCOUNT", "true"),
        ("CROSSAUTH_LDAP_AUTO_CREATE_FACTOR1", "ldap"),
    ]);
    let ldap = configuration.unwrap().settings.ldap;
    assert_eq!(ldap.urls, ["ldap://127.0.0.1:1389"]);
    assert_eq!(ldap.lookup, LdapLookup::Dn);
    assert_eq!(ldap.base.as_deref(), Some("ou=users,dc=example,dc=org"));
    assert_eq!(ldap.username_attributes, ["cn"]);
    assert_eq!(ldap.first_login, FirstLogin::CreatesAccount);
    // Nothing can be read without an account in the directory.
    assert_eq!(ldap.check_interval(), None);
}

#[test]
fn every_setting_of_the_directory_is_read() {
    let text = "[ldap]\nurl = ['ldap://localhost:1', 'ldap://[::1]:1']\nstart_tls = false\n\
        lookup = 'search'\nuser_search_base = 'ou=people,dc=example,dc=com'\nscope = 'one_level'\n\
        username_attribute = ['uid', 'mail']\nfilter = '(objectClass=person)'\n\
        bind_dn = 'cn=crossauth,dc=example,dc=com'\nbind_password = 'canary'\n\
        id_attribute = 'entryUUID'\nusername_from = 'uid'\nemail_from = 'none'\n\
        fields = ['phone=telephoneNumber']\ngroup_base = 'ou=groups,dc=example,dc=com'\n\
        nested_groups = true\nallowed_groups = 'cn=staff,ou=groups,dc=example,dc=com'\n\
        admin_groups = ['cn=admins,ou=groups,dc=example,dc=com']\n\
        group_roles = ['editor=cn=editors,ou=groups,dc=example,dc=com']\nroles_field = 'rights'\n\
        password_change = 'rfc3062'\nauto_create_account = true\ncheck_interval = '5m'\n\
        connections = 3\nacquire_timeout = '1s'\nconnect_timeout = '2s'\noperation_timeout = '3s'\n";
    let configuration = from_file(text).unwrap();
    let ldap = &configuration.settings.ldap;
    assert_eq!(ldap.urls.len(), 2);
    assert_eq!((ldap.lookup, ldap.scope), (LdapLookup::Search, LdapScope::OneLevel));
    assert_eq!(ldap.username_attributes, ["uid", "mail"]);
    assert_eq!((ldap.username_from.as_deref(), ldap.email_from.as_deref()), (Some("uid"), None));
    assert_eq!(ldap.fields, [("phone".to_owned(), "telephoneNumber".to_owned())]);
    assert_eq!(ldap.allowed_groups, ["cn=staff,ou=groups,dc=example,dc=com"]);
    assert_eq!(ldap.group_roles[0].0, "editor");
    assert_eq!(ldap.password_change, LdapPasswordChange::Rfc3062);
    assert_eq!(ldap.check_interval(), Some(Duration::from_mins(5)));
    assert_eq!(ldap.connections, 3);
    let times = [ldap.acquire_timeout, ldap.connect_timeout, ldap.operation_timeout];
    assert_eq!(times, [1, 2, 3].map(Duration::from_secs));
    let shown = format!("{configuration:?} {}", configuration.lines().collect::<String>());
    assert!(shown.contains("ldap.bind_password = (hidden)") && !shown.contains("canary"));
}

#[test]
fn password_of_the_account_can_be_in_a_file() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("password");
    std::fs::write(&file, "canary\n").unwrap();
    let text = format!("{LOCAL}bind_dn = 'cn=x'\nbind_password_file = '{}'\n", file.display());
    let settings = from_file(&text).unwrap().settings;
    assert_eq!(settings.ldap.bind_password.unwrap().expose(), "canary");
    std::fs::remove_file(&file).unwrap();
    let found = messages(from_file(&text));
    assert!(found.contains("password cannot be read"), "{found}");
}

#[test]
fn directory_without_an_account_to_compare_with_is_a_warning() {
    let warnings = |text: &str| {
        let configuration = from_file(text).unwrap();
        configuration.warnings().iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    for lookup in ["", "lookup = 'search'\n", "check_interval = '5m'\n"] {
        let found = warnings(&format!("{LOCAL}{lookup}"));
        assert!(found[0].starts_with("ldap.bind_dn: is missing: accounts are not"), "{found:?}");
        assert_eq!(found.len(), 1, "{found:?}");
    }
    for intended in ["check_interval = 0\n", "bind_dn = 'cn=x'\nbind_password = 'x'\n"] {
        assert_eq!(warnings(&format!("{LOCAL}{intended}")), [""; 0]);
    }
    assert_eq!(warnings(""), [""; 0]);
}

#[test]
fn passwords_are_not_sent_unencrypted_to_another_machine() {
    for local in ["ldap://127.0.0.1:1", "ldap://localhost", "ldap://[::1]:389"] {
        from_file(&LOCAL.replace("ldap://127.0.0.1:1", local)).unwrap();
    }
    for remote in ["ldap://ldap.example.com", "ldap://192.0.2.1:389", "ldap://localhost.example"] {
        let found = messages(from_file(&LOCAL.replace("ldap://127.0.0.1:1", remote)));
        assert!(found.starts_with("ldap.start_tls = \"false\": passwords would be"), "{found}");
    }
}

#[test]
fn settings_of_the_directory_that_do_not_fit_are_reported() {
    let base = "user_search_base = 'ou=people,dc=example,dc=com'\n";
    for (text, expected) in [
        (LOCAL.replace(base, ""), "ldap.user_search_base: is missing"),
        (format!("{LOCAL}bind_dn = 'cn=x'\n"), "ldap.bind_password: is missing"),
        (format!("{LOCAL}bind_password = 'canary'\n"), "ldap.bind_dn: is missing"),
        (format!("{LOCAL}filter = '(a=b)'\n"), "ldap.filter = \"(a=b)\": not used"),
        (format!("{LOCAL}username_attribute = ['cn', 'uid']\n"), "a distinguished name is made of"),
        (format!("{LOCAL}auto_create_factor1 = 'localpassword'\n"), "must be `ldap`"),
        (format!("{LOCAL}operation_timeout = 0\n"), "must be longer than 0"),
        (format!("{LOCAL}group_roles = 'a=cn=x'\nroles_field = 'admin'\n"), "ldap.roles_field"),
        (
            format!("{LOCAL}group_roles = 'a=cn=x'\n[[signup.fields]]\nname = 'roles'\n"),
            "ldap.roles_field",
        ),
        (
            format!("{LOCAL}group_roles = 'a=cn=x'\n[signup]\neditable_fields = 'roles'\n"),
            "ldap.roles_field",
        ),
        (
            format!("{LOCAL}group_roles = 'a=cn=x'\nroles_field = 'x'\nfields = 'x=cn'\n"),
            "contains the roles",
        ),
        ("[ldap]\nbind_dn = 'cn=x'\n".to_owned(), "ldap.bind_dn = \"cn=x\": not used"),
        ("[ldap]\nbind_password = 'canary'\n".to_owned(), "ldap.bind_password: not used"),
        ("[ldap]\nadmin_groups = 'cn=x'\n".to_owned(), "ldap.admin_groups = \"cn=x\": not used"),
    ] {
        let found = messages(from_file(&text));
        assert!(found.contains(expected) && !found.contains("canary"), "{text}: {found}");
        assert_eq!(found.lines().count(), 1, "{text}: {found}");
    }
}

#[cfg(feature = "ldap")]
#[test]
fn setting_that_is_not_a_distinguished_name_is_the_one_that_is_named() {
    let base = "user_search_base = 'ou=people,dc=example,dc=com'\n";
    for (text, key) in [
        (LOCAL.replace(base, "user_search_base = 'people'\n"), "ldap.user_search_base"),
        (format!("{LOCAL}group_base = 'groups'\n"), "ldap.group_base"),
        (format!("{LOCAL}allowed_groups = 'cn=a,b'\n"), "ldap.allowed_groups"),
        (format!("{LOCAL}admin_groups = 'cn=a,b'\n"), "ldap.admin_groups"),
        (format!("{LOCAL}group_roles = 'a=cn=a,b'\n"), "ldap.group_roles"),
    ] {
        let found = messages(from_file(&text));
        assert!(found.starts_with(key) && found.contains("distinguished name"), "{key}: {found}");
    }
}

#[test]
fn application_reads_the_settings_of_the_directory() {
    let variables = [
        ("CROSSAUTH_LDAP_URL", "ldaps://ldap.example.com"),
        ("CROSSAUTH_LDAP_USER_SEARCH_BASE", "ou=people,dc=example,dc=com"),
        ("CROSSAUTH_LDAP_CA_FILE", "/no/such/file"),
    ];
    let loaded = Inputs::new(Program::Application).environment(variables).load();
    if cfg!(feature = "ldap") {
        let found = messages(loaded);
        assert!(found.contains("cannot read /no/such/file"), "{found}");
    } else {
        let error = loaded.unwrap().settings.directory().unwrap_err().to_string();
        assert!(error.contains("the feature `ldap`"), "{error}");
    }
}

#[cfg(feature = "ldap")]
#[test]
fn builder_of_an_application_has_the_directory_of_the_settings() {
    use crossauth_core::storage::memory::MemoryStorage;
    use crossauth_core::user::Normalization;

    for (text, has_directory) in [("", false), (LOCAL, true)] {
        let text = format!("secret = 'sixteen bytes !!'\nbase_url = 'https://a.example'\n{text}");
        let settings = from_file(&text).unwrap().settings;
        let storage = MemoryStorage::new(Normalization::default()).storage();
        let crossauth = settings.builder().storage(storage).build().unwrap();
        assert_eq!(crossauth.auth().directory.is_some(), has_directory);
    }
}
