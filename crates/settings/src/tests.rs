use std::path::{Path, PathBuf};

use crate::kind::EmptyValue;
use crate::{Configuration, Inputs, Problems, Program};

mod cookie;
mod factor;
mod ldap;
mod link;
mod mail;
mod password;
mod restriction;
mod sessions;
mod signup;
mod upstream;

fn server() -> Inputs {
    Inputs::new(Program::Server)
}

fn from_environment(pairs: &[(&str, &str)]) -> Result<Configuration, Problems> {
    server().environment(pairs.iter().copied()).load()
}

fn written(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    file
}

fn from_file(text: &str) -> Result<Configuration, Problems> {
    server().file(written(text).path()).load()
}

fn from_arguments(pairs: &[(&str, &str)]) -> Result<Configuration, Problems> {
    pairs.iter().fold(server(), |inputs, (key, value)| inputs.argument(*key, *value)).load()
}

fn messages(outcome: Result<Configuration, Problems>) -> String {
    format!("{}\n", outcome.unwrap_err())
}

#[test]
fn setting_names_are_unique() {
    let mut seen = std::collections::BTreeSet::new();
    for setting in Program::Server.settings() {
        assert!(seen.insert(setting.key.to_owned()), "{}", setting.key);
        for name in setting.variables() {
            assert!(seen.insert(name.clone()), "{name} of {}", setting.key);
        }
    }
}

#[test]
fn documented_defaults_can_be_parsed() {
    for setting in Program::Server.settings() {
        let Some(default) = setting.default() else { continue };
        assert!(!default.is_empty(), "{}", setting.key);
        let written = from_arguments(&[(setting.key, &default)]);
        assert!(written.is_ok(), "{}: {:?}", setting.key, written.err());
    }
}

#[test]
fn defaults_are_those_of_the_libraries() {
    let settings = server().load().unwrap().settings;
    assert_eq!(settings.server.listen.port(), 3000);
    assert_eq!(settings.server.data, PathBuf::from("crossauth-data"));
    assert!(settings.site.secret.is_none());
    assert!(!settings.site.is_https());
    assert_eq!(settings.bodies, crossauth_axum::BodyLimits::default());
    assert_eq!(settings.site.config, crossauth_axum::SiteConfig::default());
    assert_eq!(settings.cookies.config, crossauth_axum::CookieConfig::default());
}

#[test]
fn arguments_override_environment_overrides_file_overrides_default() {
    let file = written("listen = '127.0.0.1:1'\nprefix = '/file/'\ndata = 'file'\n");
    let settings = server()
        .file(file.path())
        .environment([
            ("CROSSAUTH_LISTEN", "127.0.0.1:2"),
            ("CROSSAUTH_PREFIX", "/environment/"),
            ("PATH", "/bin"),
        ])
        .argument("listen", "127.0.0.1:3")
        .load()
        .unwrap()
        .settings;
    assert_eq!(settings.server.listen.port(), 3);
    assert_eq!(settings.site.config.prefix, "/environment/");
    assert_eq!(settings.server.data, PathBuf::from("file"));
    assert!(settings.site.config.login_redirect.is_none());
}

#[test]
fn variable_names_the_file() {
    let file = written("site_name = 'Acme'\n");
    let path = file.path().to_str().unwrap();
    let configuration = from_environment(&[("CROSSAUTH_CONFIG", path)]).unwrap();
    assert_eq!(configuration.settings.site.config.name, "Acme");
    assert_eq!(configuration.file(), Some(Path::new(path)));
    assert!(from_environment(&[("CROSSAUTH_CONFIG", "")]).unwrap().file().is_none());
}

