use std::path::PathBuf;

use super::*;

fn variables(pairs: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
    pairs.iter().map(|(name, value)| (name.into(), value.into())).collect()
}

fn from_environment(pairs: &[(&str, &str)]) -> Result<Configuration, Vec<Problem>> {
    Inputs { environment: variables(pairs), ..Inputs::default() }.load()
}

fn from_file(text: &str) -> Result<Configuration, Vec<Problem>> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    Inputs { file: Some(file.path()), ..Inputs::default() }.load()
}

fn messages(outcome: Result<Configuration, Vec<Problem>>) -> String {
    let problems = outcome.map(|_| "no problem").unwrap_err();
    problems.iter().map(Problem::to_string).map(|line| line + "\n").collect()
}

#[test]
fn every_default_is_a_value_of_its_kind() {
    let settings = Inputs::default().load().unwrap().settings;
    assert_eq!(settings.listen.port(), 3000);
    assert_eq!(settings.data, PathBuf::from("crossauth-data"));
    assert!(settings.secret.is_none());
    assert!(!settings.is_https());
}

#[test]
fn arguments_win_over_environment_over_file_over_default() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let text = "listen = '127.0.0.1:1'\nprefix = '/file/'\ndata = 'file'\n";
    std::fs::write(file.path(), text).unwrap();
    let settings = Inputs {
        file: Some(file.path()),
        environment: variables(&[
            ("CROSSAUTH_LISTEN", "127.0.0.1:2"),
            ("CROSSAUTH_PREFIX", "/environment/"),
            ("PATH", "/bin"),
        ]),
        arguments: vec![("listen", "127.0.0.1:3".to_owned())],
    }
    .load()
    .unwrap()
    .settings;
    assert_eq!(settings.listen.port(), 3);
    assert_eq!(settings.prefix.0, "/environment/");
    assert_eq!(settings.data, PathBuf::from("file"));
    assert!(settings.login_redirect.is_none());
}

#[test]
fn names_of_the_originals_work_in_the_environment() {
    let settings = from_environment(&[
        ("CROSSAUTH_SITE_URL", "https://auth.example.com"),
        ("CROSSAUTH_SESSION_COOKIE_maxAge", "60"),
        ("CROSSAUTH_PERSIST_SESSION_ID", "False"),
        ("CROSSAUTH_USER_EDITABLE_FIELDS", r#"["email"]"#),
        ("CROSSAUTH_PASSWORD_PBKDF2_KEYLENGTH", "64"),
        ("CROSSAUTH_HASHER_SECRET", "sixteen bytes !!"),
        ("CROSSAUTH_SESSION_COOKIE_DOMAIN", "null"),
        ("CROSSAUTH_LOG_LEVEL", "ERROR"),
    ])
    .unwrap()
    .settings;
    assert_eq!(settings.base_url.unwrap().as_str(), "https://auth.example.com");
    assert_eq!(settings.session_max_age.as_secs(), 60);
    assert!(!settings.session_persist.is_on());
    assert_eq!(settings.editable_fields, ["email"]);
    assert_eq!(settings.pbkdf2_key_length.0, 64);
    assert_eq!(settings.pepper.unwrap().expose(), "sixteen bytes !!");
    assert!(settings.session_domain.is_none());
}

#[test]
fn every_problem_is_reported_at_once_with_the_nearest_name() {
    let messages = messages(from_file(
        "listne = 'x'\nlisten = 'nowhere'\n[session]\nidle_timeout = '5 parsecs'\nmax_age = 1.5\n[sesion]\n",
    ));
    assert_eq!(messages.lines().count(), 5, "{messages}");
    assert!(messages.contains("listne: no such setting; did you mean listen? ("), "{messages}");
    assert!(
        messages.contains("listen = \"nowhere\": expected an address and a port"),
        "{messages}"
    );
    assert!(
        messages.contains("session.idle_timeout = \"5 parsecs\": expected a duration"),
        "{messages}"
    );
    assert!(messages.contains("session.max_age: expected a duration"), "{messages}");
    assert!(messages.contains("sesion: no such setting"), "{messages}");
}

#[test]
fn an_unknown_variable_is_a_problem_with_the_nearest_name() {
    let messages = messages(from_environment(&[("CROSSAUTH_LISEN", "hush"), ("CROSSAUTH_X", "y")]));
    assert_eq!(
        messages,
        "CROSSAUTH_LISEN: no such setting; did you mean CROSSAUTH_LISTEN? (environment)\n\
         CROSSAUTH_X: no such setting (environment)\n"
    );
}

#[test]
fn no_message_repeats_a_secret() {
    let hush = "canary";
    for outcome in [
        from_file(&format!("secret = '{hush}'")),
        from_file(&format!("secret = ['{hush}']")),
        from_file(&format!("secrt = '{hush}'")),
        from_file(&format!("secret = '{hush}\n")),
        from_file(&format!("base_url = 'https://user:{hush}@auth.example.com'")),
        from_environment(&[("CROSSAUTH_SECRET", hush)]),
        from_environment(&[("CROSSAUTH_SECRTE", hush)]),
    ] {
        let messages = messages(outcome);
        assert!(!messages.is_empty());
        assert!(!messages.contains(hush), "{messages}");
    }
}

#[test]
fn a_secret_can_stand_in_a_file_of_its_own() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "a secret in a file\n").unwrap();
    let path = file.path().to_str().unwrap();
    for outcome in [
        from_environment(&[("CROSSAUTH_SECRET_FILE", path)]),
        from_file(&format!("secret_file = '{path}'")),
    ] {
        assert_eq!(outcome.unwrap().settings.secret.unwrap().expose(), "a secret in a file");
    }
    assert!(
        messages(from_environment(&[("CROSSAUTH_SECRET_FILE", "/nowhere")])).contains("/nowhere")
    );
    assert!(messages(from_environment(&[("CROSSAUTH_LISTEN_FILE", path)])).contains("no such"));
}

