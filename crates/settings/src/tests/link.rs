use std::time::Duration;

use crossauth_core::email_link::Activation;

use super::{from_environment, from_file, messages};

const MAIL: &str = "[mail]\nfrom = 'noreply@example.com'\nsmtp_host = 'smtp.example.com'\n";

#[test]
fn verification_and_reset_have_the_names_of_upstream() {
    let found = from_environment(&[
        ("CROSSAUTH_EMAIL_FROM", "noreply@example.com"),
        ("CROSSAUTH_SMTP_HOST", "smtp.example.com"),
        ("CROSSAUTH_ENABLE_EMAIL_VERIFICATION", "true"),
        ("CROSSAUTH_ENABLE_PASSWORD_RESET", "false"),
        ("CROSSAUTH_VERIFY_EMAIL_EXPIRES", "3600"),
        ("CROSSAUTH_PASSWORD_RESET_EXPIRES", "7200"),
    ])
    .unwrap()
    .settings;
    assert_eq!(found.email_verification.activation, Activation::On);
    assert_eq!(found.email_verification.lifetime, Duration::from_hours(1));
    assert_eq!(found.password_reset.activation, Activation::Off);
    assert_eq!(found.password_reset.lifetime, Duration::from_hours(2));
}

#[test]
fn either_that_is_on_without_mail_is_an_error() {
    for section in ["email_verification", "password_reset"] {
        let on = format!("[{section}]\nenabled = true\n");
        let problem = messages(from_file(&on));
        assert!(problem.contains(&format!("{section}.enabled")), "{problem}");
        assert!(problem.contains("set `mail.smtp_host`"), "{problem}");
        assert!(from_file(&format!("{on}{MAIL}")).is_ok());
        assert!(from_file(&format!("dev = true\n{on}")).is_ok());
        assert!(from_file(&format!("[{section}]\nenabled = false\n")).is_ok());
        let never = messages(from_file(&format!("[{section}]\nexpires = 0\n{MAIL}")));
        assert!(never.contains("set a longer time"), "{never}");
    }
}
