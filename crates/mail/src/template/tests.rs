//! Each template, rendered with samples.

use std::collections::BTreeSet;
use std::fs;

use crossauth_core::message::{Channel, MessageKind};
use crossauth_core::outbox::{Rendered, Renderer as _};
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use super::default::{ALL, sample};
use super::{MessageFiles, TemplateConfig, TemplateError, Templates};

fn templates(files: &[(&str, &str)]) -> (Result<Templates, TemplateError>, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("mail")).unwrap();
    for (name, text) in files {
        fs::write(directory.path().join(name), text).unwrap();
    }
    let config = TemplateConfig {
        directory: Some(directory.path().to_owned()),
        ..TemplateConfig::default()
    };
    (Templates::new(config), directory)
}

fn render(files: &[(&str, &str)], kind: &MessageKind, variables: &Map<String, Value>) -> Rendered {
    templates(files).0.unwrap().render(kind, Channel::Email, variables).unwrap()
}

#[test]
fn every_template_is_rendered_with_every_variable_of_its_sample() {
    let templates = Templates::new(TemplateConfig::default()).unwrap();
    for kind in MessageKind::ALL {
        let variables = sample(kind);
        let rendered = templates.render(kind, Channel::Email, &variables).unwrap();
        let html = rendered.html.unwrap();
        assert!(!rendered.subject.is_empty() && rendered.subject.len() < 60, "{kind}");
        for (name, value) in &variables {
            let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            for text in [&rendered.text, &html] {
                let is_shown =
                    text.contains(&shown) || text.contains(&shown.replace('/', "&#x2f;"));
                // The text names no page of the site unless there is something to do there.
                let flags = ["unfinished", "passwordResetEnabled"];
                let is_optional = ["siteUrl", "prefix"].contains(&name.as_str())
                    || flags.contains(&name.as_str());
                assert!(is_shown || is_optional, "{kind}: {name} is not in {text}");
            }
        }
        for text in [&rendered.text, &html] {
            assert!(!text.contains("{{") && !text.contains("{%"), "{kind}: {text}");
        }
        assert!(rendered.text.lines().all(|line| line.len() <= 110), "{kind}: {}", rendered.text);
    }
}

#[test]
fn owner_of_an_address_in_use_is_told_to_log_in_or_to_finish_the_sign_up() {
    let kind = MessageKind::AccountExists;
    let mut variables = sample(&kind);
    let rendered = render(&[], &kind, &variables);
    assert_eq!(rendered.subject, "Finish your sign-up");
    for text in [&rendered.text, rendered.html.as_ref().unwrap()] {
        assert!(text.contains("signup") && text.contains("requestpasswordreset"), "{text}");
        assert!(!text.contains("already"), "{text}");
    }
    variables.insert("unfinished".into(), "".into());
    let rendered = render(&[], &kind, &variables);
    assert_eq!(rendered.subject, "You already have an account");
    assert!(
        rendered.text.contains("log in") && !rendered.text.contains("signup"),
        "{}",
        rendered.text
    );
}

#[test]
fn owner_of_an_address_in_use_is_led_to_no_password_reset_where_there_is_none() {
    let kind = MessageKind::AccountExists;
    let mut variables = sample(&kind);
    for unfinished in ["true", ""] {
        variables.insert("unfinished".into(), unfinished.into());
        for (enabled, expected) in [("true", true), ("", false)] {
            variables.insert("passwordResetEnabled".into(), enabled.into());
            let rendered = render(&[], &kind, &variables);
            for text in [&rendered.text, rendered.html.as_ref().unwrap()] {
                assert_eq!(text.contains("forgotten"), expected, "{text}");
                assert_eq!(text.contains("requestpasswordreset"), expected && unfinished == "true");
            }
        }
    }
}

#[test]
fn every_variable_and_template_is_documented() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/templates.md");
    let documented = fs::read_to_string(path).unwrap();
    let row =
        |kind: &str| documented.lines().find(|line| line.starts_with(&format!("| `{kind}` ")));
    for kind in MessageKind::ALL {
        let row = row(kind.as_str()).unwrap_or_else(|| panic!("{kind} is not documented"));
        let common = ["siteName", "siteUrl", "prefix"];
        for name in sample(kind).keys().filter(|name| !common.contains(&name.as_str())) {
            assert!(row.contains(&format!("`{name}`")), "{kind}: {name} is not in {row}");
        }
    }
}