#[test]
fn a_secret_that_is_named_but_empty_is_a_problem() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "\n").unwrap();
    for (name, value) in [
        ("CROSSAUTH_SECRET", ""),
        ("CROSSAUTH_SECRET", "null"),
        ("CROSSAUTH_PASSWORD_PEPPER", ""),
        ("CROSSAUTH_SECRET_FILE", file.path().to_str().unwrap()),
        ("CROSSAUTH_PASSWORD_PEPPER_FILE", file.path().to_str().unwrap()),
    ] {
        assert!(messages(from_environment(&[(name, value)])).contains("empty"), "{name}={value}");
    }
}

#[test]
fn two_names_that_disagree_are_a_problem() {
    let agreeing =
        [("CROSSAUTH_BASE_URL", "https://a.example"), ("CROSSAUTH_SITE_URL", "https://a.example")];
    assert!(from_environment(&agreeing).is_ok());
    let disagreeing =
        [("CROSSAUTH_BASE_URL", "https://a.example"), ("CROSSAUTH_SITE_URL", "https://b.example")];
    let messages = messages(from_environment(&disagreeing));
    assert!(messages.contains("CROSSAUTH_BASE_URL says something else"), "{messages}");
    let both = messages_of_secret_given_twice();
    assert!(both.contains("given both here and in a file"), "{both}");
}

fn messages_of_secret_given_twice() -> String {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "a secret in a file\n").unwrap();
    let path = file.path().to_str().unwrap();
    messages(from_file(&format!("secret = 'another secret !!'\nsecret_file = '{path}'")))
}

#[test]
fn unsafe_combinations_are_refused() {
    for (text, key) in [
        ("base_url = 'http://auth.example.com'", "base_url"),
        ("listen = '0.0.0.0:3000'", "base_url"),
        ("base_url = 'https://a.example'\n[session]\nsecure = false", "session.secure"),
        ("[session]\nsame_site = 'none'", "session.same_site"),
        ("[csrf]\nsame_site = 'none'", "csrf.same_site"),
        ("[session]\nsecure = true", "session.secure"),
        ("[csrf]\ncookie_name = 'SESSIONID'", "csrf.cookie_name"),
        ("[password]\nargon2_memory = '1GiB'", "password.hash"),
        ("[cookies]\nhost_prefix = true", "cookies.host_prefix"),
        (
            "base_url = 'https://a.example'\n[cookies]\nhost_prefix = true\n[csrf]\npath = '/x'",
            "cookies.host_prefix",
        ),
    ] {
        let messages = messages(from_file(text));
        assert!(messages.starts_with(key), "{text}: {messages}");
    }
    for text in [
        "base_url = 'http://auth.example.com'\ninsecure_http = true",
        "base_url = 'http://localhost:3000'",
        "base_url = 'https://a.example'\n[cookies]\nhost_prefix = true",
    ] {
        assert!(from_file(text).is_ok(), "{text}");
    }
}

#[test]
fn the_listing_names_sources_and_hides_secrets() {
    let configuration = from_environment(&[
        ("CROSSAUTH_LISTEN", "127.0.0.1:9"),
        ("CROSSAUTH_SECRET", "sixteen bytes !!"),
    ])
    .unwrap();
    let lines: Vec<String> = configuration.lines().collect();
    assert!(lines.contains(&"listen = \"127.0.0.1:9\"  # CROSSAUTH_LISTEN".to_owned()));
    assert!(lines.contains(&"secret = (hidden)  # CROSSAUTH_SECRET".to_owned()));
    assert!(lines.contains(&"prefix = \"/\"  # default".to_owned()));
    assert!(lines.contains(&"# base_url is not set".to_owned()));
    assert_eq!(lines.len(), TABLE.len());
    assert!(!format!("{:?}", configuration.settings).contains("sixteen"));
}
