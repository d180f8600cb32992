use crossauth_core::storage::memory::MemoryStorage;
use crossauth_core::user::Normalization;

use super::from_file;

/// The name of the session cookie with these settings, over https.
fn session_cookie(text: &str) -> String {
    let settings = from_file(&format!("base_url = 'https://a.example'\n{text}")).unwrap().settings;
    let storage = MemoryStorage::new(Normalization::default()).storage();
    let crossauth = settings.builder().secret("sixteen bytes !!").storage(storage).build();
    crossauth.unwrap().config().session_cookie.name.clone()
}

#[test]
fn upstream_tables_imply_upstream_cookie_names() {
    assert_eq!(session_cookie(""), "__Host-SESSIONID");
    for tables in ["pycrossauth", "crossauthjs"] {
        let tables = format!("database.tables = '{tables}'\n");
        assert_eq!(session_cookie(&tables), "SESSIONID");
        let always = format!("{tables}cookies.host_prefix = true");
        assert_eq!(session_cookie(&always), "__Host-SESSIONID");
    }
}