#[test]
fn every_file_of_the_folder_is_a_default() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/templates");
    let files: BTreeSet<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| format!("mail/{}", entry.unwrap().file_name().to_str().unwrap()))
        .collect();
    let known: BTreeSet<_> = ALL.iter().map(|default| default.name.to_owned()).collect();
    assert_eq!(files, known);
}

#[test]
fn r1_links_begin_with_the_configured_address() {
    for (kind, path) in [
        (MessageKind::EmailVerification, "verifyemail/"),
        (MessageKind::PasswordReset, "resetpassword/"),
    ] {
        let rendered = render(&[], &kind, &sample(&kind));
        let link = format!("https://northwind.example/auth/{path}Z4tSjq8hQ2mJ3kL5nP7rTw");
        assert!(rendered.text.lines().any(|line| line == link), "{}", rendered.text);
        let html = rendered.html.unwrap().replace("&#x2f;", "/");
        assert!(html.contains(&format!("href=\"{link}\"")), "{html}");
    }
}

#[test]
fn r16_markup_in_names_is_text() {
    let hostile = "<a href=\"https://evil.example\">click</a>&amp;'";
    let mut variables = sample(&MessageKind::PasswordChanged);
    variables.insert("username".into(), json!(hostile));
    variables.insert("siteName".into(), json!("<script>"));
    let rendered = render(&[], &MessageKind::PasswordChanged, &variables);
    let html = rendered.html.unwrap();
    assert!(!html.contains("<a href=\"https://evil") && !html.contains("<script"), "{html}");
    assert!(html.contains("&lt;a href="), "{html}");
    assert!(rendered.text.contains(hostile), "text stays as it is: {}", rendered.text);
}

#[test]
fn r15_line_breaks_in_names_begin_no_line() {
    let mut variables = sample(&MessageKind::PasswordChanged);
    let hostile = "ada\r\n.\r\nBcc: eve@evil.example\r\n\r\nhttps://evil.example\u{202E}";
    variables.insert("username".into(), json!(hostile));
    let files = [("mail/password_changed.txt", "Subject: For {{ username }}\n\n{{ username }}\n")];
    let rendered = render(&files, &MessageKind::PasswordChanged, &variables);
    let expected = "ada . Bcc: eve@evil.example https://evil.example";
    assert_eq!(rendered.subject, format!("For {expected}"));
    assert_eq!(rendered.text.lines().count(), 1, "{:?}", rendered.text);
}

#[test]
fn a_text_message_is_one_short_text() {
    let (templates, _directory) = templates(&[]);
    let rendered = templates
        .unwrap()
        .render(&MessageKind::LoginCode, Channel::Sms, &sample(&MessageKind::LoginCode))
        .unwrap();
    let expected = Rendered {
        subject: String::new(),
        text: "123456 is your code for Northwind".into(),
        html: None,
    };
    assert!(rendered == expected, "{}", rendered.text);
}

#[test]
fn a_file_of_our_name_replaces_a_default() {
    let kind = MessageKind::PasswordReset;
    let text = "Subject: New password at {{ siteName }}\n\nToken {{ token }}\n";
    let rendered = render(&[("mail/password_reset.txt", text)], &kind, &sample(&kind));
    assert_eq!(rendered.subject, "New password at Northwind");
    assert_eq!(rendered.text, "Token Z4tSjq8hQ2mJ3kL5nP7rTw");
    assert!(rendered.html.is_none(), "the default would hide the operator's words");
    let both = [("mail/password_reset.txt", text), ("mail/password_reset.html", "<p>{{ token }}")];
    assert_eq!(render(&both, &kind, &sample(&kind)).html.unwrap(), "<p>Z4tSjq8hQ2mJ3kL5nP7rTw");
    let layout = [("mail/layout.html", "<hr>{% block content %}{% endblock %}")];
    let rendered = render(&layout, &kind, &sample(&kind));
    assert!(rendered.html.unwrap().starts_with("<hr>"));
    assert_eq!(rendered.subject, "Reset your password");
}

