use std::time::Duration;

use crossauth_core::factor::Configured;
use crossauth_core::user::FactorName;

use super::{from_environment, from_file, messages};

const MAIL: &str =
    "mail.from = 'a@b.example'\nmail.smtp_host = 'localhost'\nmail.smtp_tls = 'none'\n";

fn offered(text: &str) -> Vec<String> {
    let settings = from_file(text).unwrap().settings;
    let config = settings.factors();
    config.second.iter().map(|factor| format!("{factor:?}")).collect()
}

#[test]
fn factors_are_those_whose_codes_can_be_sent() {
    assert_eq!(offered(""), ["Totp"]);
    assert_eq!(offered(MAIL), ["Totp", "Email"]);
    assert_eq!(offered("dev = true"), ["Totp", "Email", "Sms"]);
}

#[test]
fn account_at_twilio_without_a_sender_offers_no_text_messages() {
    let shared = [("TWILIO_ACCOUNT_SID", "AC1"), ("TWILIO_AUTH_TOKEN", "t")];
    let settings = from_environment(&shared).unwrap().settings;
    assert_eq!(settings.factors().second.len(), 1, "{:?}", settings.factors().second);
    let wanted = [shared[0], shared[1], ("CROSSAUTH_FACTOR2_ALLOWED", "none,sms")];
    let problems = messages(from_environment(&wanted));
    assert!(problems.contains("`sms` needs a gateway"), "{problems}");
}

#[test]
fn authenticator_applications_show_the_name_of_the_site() {
    let settings = from_file("site_name = 'Northwind'").unwrap().settings;
    let Configured::Totp { issuer } = &settings.factors().second[0] else { panic!() };
    assert_eq!(issuer, "Northwind");
}

#[test]
fn factor_that_is_not_set_up_is_reported() {
    for (text, reason) in [
        ("factor2.allowed = ['email']", "`email` needs a mail server"),
        ("factor2.allowed = ['none', 'sms']", "`sms` needs a gateway"),
        ("factor2.allowed = ['totp', 'retina']", "may have `none`, `totp`, `email` and `sms`"),
    ] {
        let problems = messages(from_file(text));
        assert!(problems.contains(reason), "{problems}");
    }
    let settings = from_file(&format!("factor2.allowed = ['totp', 'email']\n{MAIL}")).unwrap();
    assert_eq!(settings.settings.factors().allowed, ["totp", "email"]);
}

#[test]
fn mandatory_factor_whose_codes_the_sign_up_form_cannot_address_is_reported() {
    let gateway = "sms.twilio_account_sid = 'AC1'\nsms.twilio_auth_token = 't'\n\
                   sms.from = '+12345678'\n";
    let unverified = "email_verification.enabled = false\n";
    let sms = "factor2.allowed = ['sms']\ndev = true\n";
    let email = format!("factor2.allowed = ['email']\n{MAIL}{unverified}");
    let both = format!("factor2.allowed = ['sms', 'email']\n{MAIL}{unverified}{gateway}");
    for missing in [sms, &email, &both] {
        let problems = messages(from_file(missing));
        assert!(problems.contains("does not ask where to send its codes"), "{problems}");
    }
    for (text, field) in [
        (sms, "signup.fields = [{ name = 'phone' }]"),
        (sms, "signup.editable_fields = ['phone']"),
        (sms, "signup.enabled = false"),
        (&email, "signup.editable_fields = ['email']"),
        (&both, "signup.editable_fields = ['email']"),
        (&both, "signup.fields = [{ name = 'phone' }]"),
        (&email.replace(unverified, ""), ""),
        (&sms.replace("'sms'", "'sms', 'totp'"), ""),
        (&sms.replace("'sms'", "'none', 'sms'"), ""),
    ] {
        let text = format!("{text}{field}");
        let configuration = from_file(&text);
        assert!(configuration.is_ok(), "{text}: {}", messages(configuration));
    }
}

#[test]
fn upstreams_name_is_read_and_its_own_factors_only_warn() {
    let allowed = [("CROSSAUTH_ALLOWED_FACTOR2", "none,totp,dummyFactor2")];
    let configuration = from_environment(&allowed).unwrap();
    assert_eq!(configuration.settings.factors().allowed, ["none", "totp", "dummyFactor2"]);
    assert_eq!(configuration.warnings().len(), 1, "{:?}", configuration.warnings());
    let unusable = from_environment(&[("CROSSAUTH_ALLOWED_FACTOR2", "dummyFactor2")]);
    assert!(messages(unusable).contains("no user could log in"));
}