#[test]
fn upstream_names_work_in_the_environment() {
    let settings = from_environment(&[
        ("CROSSAUTH_SITE_URL", "https://auth.example.com"),
        ("CROSSAUTH_SESSION_COOKIE_maxAge", "60"),
        ("CROSSAUTH_PERSIST_SESSION_ID", "False"),
        ("CROSSAUTH_USER_EDITABLE_FIELDS", r#"["email"]"#),
        ("CROSSAUTH_PASSWORD_PBKDF2_KEYLENGTH", "64"),
        ("CROSSAUTH_HASHER_SECRET", "sixteen bytes !!"),
        ("CROSSAUTH_ENABLE_SECRET_FOR_PASSWORDS", "true"),
        ("CROSSAUTH_SESSION_COOKIE_DOMAIN", "null"),
        ("CROSSAUTH_LOG_LEVEL", "ERROR"),
    ])
    .unwrap()
    .settings;
    assert_eq!(
        settings.site.config.base_url.as_ref().unwrap().as_str(),
        "https://auth.example.com"
    );
    assert_eq!(settings.session.max_age, Some(std::time::Duration::from_mins(1)));
    assert_eq!(settings.session.persist, crossauth_core::session::Persistence::UntilBrowserCloses);
    assert_eq!(settings.signup.config.editable_fields, ["email"]);
    assert_eq!(settings.passwords.pbkdf2.key_len, 64);
    assert!(settings.hasher().pepper.is_some());
    assert!(settings.cookies.config.session.domain.is_none());
}

#[test]
fn alias_of_a_setting_works() {
    let text = "base_url = 'http://auth.example.com'\ninsecure_http = true";
    assert!(from_file(text).unwrap().settings.site.config.danger_insecure_http);
    let pairs = [("CROSSAUTH_INSECURE_HTTP", "1"), ("CROSSAUTH_BASE_URL", "http://a.example")];
    assert!(from_environment(&pairs).is_ok());
    assert!(from_arguments(&[("insecure_http", "true")]).is_ok());
}

#[test]
fn empty_values_are_absent_except_for_secrets_and_restrictions() {
    for setting in Program::Server.settings() {
        for variable in setting.variables() {
            let outcome = from_environment(&[(&variable, "")]);
            assert_eq!(outcome.is_ok(), setting.empty == EmptyValue::Absent, "{variable}");
        }
        if setting.empty == EmptyValue::Absent {
            let outcome = from_arguments(&[(setting.key, "")]).unwrap();
            assert!(outcome.lines().all(|line| !line.contains("command line")), "{}", setting.key);
        }
    }
    let pairs = [("CROSSAUTH_BASE_URL", ""), ("CROSSAUTH_SITE_URL", "https://a.example")];
    assert!(from_environment(&pairs).unwrap().settings.site.is_https());
}

#[test]
fn variables_of_orchestrators_are_ignored_and_reported() {
    let configuration = from_environment(&[
        ("CROSSAUTH_SERVICE_HOST", "10.0.0.1"),
        ("CROSSAUTH_SERVICE_PORT", "3000"),
        ("CROSSAUTH_PORT", "tcp://10.0.0.1:3000"),
        ("CROSSAUTH_PORT_3000_TCP", "tcp://10.0.0.1:3000"),
        ("CROSSAUTH_VERSION", "1"),
    ])
    .unwrap();
    assert_eq!(configuration.ignored().len(), 5);
    assert!(messages(from_environment(&[("CROSSAUTH_PORT", "3000")])).contains("no such setting"));
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
fn unknown_variable_is_a_problem_with_the_nearest_name() {
    let messages =
        messages(from_environment(&[("CROSSAUTH_LISEN", "silent"), ("CROSSAUTH_X", "y")]));
    assert_eq!(
        messages,
        "CROSSAUTH_LISEN: no such setting; did you mean CROSSAUTH_LISTEN? (environment)\n\
         CROSSAUTH_X: no such setting (environment)\n"
    );
}

#[test]
fn messages_do_not_contain_secrets() {
    let silent = "canary";
    for messages in [
        messages(from_file(&format!("secret = '{silent}'"))),
        messages(from_file(&format!("secret = ['{silent}']"))),
        messages(from_file(&format!("secrt = '{silent}'"))),
        messages(from_file(&format!("secret = '{silent}\n"))),
        messages(from_file(&format!("base_url = 'https://user:{silent}@auth.example.com'"))),
        messages(from_environment(&[("CROSSAUTH_SECRET", silent)])),
        messages(from_environment(&[("CROSSAUTH_SECRTE", silent)])),
        messages(from_arguments(&[("secret", silent)])),
        messages(from_arguments(&[("secrt", silent)])),
        messages(from_arguments(&[("password.pepper", silent)])),
    ] {
        assert!(!messages.is_empty());
        assert!(!messages.contains(silent), "{messages}");
    }
}

#[test]
fn secret_can_be_in_a_separate_file() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "a secret in a file\n").unwrap();
    let path = file.path().to_str().unwrap();
    for outcome in [
        from_environment(&[("CROSSAUTH_SECRET_FILE", path)]),
        from_file(&format!("secret_file = '{path}'")),
    ] {
        assert_eq!(outcome.unwrap().settings.site.secret.unwrap().expose(), "a secret in a file");
    }
    assert!(
        messages(from_environment(&[("CROSSAUTH_SECRET_FILE", "/nowhere")])).contains("/nowhere")
    );
    assert!(messages(from_environment(&[("CROSSAUTH_LISTEN_FILE", path)])).contains("no such"));
}

