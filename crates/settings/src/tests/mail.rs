use crossauth_core::message::Channel;
use crossauth_core::outbox::Delivery;
use crossauth_mail::SmtpTls;

use super::{from_environment, from_file, messages};
use crate::{Inputs, Program};

/// A mail server whose connections need no certificates of the system.
const LOCAL: &str =
    "mail.from = 'a@b.example'\nmail.smtp_host = 'localhost'\nmail.smtp_tls = 'none'\n";

const GATEWAY: &str = "sms.from = '+15005550006'\nsms.twilio_account_sid = 'AC1'\n\
                       sms.twilio_auth_token = 't'\nsms.twilio_url = 'http://127.0.0.1:1'\n";

fn delivery(text: &str) -> Delivery {
    from_file(text).unwrap().settings.delivery().unwrap()
}

#[test]
fn nothing_is_sent_without_settings() {
    let delivery = delivery("");
    assert!(!delivery.can_send(Channel::Email) && !delivery.can_send(Channel::Sms));
}

#[test]
fn mail_and_text_messages_are_sent_where_they_are_set_up() {
    let mail = delivery(LOCAL);
    assert!(mail.mail.is_some() && mail.sms.is_none() && mail.preview.is_none());
    let sms = delivery(GATEWAY);
    assert!(sms.mail.is_none() && sms.sms.is_some() && sms.preview.is_none());
    let development = delivery(&format!("dev = true\n{LOCAL}"));
    assert!(development.preview.is_some() && development.can_send(Channel::Sms));
}

#[test]
fn upstreams_names_are_read() {
    let settings = from_environment(&[
        ("CROSSAUTH_EMAIL_FROM", "Northwind <a@b.example>"),
        ("CROSSAUTH_SMTP_HOST", "localhost"),
        ("CROSSAUTH_SMTP_PORT", "2525"),
        ("CROSSAUTH_SMTP_USE_TLS", "false"),
        ("CROSSAUTH_SMTP_USERNAME", "mailer"),
        ("CROSSAUTH_SMTP_PASSWORD", "canary"),
        ("CROSSAUTH_EMAIL_VERIFICATION_SUBJECT", "Please verify your email"),
        ("CROSSAUTH_PASSWORD_RESET_TEXT_BODY", "passwordresettextbody.njk"),
        ("CROSSAUTH_EMAIL_AUTHENTICATOR_HTML_BODY", "code.njk"),
        ("CROSSAUTH_SMS_AUTHENTICATOR_FROM", "+15005550006"),
        ("CROSSAUTH_SMS_AUTHENTICATOR_BODY", "sms.njk"),
        ("CROSSAUTH_SMS_TWILIO_URL", "http://localhost:1"),
        ("TWILIO_ACCOUNT_SID", "AC1"),
        ("TWILIO_AUTH_TOKEN", "canary"),
    ]);
    let configuration = settings.unwrap();
    let (mail, sms) = (&configuration.settings.mail, &configuration.settings.sms);
    assert_eq!(mail.from.as_ref().unwrap().to_string(), "Northwind <a@b.example>");
    assert_eq!((mail.host.as_deref(), mail.port), (Some("localhost"), 2525));
    assert_eq!((mail.tls, mail.username.as_deref()), (SmtpTls::None, Some("mailer")));
    assert_eq!(mail.verification.subject.as_deref(), Some("Please verify your email"));
    assert_eq!(mail.reset.text.as_deref(), Some("passwordresettextbody.njk"));
    assert_eq!(mail.code.html.as_deref(), Some("code.njk"));
    assert_eq!((sms.account_sid.as_deref(), sms.body.as_deref()), (Some("AC1"), Some("sms.njk")));
    assert!(mail.password.is_some() && sms.auth_token.is_some());
    let shown = format!("{configuration:?} {}", configuration.lines().collect::<String>());
    assert!(!shown.contains("canary"), "{shown}");
}

#[test]
fn tls_is_chosen_by_word() {
    for (word, tls) in [
        ("true", SmtpTls::ByPort),
        ("auto", SmtpTls::ByPort),
        ("starttls", SmtpTls::StartTls),
        ("implicit", SmtpTls::Implicit),
        ("none", SmtpTls::None),
        ("false", SmtpTls::None),
        ("0", SmtpTls::None),
    ] {
        let settings = from_file(&format!("mail.smtp_tls = '{word}'")).unwrap().settings;
        assert_eq!(settings.mail.tls, tls, "{word}");
    }
}

