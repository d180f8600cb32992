//! The snippets of the guides for operators, checked with the programs that read them.

mod backup;
#[cfg(feature = "ldap")]
mod ldap;
#[cfg(all(feature = "postgres", feature = "redis"))]
mod processes;
mod proxy;

use std::fs;
use std::path::Path;
use std::process::Command;

use crossauth_testkit::authority::Authority;

use crate::migration::upstream::PYCROSSAUTH;
use crate::process::crossauth;

/// The snippets of a guide in one language, in order.
fn snippets(guide: &str, language: &str) -> Vec<String> {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/how-to").join(guide);
    let text = fs::read_to_string(guide).unwrap();
    let fence = format!("```{language}\n");
    text.split(&fence).skip(1).map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

/// The first snippet of a guide in one language.
fn snippet(guide: &str, language: &str) -> String {
    snippets(guide, language).into_iter().next().unwrap()
}

/// Replaces a part of a snippet that differs on the machine of the test.
fn replace(snippet: &str, part: &str, replacement: &str) -> String {
    assert!(snippet.contains(part), "no {part:?} in {snippet}");
    snippet.replace(part, replacement)
}

/// The commands `crossauth …` in the guides, in snippets and in the text.
fn commands() -> Vec<String> {
    let guides = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/how-to");
    let mut found = Vec::new();
    for guide in fs::read_dir(guides).unwrap() {
        let guide = guide.unwrap().path();
        if guide.is_dir() {
            continue;
        }
        let text = fs::read_to_string(guide).unwrap().replace("\\\n", " ");
        let typed = text.lines().filter_map(|line| line.trim().strip_prefix("$ "));
        let typed = typed.map(|line| line.split(" | ").next().unwrap());
        let user = ["sudo -u crossauth ", "podman exec --interactive --tty crossauth ", "./"];
        let typed = typed.map(|line| {
            let line = user.iter().find_map(|prefix| line.strip_prefix(prefix)).unwrap_or(line);
            line.strip_prefix("CROSSAUTH_LOG_LEVEL=debug ").unwrap_or(line)
        });
        let named = text.split('`').skip(1).step_by(2);
        let ours = typed.chain(named).filter_map(|line| line.strip_prefix("crossauth "));
        found.extend(ours.filter(|line| !line.contains('\n')).map(str::to_owned));
    }
    found
}

/// Runs a program to its end and checks that it succeeds.
fn succeed(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let printed = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&printed));
}

#[test]
fn settings_files_in_the_guides_are_valid() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_str().unwrap();
    fs::write(directory.path().join("secret"), "a secret of a test, 0123456789").unwrap();
    let mut checked = 0;
    for guide in ["install.md", "run-the-server.md", "reverse-proxy.md", "systemd.md"] {
        for settings in snippets(guide, "toml") {
            let settings = settings.replace("/var/lib/crossauth", path);
            let settings = settings.replace("/run/secrets/crossauth", &format!("{path}/secret"));
            fs::write(directory.path().join("crossauth.toml"), &settings).unwrap();
            let check =
                ["config", "check", "--config", "crossauth.toml", "--listen", "127.0.0.1:0"];
            let output = crossauth().arguments(&check).run_in(directory.path());
            let problems = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{guide}: {problems}\n{settings}");
            checked += 1;
        }
    }
    assert_eq!(checked, 7);
}