#[test]
fn names_lifetimes_protected_endpoints_and_the_cookie_of_devices_can_be_set() {
    let settings = from_file("factor2.app_name = 'Shop'\nfactor2.totp_name = 'Phone app'");
    let config = settings.unwrap().settings.factors();
    assert!(matches!(&config.second[..], [Configured::Totp { issuer }] if issuer == "Shop"));
    assert_eq!(config.friendly_names[&FactorName::TOTP], "Phone app");
    let settings = from_environment(&[
        ("CROSSAUTH_EMAIL_AUTHENTICATOR_TOKEN_EXPIRES", "120"),
        ("CROSSAUTH_FACTOR2_PROTECTED_PAGE_ENDPOINTS", "[\"/updateuser\"]"),
        ("CROSSAUTH_FACTOR2_PROTECTED_API_ENDPOINTS", "[\"/api/updateuser\"]"),
        ("CROSSAUTH_KNOWNDEVICE_COOKIE_NAME", "DEVICE"),
        ("CROSSAUTH_KNOWNDEVICE_COOKIE_SAMESITE", "strict"),
    ]);
    let settings = settings.unwrap().settings;
    assert_eq!(settings.factors().code_lifetime.as_secs(), 120);
    assert_eq!(settings.second_factors.protected.pages, ["/updateuser"]);
    assert_eq!(settings.second_factors.protected.apis, ["/api/updateuser"]);
    assert_eq!(settings.cookies.config.device.name, "DEVICE");
}

#[test]
fn impossible_lifetimes_and_cookies_are_reported() {
    for (text, expected) in [
        ("factor2.code_lifetime = '1h'", "factor2.code_lifetime = \"1h\": must be between"),
        ("factor2.code_lifetime = 0", "must be between one second and ten minutes"),
        ("known_device.cookie_name = 'SESSIONID'", "must differ from the names"),
        ("known_browser.cookie_name = 'KNOWNDEVICE'", "must differ from the names"),
        ("known_device.secure = true", "if and only if `base_url` is https"),
        ("known_device.same_site = 'none'", "browsers accept `none` only over https"),
    ] {
        let found = messages(from_file(text));
        assert!(found.contains(expected), "{text}: {found}");
    }
}

#[test]
fn devices_are_remembered_as_long_as_set_or_not_at_all() {
    for (text, days) in [
        ("", Some(30)),
        ("known_device.max_age = '7d'", Some(7)),
        ("known_device.enabled = false", None),
        ("known_device.enabled = false\nknown_device.max_age = '7d'", None),
    ] {
        let lifetime = from_file(text).unwrap().settings.factors().device_lifetime;
        assert_eq!(lifetime, days.map(|days| Duration::from_hours(24 * days)), "{text}");
    }
    let found = messages(from_file("known_device.max_age = 0"));
    assert!(found.contains("`known_device.enabled = false` remembers no devices"), "{found}");
}

#[test]
fn the_dummy_factor_exists_in_development_only() {
    let dummy = "factor2.danger_dummy_code = '1234'\n";
    assert_eq!(offered(&format!("{dummy}dev = true")), ["Totp", "Email", "Sms", "DangerDummy"]);
    let allowed = format!("{dummy}dev = true\nfactor2.allowed = ['dummyFactor2']");
    assert_eq!(from_file(&allowed).unwrap().settings.factors().allowed, ["dummyFactor2"]);
    for text in [dummy, &format!("{dummy}factor2.allowed = ['dummyFactor2']")] {
        let found = messages(from_file(text));
        assert_eq!(found.lines().count(), 1, "{found}");
        assert!(
            found.contains("factor2.danger_dummy_code = \"1234\": protects nothing"),
            "{found}"
        );
    }
    let found = messages(from_file("factor2.allowed = ['dummyFactor2']\ndev = true"));
    assert!(found.contains("may have `none`, `totp`, `email` and `sms`"), "{found}");
}

#[test]
fn misspelt_endpoints_are_reported_with_the_nearest_name() {
    let found = messages(from_file("prefix = '/auth/'\nendpoints = ['/auth/login', 'sinup']"));
    assert!(found.contains("no such endpoint: `sinup` (did you mean `signup`?)"), "{found}");
    let upstream = [("CROSSAUTH_SESSION_ENDPOINTS", r#"["SessionPageEndpoints", "api/login"]"#)];
    let settings = from_environment(&upstream).unwrap().settings;
    let endpoints = settings.site.config.endpoints.unwrap();
    assert_eq!(endpoints, ["SessionPageEndpoints", "api/login"]);
    assert!(from_file("endpoints = ['allMinusOAuth']").is_ok());
}

#[test]
fn misspelt_protected_endpoints_are_reported_with_the_nearest_name() {
    let text = "lissten = 'x'\nprefix = '/auth/'\n\
                factor2.protected_pages = ['/auth/updateuser', 'upadteuser', '/x']\n\
                factor2.protected_api = ['/api/deletuser', 'api/sessions']";
    let found = messages(from_file(text));
    assert_eq!(found.lines().count(), 3, "{found}");
    for expected in [
        "no such endpoint: `upadteuser` (did you mean `updateuser`?), `x` (",
        "no such endpoint: `api/deletuser` (did you mean `api/deleteuser`?), `api/sessions`",
        "lissten: no such setting; did you mean listen?",
    ] {
        assert!(found.contains(expected), "{expected}: {found}");
    }
    let upstream = [("CROSSAUTH_FACTOR2_PROTECTED_PAGE_ENDPOINTS", r#"["/upadteuser"]"#)];
    assert!(messages(from_environment(&upstream)).contains("did you mean `updateuser`?"));
}