#[test]
fn upstreams_templates_serve_under_their_names_and_variables() {
    let files = [
        ("passwordresettextbody.njk", "Go to {{ siteUrl }}{{ prefix }}resetpassword/{{token}}"),
        ("emailverificationtextbody.jinja2", "Verify: {{ token }}"),
        ("emailauthenticationtextbody.njk", "Your code is {{ otp }}"),
        ("smsauthenticationbody.njk", "Code {{ otp }}"),
    ];
    let (templates, _directory) = templates(&files);
    let templates = templates.unwrap();
    let render = |kind: MessageKind, channel| {
        let rendered = templates.render(&kind, channel, &sample(&kind)).unwrap();
        assert!(rendered.html.is_none());
        rendered.text
    };
    assert_eq!(
        render(MessageKind::PasswordReset, Channel::Email),
        "Go to https://northwind.example/auth/resetpassword/Z4tSjq8hQ2mJ3kL5nP7rTw"
    );
    let verification = render(MessageKind::EmailVerification, Channel::Email);
    assert_eq!(verification, "Verify: Z4tSjq8hQ2mJ3kL5nP7rTw");
    assert_eq!(render(MessageKind::LoginCode, Channel::Email), "Your code is 123456");
    assert_eq!(render(MessageKind::LoginCode, Channel::Sms), "Code 123456");
}

#[test]
fn settings_name_files_and_subjects() {
    let directory = tempfile::tempdir().unwrap();
    for (name, text) in
        [("v.txt", "V {{ token }}"), ("v.njk", "<b>{{ token }}"), ("s", "S {{otp}}")]
    {
        fs::write(directory.path().join(name), text).unwrap();
    }
    let verification = MessageFiles {
        text: Some("v.txt".into()),
        html: Some("v.njk".into()),
        subject: Some("Welcome to {{ siteName }}".into()),
        sms: None,
    };
    let code = MessageFiles { sms: Some("s".into()), ..MessageFiles::default() };
    let config = TemplateConfig {
        directory: Some(directory.path().to_owned()),
        files: [("email_verification", verification), ("login_code", code)].into(),
        ..TemplateConfig::default()
    };
    let templates = Templates::new(config.clone()).unwrap();
    let kind = MessageKind::EmailVerification;
    let mut variables = sample(&kind);
    variables.insert("token".into(), json!("<t>"));
    let rendered = templates.render(&kind, Channel::Email, &variables).unwrap();
    assert_eq!(rendered.subject, "Welcome to Northwind");
    assert_eq!((&*rendered.text, rendered.html.as_deref()), ("V <t>", Some("<b>&lt;t&gt;")));
    let kind = MessageKind::LoginCode;
    let rendered = templates.render(&kind, Channel::Sms, &sample(&kind)).unwrap();
    assert_eq!(rendered.text, "S 123456");
    fs::remove_file(directory.path().join("v.txt")).unwrap();
    let error = Templates::new(config).unwrap_err();
    assert!(error.to_string().contains("v.txt"), "{error}");
}

#[test]
fn applications_add_messages_of_their_own() {
    let kind = MessageKind::Custom("invitation".into());
    let files = [("mail/invitation.txt", "Subject: Come\n\nTo {{ place }}")];
    let variables = Map::from_iter([("place".to_owned(), json!("Vienna"))]);
    let rendered = render(&files, &kind, &variables);
    assert_eq!((&*rendered.subject, &*rendered.text), ("Come", "To Vienna"));
    for absent in ["absent", "../secret", ""] {
        let kind = MessageKind::Custom(absent.into());
        let (templates, _directory) = templates(&files);
        let error = templates.unwrap().render(&kind, Channel::Email, &variables).unwrap_err();
        assert!(error.to_string().contains("there is no such template"), "{error}");
    }
}

#[test]
fn a_wrong_template_is_found_at_the_start_and_named() {
    for (name, text) in [
        ("mail/login_code.txt", "{{ otp"),
        ("mail/login_code.html", "{{ otp|nosuchfilter }}"),
        ("mail/login_code.sms.txt", "{% include 'absent' %}"),
        ("passwordresettextbody.njk", "{% if %}"),
    ] {
        let error = templates(&[(name, text)]).0.unwrap_err();
        assert!(error.to_string().contains(name), "{error}");
    }
}

#[test]
fn changed_templates_are_read_again_in_development() {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("mail")).unwrap();
    let file = directory.path().join("mail/account_deleted.txt");
    fs::write(&file, "one").unwrap();
    let config = |reload| TemplateConfig {
        directory: Some(directory.path().to_owned()),
        reload,
        ..TemplateConfig::default()
    };
    let [fixed, reloading] = [false, true].map(|reload| Templates::new(config(reload)).unwrap());
    fs::write(&file, "two").unwrap();
    let text = |templates: &Templates| {
        let kind = MessageKind::AccountDeleted;
        templates.render(&kind, Channel::Email, &sample(&kind)).unwrap().text
    };
    assert_eq!((text(&fixed).as_str(), text(&reloading).as_str()), ("one", "two"));
}
