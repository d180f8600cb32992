//! Environments in which the server must not start: one line says what is wrong.

use std::fs;

use crate::process::crossauth;

/// A mail server, whose certificate needs authorities.
const MAIL: [(&str, &str); 2] =
    [("CROSSAUTH_MAIL_FROM", "a@b.example"), ("CROSSAUTH_MAIL_SMTP_HOST", "mail.example")];

#[test]
fn unsound_environments_are_refused_with_one_line() {
    let no_authorities = [&MAIL[..], &[("SSL_CERT_FILE", "/dev/null")]].concat();
    for (variables, arguments, code, told) in [
        (&no_authorities[..], &[][..], 2, "ca-certificates"),
        (&[("CROSSAUTH_SESION_MAX_AGE", "1h")], &[], 2, "CROSSAUTH_SESSION_MAX_AGE?"),
        (&[], &["--set", "sesion.max_age=1h"], 2, "did you mean session.max_age?"),
        (&[], &["--config", "unknown.toml"], 2, "did you mean"),
        (&[("CROSSAUTH_SECRET", "short")], &[], 2, "at least 16 bytes"),
        (&[("CROSSAUTH_SECRET", "")], &[], 2, "is empty"),
        (&[], &["--base-url", "http://auth.example.com"], 2, "https"),
        (&[], &["--listen", "0.0.0.0:0"], 2, "base_url"),
        // Nothing can be written there, not even by root.
        (&[], &["--data", "/proc/crossauth"], 1, "cannot create the data directory"),
        (&[], &["--set", "database.path=/proc/crossauth.db"], 1, "/proc/crossauth.db"),
        (&[], &["--set", "templates=missing"], 2, "the directory does not exist"),
    ] {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("unknown.toml"), "[session]\nmax_agee = 1\n").unwrap();
        let mut program = crossauth();
        if !arguments.contains(&"--listen") {
            program = program.arguments(&["--listen", "127.0.0.1:0"]);
        }
        for (name, value) in variables {
            program = program.variable(name, value);
        }
        let output = program.arguments(arguments).run_in(directory.path());
        let stderr = String::from_utf8(output.stderr).unwrap();
        let case = format!("{variables:?} {arguments:?}: {stderr}");
        assert_eq!(output.status.code(), Some(code), "{case}");
        assert!(output.stdout.is_empty(), "{case}");
        let errors: Vec<_> =
            stderr.lines().filter(|line| line.starts_with("crossauth: ")).collect();
        assert_eq!(errors.len(), 1, "{case}");
        assert!(errors[0].contains(told), "{case}");
        assert!(!stderr.contains("panicked") && !stderr.contains("short\""), "{case}");
    }
}
