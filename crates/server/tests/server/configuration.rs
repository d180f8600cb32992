//! Invalid configuration, and the commands that show it.

use std::path::Path;

use crate::process::{crossauth, run};

#[test]
fn every_problem_is_named_and_the_exit_code_is_2() {
    let directory = tempfile::tempdir().unwrap();
    let text = "lissten = 'x'\n[session]\nidle_timeout = 'soon'\n";
    std::fs::write(directory.path().join("crossauth.toml"), text).unwrap();
    for command in ["serve", "migrate"] {
        let output = crossauth()
            .arguments(&[command, "--config", "crossauth.toml"])
            .variable("CROSSAUTH_SECRET", "canary")
            .variable("CROSSAUTH_LISTEM", "canary")
            .run_in(directory.path());
        assert_eq!(output.status.code(), Some(2));
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(stderr.lines().count(), 4, "{stderr}");
        assert!(stderr.contains("lissten: no such setting; did you mean listen? (crossauth.toml)"));
        assert!(stderr.contains("session.idle_timeout = \"soon\": expected a duration"));
        assert!(stderr.contains("did you mean CROSSAUTH_LISTEN? (environment)"));
        assert!(stderr.contains("secret: expected at least 16 bytes"));
        assert!(!stderr.contains("canary"), "{stderr}");
    }
    assert!(!directory.path().join("crossauth-data").exists());
}

#[test]
fn missing_settings_file_exits_with_2() {
    let directory = tempfile::tempdir().unwrap();
    let output = run(directory.path(), &["config", "check", "--config", "none.toml"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("none.toml"));
}

#[test]
fn settings_are_checked_and_shown_without_starting_anything() {
    let directory = tempfile::tempdir().unwrap();
    let output = run(directory.path(), &["config", "check"]);
    assert_eq!(output.status.code(), Some(0));
    let output = crossauth()
        .arguments(&["config", "show", "--set", "log.level=debug"])
        .variable("CROSSAUTH_SECRET", "canary canary canary")
        .run_in(directory.path());
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(stdout.contains("log.level = \"debug\"  # command line\n"), "{stdout}");
    assert!(stdout.contains("secret = (hidden)  # CROSSAUTH_SECRET\n"), "{stdout}");
    assert!(!stdout.contains("canary"), "{stdout}");
    assert!(!directory.path().join("crossauth-data").exists());
}

#[test]
fn bad_usage_exits_with_2() {
    let directory = tempfile::tempdir().unwrap();
    for arguments in [
        &["srve"][..],
        &["--listen", "nowhere"],
        &["--set", "secret=sixteen bytes !!"],
        &["user", "list", "--listen", "3000"],
        &["migrate", "--dev"],
    ] {
        assert_eq!(run(directory.path(), arguments).status.code(), Some(2), "{arguments:?}");
    }
}

/// The lines of standard error of a command that must reject the configuration.
fn problems(directory: &Path, arguments: &[&str]) -> Vec<String> {
    let output = run(directory, arguments);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {stderr}");
    // Warnings are logged on the same stream.
    stderr.lines().filter(|line| line.starts_with("crossauth: ")).map(str::to_owned).collect()
}

#[test]
fn variables_of_orchestrators_do_not_prevent_the_start() {
    let directory = tempfile::tempdir().unwrap();
    let check = crossauth().arguments(&["config", "check"]);
    let in_kubernetes = [
        ("CROSSAUTH_SERVICE_HOST", "10.0.0.1"),
        ("CROSSAUTH_SERVICE_PORT", "3000"),
        ("CROSSAUTH_PORT", "tcp://10.0.0.1:3000"),
        ("CROSSAUTH_PORT_3000_TCP", "tcp://10.0.0.1:3000"),
        ("CROSSAUTH_PORT_3000_TCP_PROTO", "tcp"),
        ("CROSSAUTH_DB_SERVICE_HOST", "10.0.0.2"),
        ("CROSSAUTH_NAME", "/web/crossauth"),
        ("CROSSAUTH_ENV_PATH", "/bin"),
        ("CROSSAUTH_VERSION", "1.0"),
    ];
    let check =
        in_kubernetes.iter().fold(check, |check, (name, value)| check.variable(name, value));
    assert_eq!(check.run_in(directory.path()).status.code(), Some(0));
    let misspelt = check.variable("CROSSAUTH_LISEN", "127.0.0.1:3000").run_in(directory.path());
    assert_eq!(misspelt.status.code(), Some(2));
    let stderr = String::from_utf8(misspelt.stderr).unwrap();
    assert_eq!(
        stderr,
        "crossauth: CROSSAUTH_LISEN: no such setting; did you mean CROSSAUTH_LISTEN? (environment)\n"
    );
}

#[test]
fn command_line_settings_are_checked_with_all_others() {
    let directory = tempfile::tempdir().unwrap();
    let arguments = [
        "config",
        "check",
        "--set",
        "log.levl=x",
        "--set",
        "secret=canary",
        "--set",
        "dev",
        "--listen",
        ":3000",
    ];
    let lines = problems(directory.path(), &arguments);
    assert_eq!(lines.len(), 4, "{lines:?}");
    let all = lines.join("\n");
    assert!(all.contains("log.levl: no such setting; did you mean log.level? (command line)"));
    assert!(all.contains("secret: is a secret"), "{all}");
    assert!(all.contains("dev: expected `KEY=VALUE`"), "{all}");
    assert!(all.contains("`127.0.0.1:3000` or `3000` for this machine only"), "{all}");
    assert!(!all.contains("canary"), "{all}");
}

#[test]
fn port_without_host_is_a_loopback_address() {
    let directory = tempfile::tempdir().unwrap();
    for address in ["0", "localhost:0", "127.0.0.1:0"] {
        let output = run(directory.path(), &["config", "check", "--listen", address]);
        assert_eq!(output.status.code(), Some(0), "{address}");
    }
}

#[test]
fn check_reports_each_problem_of_a_start_once() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    std::fs::write(path.join("junk.db"), "certainly no database").unwrap();
    std::fs::write(path.join("file"), "").unwrap();
    std::fs::create_dir(path.join("data")).unwrap();
    std::fs::write(path.join("data/secret"), "short").unwrap();
    for (arguments, problem) in [
        (
            ["--set", "templates=nowhere"],
            "crossauth: templates = \"nowhere\": the directory does not exist (command line)",
        ),
        (["--set", "database.path=junk.db"], "crossauth: junk.db is not a SQLite database"),
        (["--set", "database.path=data"], "crossauth: data is not a regular file"),
        (["--data", "file/data"], "crossauth: cannot create the data directory file/data: "),
        (["--data", "data"], "crossauth: cannot use data/secret: "),
        (["--set", "listen=127.0.0.1:0\nx"], "crossauth: listen = "),
        (
            ["--set", "password.argon2_memory=1"],
            "crossauth: password.argon2_memory = \"1\": must be from 8KiB to 128MiB",
        ),
        (["--set", "prefix=auth"], "crossauth: prefix = \"auth\": expected a path of letters"),
        (
            ["--set", "prefix=/a/../b"],
            "crossauth: prefix = \"/a/../b\": expected a path of letters",
        ),
    ] {
        let arguments = [&["config", "check"], &arguments[..]].concat();
        let lines = problems(path, &arguments);
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(lines[0].starts_with(problem), "{lines:?}");
    }
    let start = run(path, &["--listen", "0", "--set", "database.path=junk.db"]);
    let stderr = String::from_utf8(start.stderr).unwrap();
    assert_eq!(start.status.code(), Some(1));
    assert!(stderr.ends_with("crossauth: junk.db is not a SQLite database\n"), "{stderr}");
}