#[test]
fn settings_of_mail_text_messages_and_mandatory_second_factors_are_valid_together() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_str().unwrap();
    let authority = Authority::new();
    let messages = [snippets("mail.md", "toml"), snippets("sms.md", "toml")].concat().concat();
    let factors = snippets("second-factors.md", "toml");
    assert!(factors.iter().any(|settings| settings.contains("allowed = ")), "{factors:?}");
    for secret in ["smtp-password", "twilio-token"] {
        fs::write(directory.path().join(secret), "a secret of a test").unwrap();
        assert!(messages.contains(&format!("/run/secrets/{secret}")), "{messages}");
    }
    let messages = messages.replace("/run/secrets", path);
    for settings in factors {
        fs::write(directory.path().join("crossauth.toml"), format!("{messages}{settings}"))
            .unwrap();
        let check = crossauth()
            .arguments(&["config", "check", "--config", "crossauth.toml"])
            .variable("SSL_CERT_FILE", authority.certificate().to_str().unwrap())
            .variable("CROSSAUTH_BASE_URL", "https://id.northwind.example")
            .run_in(directory.path());
        let problems = String::from_utf8_lossy(&check.stderr);
        assert!(check.status.success() && problems.is_empty(), "{problems}\n{settings}");
    }
}

#[test]
fn settings_of_the_migration_guide_are_valid() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let database = rusqlite::Connection::open(path("app.db")).unwrap();
    database.execute_batch(&PYCROSSAUTH.database()).unwrap();
    drop(database);
    fs::write(path("secret"), "a secret of a test, 0123456789").unwrap();
    let settings = snippets("move-from-upstream.md", "toml").concat();
    let settings = replace(&settings, "/var/lib/app/app.db", &path("app.db"));
    let settings = replace(&settings, "/run/secrets/crossauth", &path("secret"));
    fs::write(path("crossauth.toml"), &settings).unwrap();
    let mut server = crossauth().arguments(&["--config", "crossauth.toml"]).start_in(directory);
    assert_eq!(server.status("/ready"), 200);
    server.stop();
    let log = server.log();
    assert!(!log.contains("WARN") && !log.contains("ERROR"), "{log}");
}

#[test]
fn every_command_in_the_guides_exists() {
    let directory = tempfile::tempdir().unwrap();
    let commands = commands();
    assert!(commands.len() > 20, "{commands:?}");
    for command in commands {
        let arguments: Vec<&str> = command.split_whitespace().chain(["--help"]).collect();
        let output = crossauth().arguments(&arguments).run_in(directory.path());
        let printed = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "crossauth {command}: {printed}");
    }
    let wrong = crossauth().arguments(&["user", "ad", "alice", "--help"]);
    assert!(!wrong.run_in(directory.path()).status.success());
}

#[test]
fn systemd_unit_is_valid() {
    let directory = tempfile::tempdir().unwrap();
    let unit = replace(
        &snippet("systemd.md", "ini"),
        "/usr/local/bin/crossauth",
        env!("CARGO_BIN_EXE_crossauth"),
    );
    let path = directory.path().join("crossauth.service");
    fs::write(&path, unit).unwrap();
    let mut verify = Command::new("systemd-analyze");
    let output = verify.arg("verify").arg(&path).output().unwrap();
    let problems = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && !problems.contains("crossauth.service"), "{problems}");
}

#[test]
fn environment_of_the_container_is_valid() {
    let directory = tempfile::tempdir().unwrap();
    let containerfile = snippet("container.md", "dockerfile");
    let mut program = crossauth().variable("CROSSAUTH_BASE_URL", "https://id.example.com");
    let variables = containerfile.lines().filter_map(|line| line.strip_prefix("ENV "));
    for (name, value) in variables.map(|variable| variable.split_once('=').unwrap()) {
        program = program.variable(name, &value.replace("/data", "data").replace("3000", "0"));
    }
    let output = program.arguments(&["config", "check"]).run_in(directory.path());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(containerfile.contains("--package crossauth-server"), "{containerfile}");
    assert!(containerfile.contains(concat!("rust:", env!("CARGO_PKG_RUST_VERSION"))));
}

#[test]
fn invalid_systemd_unit_is_rejected() {
    let directory = tempfile::tempdir().unwrap();
    let unit = directory.path().join("crossauth.service");
    fs::write(&unit, "[Service]\nExecStart=/nowhere/crossauth\nProtectSytem=strict\n").unwrap();
    let output = Command::new("systemd-analyze").arg("verify").arg(&unit).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("crossauth.service"));
}