#[test]
fn empty_secret_is_a_problem() {
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
fn conflicting_names_of_a_setting_are_a_problem() {
    let agreeing =
        [("CROSSAUTH_BASE_URL", "https://a.example"), ("CROSSAUTH_SITE_URL", "https://a.example")];
    assert!(from_environment(&agreeing).is_ok());
    let disagreeing =
        [("CROSSAUTH_BASE_URL", "https://a.example"), ("CROSSAUTH_SITE_URL", "https://b.example")];
    let messages = messages(from_environment(&disagreeing));
    assert!(messages.contains("CROSSAUTH_BASE_URL sets a different value"), "{messages}");
    let both = messages_of_secret_given_twice();
    assert!(both.contains("is set twice"), "{both}");
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
        ("[password]\nargon2_memory = '1GiB'", "password.argon2_memory"),
        ("[password]\nargon2_memory = '1'", "password.argon2_memory"),
        ("[password]\nhash = 'pbkdf2'\npbkdf2_iterations = 5000000", "password.pbkdf2_iterations"),
        ("[cookies]\nhost_prefix = true", "cookies.host_prefix"),
        (
            "base_url = 'https://a.example'\n[cookies]\nhost_prefix = true\n[csrf]\npath = '/x'",
            "cookies.host_prefix",
        ),
        (
            "base_url = 'https://a.example'\n[cookies]\nhost_prefix = true\n\
             [known_device]\ndomain = 'a.example'",
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
fn listing_names_sources_and_hides_secrets() {
    let configuration = from_environment(&[
        ("CROSSAUTH_LISTEN", "127.0.0.1:9"),
        ("CROSSAUTH_SECRET", "sixteen bytes !!"),
    ])
    .unwrap();
    let lines: Vec<String> = configuration.lines().collect();
    assert!(lines.contains(&"listen = \"127.0.0.1:9\"  # CROSSAUTH_LISTEN".to_owned()));
    assert!(lines.contains(&"secret = (hidden)  # CROSSAUTH_SECRET".to_owned()));
    assert!(lines.contains(&"prefix = \"/\"  # default".to_owned()));
    assert!(lines.contains(&"session.max_age = \"30d\"  # default".to_owned()));
    assert!(lines.contains(&"# base_url is not set".to_owned()));
    assert_eq!(lines.len(), Program::Server.settings().count());
    assert!(!format!("{:?}", configuration.settings).contains("sixteen"));
}

#[test]
fn arguments_are_reported_with_all_other_problems() {
    let inputs = server().environment([("CROSSAUTH_LISEN", "x")]).assignment("log.levl=x");
    let messages = messages(inputs.assignment("session.max_age=soon").assignment("dev").load());
    assert_eq!(messages.lines().count(), 4, "{messages}");
    assert!(messages.contains("dev: expected `KEY=VALUE`"), "{messages}");
    assert!(messages.contains("log.levl: no such setting; did you mean log.level? (command line)"));
    assert!(messages.contains("session.max_age = \"soon\": expected a duration"), "{messages}");
}

#[test]
fn rules_ignore_settings_that_cannot_be_parsed() {
    let text = "base_url = 'auth.example.com'\nlisten = '0.0.0.0:3000'\n[session]\nsecure = true";
    let messages = messages(from_file(text));
    assert_eq!(messages.lines().count(), 1, "{messages}");
    assert!(messages.starts_with("base_url = \"auth.example.com\": expected"), "{messages}");
}

#[test]
fn report_of_many_unknown_keys_is_limited() {
    let lines: Vec<String> = (0..10_000).map(|index| format!("k{index} = 1")).collect();
    let text = lines.join("\n");
    let problems = from_file(&text).unwrap_err();
    assert_eq!(problems.iter().count(), 100);
    assert!(problems.to_string().ends_with("and 9900 more problems"));
}

#[test]
fn server_settings_are_reported_to_an_application() {
    let application = || Inputs::new(Program::Application);
    let file = written("[log]\nlevel = 'debug'\n[session]\nidle_timeout = '1h'\n");
    let messages = messages(
        application()
            .file(file.path())
            .environment([("CROSSAUTH_LISTEN", "3000"), ("CROSSAUTH_LISEN", "3000")])
            .load(),
    );
    assert_eq!(messages.lines().count(), 3, "{messages}");
    assert!(messages.contains("CROSSAUTH_LISTEN: is a setting of the server only"), "{messages}");
    assert!(messages.contains("log.level: is a setting of the server only"), "{messages}");
    assert!(messages.contains("CROSSAUTH_LISEN: no such setting"), "{messages}");
    assert!(application().environment([("CROSSAUTH_PREFIX", "/auth/")]).load().is_ok());
}

#[test]
fn application_builds_crossauth_from_its_settings() {
    let storage = crossauth_core::storage::memory::MemoryStorage::new(
        crossauth_core::user::Normalization::default(),
    );
    let settings = Inputs::new(Program::Application)
        .environment([
            ("CROSSAUTH_SECRET", "sixteen bytes !!"),
            ("CROSSAUTH_BASE_URL", "https://id.example.com"),
            ("CROSSAUTH_PREFIX", "/auth"),
            ("CROSSAUTH_SITE_NAME", "Acme"),
            ("CROSSAUTH_CSRF_HEADER_NAME", "X-Token"),
        ])
        .load()
        .unwrap()
        .settings;
    let crossauth = settings.builder().storage(storage.storage()).build().unwrap();
    let config = crossauth.config();
    assert_eq!(config.base_url.as_str(), "https://id.example.com");
    assert_eq!(config.prefix, "/auth/");
    assert_eq!(config.site_name, "Acme");
    assert_eq!(config.csrf_header, "x-token");
    assert!(config.session_cookie.secure);
}