#[test]
fn half_configured_groups_are_reported_with_all_others() {
    for (text, expected) in [
        ("mail.smtp_host = 'localhost'", &["mail.from: e-mails need a sender"][..]),
        ("mail.from = 'a@b.example'", &["mail.from = \"a@b.example\": is of no use without"]),
        (
            "mail.smtp_password = 'p'\nmail.smtp_username = 'u'",
            &[
                "mail.smtp_username = \"u\": is of no use without",
                "mail.smtp_password: is of no use without",
            ],
        ),
        (&format!("{LOCAL}mail.smtp_username = 'u'"), &["mail.smtp_password: is missing"]),
        (&format!("{LOCAL}mail.smtp_password = 'p'"), &["mail.smtp_username: is missing"]),
        (
            "sms.allowed_prefixes = ['+43', '0049']",
            &["sms.allowed_prefixes", "must be `+` and digits"],
        ),
        (
            "sms.from = '+1'",
            &["sms.twilio_account_sid: is missing", "sms.twilio_auth_token: is missing"],
        ),
        ("sms.twilio_account_sid = 'AC1'\nsms.twilio_auth_token = 't'", &["sms.from: is missing"]),
        (
            "lissten = 'x'\nmail.from = 'unknown'\nmail.smtp_port = 0\nsms.from = '+1'",
            &[
                "lissten: no such setting",
                "mail.from = \"unknown\": expected an address",
                "mail.smtp_port = \"0\": expected a port",
                "sms.twilio_account_sid: is missing",
            ],
        ),
        (
            &format!("{GATEWAY}sms.twilio_url = 'http://gateway.example'")
                .replace("sms.twilio_url = 'http://127.0.0.1:1'\n", ""),
            &["sms.twilio_url"],
        ),
        (
            &format!("{LOCAL}mail.smtp_ca = '/no/such/file'").replace("none", "starttls"),
            &["mail.smtp_ca = \"/no/such/file\": cannot read /no/such/file"],
        ),
    ] {
        let found = messages(from_file(text));
        for expected in expected {
            assert!(found.contains(expected), "{text}: {found}");
        }
    }
}

#[test]
fn a_password_is_not_sent_unencrypted_to_another_machine() {
    let account = "mail.smtp_username = 'u'\nmail.smtp_password = 'p'\n";
    from_file(&format!("{LOCAL}{account}")).unwrap();
    let remote = LOCAL.replace("localhost", "smtp.example.com");
    from_file(&remote).unwrap();
    let found = messages(from_file(&format!("{remote}{account}")));
    assert!(found.contains("mail.smtp_tls = \"none\": the password"), "{found}");
    let upstream = from_environment(&[
        ("CROSSAUTH_EMAIL_FROM", "a@b.example"),
        ("CROSSAUTH_SMTP_HOST", "smtp.example.com"),
        ("CROSSAUTH_SMTP_USE_TLS", "false"),
        ("CROSSAUTH_SMTP_USERNAME", "u"),
        ("CROSSAUTH_SMTP_PASSWORD", "p"),
    ]);
    assert_eq!(upstream.unwrap().warnings().len(), 1);
}

#[test]
fn an_account_at_twilio_that_another_program_uses_is_ignored() {
    let shared = [("TWILIO_ACCOUNT_SID", "AC1"), ("TWILIO_AUTH_TOKEN", "t"), ("TWILIO_X", "y")];
    let settings = from_environment(&shared).unwrap().settings;
    assert!(!settings.delivery().unwrap().can_send(Channel::Sms));
    let program = Program::Application;
    Inputs::new(program).environment(shared).load().unwrap();
}

#[test]
fn a_wrong_template_of_a_message_stops_the_start() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir(directory.path().join("mail")).unwrap();
    std::fs::write(directory.path().join("mail/login_code.txt"), "{{ otp").unwrap();
    let text = format!("templates = '{}'", directory.path().display());
    let error = from_file(&text).unwrap().settings.delivery().unwrap_err();
    assert!(error.to_string().contains("mail/login_code.txt"), "{error}");
}