#[test]
fn several_problems_of_a_start_are_found_at_once() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("junk.db"), "certainly no database").unwrap();
    std::fs::create_dir(directory.path().join("data")).unwrap();
    std::fs::write(directory.path().join("data/secret"), "short").unwrap();
    let arguments = ["config", "check", "--set", "database.path=junk.db", "--data", "data"];
    assert_eq!(problems(directory.path(), &arguments).len(), 2);
}

#[test]
fn unread_settings_file_in_the_working_directory_is_reported() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("crossauth.toml"), "site_name = 'Acme'").unwrap();
    let show = run(directory.path(), &["config", "show"]);
    let stdout = String::from_utf8(show.stdout).unwrap();
    assert!(stdout.starts_with("# ./crossauth.toml is not read: use --config"), "{stdout}");
    let show = run(directory.path(), &["config", "show", "--config", "crossauth.toml"]);
    let stdout = String::from_utf8(show.stdout).unwrap();
    assert!(!stdout.contains("is not read"), "{stdout}");
    assert!(stdout.contains("site_name = \"Acme\"  # crossauth.toml\n"), "{stdout}");
}

#[test]
fn check_renders_templates() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    std::fs::create_dir(path.join("t")).unwrap();
    let check = ["config", "check", "--set", "templates=t"];
    for (text, problem) in [
        ("\n{% extends 'login.html' %}", "cycle in template inheritance"),
        ("{% include 'login.html' %}", "login.html:1: "),
        ("\n\n{{ 1 // 0 }}", "login.html:3: "),
        (
            "{% import 'components.html' as ui %}\n{{ ui.submt('x') }}",
            "login.html:2: unknown method",
        ),
    ] {
        std::fs::write(path.join("t/login.html"), text).unwrap();
        let lines = problems(path, &check);
        assert!(lines.len() == 1 && lines[0].contains(problem), "{text}: {lines:?}");
        let start = run(path, &["--listen", "0", "--set", "templates=t"]);
        assert!(!start.status.success(), "{text}");
        assert!(String::from_utf8(start.stderr).unwrap().contains(problem), "{text}");
    }
    std::fs::rename(path.join("t/login.html"), path.join("t/lgoin.html")).unwrap();
    let output = run(path, &check);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{stderr}");
    assert!(stderr.contains("lgoin.html: not used"), "{stderr}");
}
