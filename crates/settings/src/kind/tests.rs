use std::num::NonZeroUsize;
use std::time::Duration;

use super::*;

fn parse<K: Kind>(text: &str) -> Option<K::Value> {
    K::parse(&Raw::Text(text.to_owned())).ok()
}

#[test]
fn durations_have_units_or_are_seconds() {
    for (text, seconds) in
        [("30d", 2_592_000), ("15m", 900), ("90", 90), ("2 h", 7200), ("1w", 604_800), ("0", 0)]
    {
        assert_eq!(parse::<Span>(text), Some(Duration::from_secs(seconds)), "{text}");
    }
    assert_eq!(parse::<Span>("250ms"), Some(Duration::from_millis(250)));
    for text in ["", "d", "-1", "1.5h", "3 parsecs", "99999999999999999w", "1h30m"] {
        assert_eq!(parse::<Span>(text), None, "{text}");
    }
}

#[test]
fn zero_means_no_limit() {
    assert_eq!(parse::<OptionalSpan>("0"), Some(None));
    assert_eq!(parse::<OptionalSpan>("0s"), Some(None));
    assert_eq!(parse::<OptionalSpan>("1m"), Some(Some(Duration::from_mins(1))));
}

#[test]
fn sizes_have_units_or_are_bytes() {
    assert_eq!(parse::<ByteSize>("64KiB"), Some(65_536));
    assert_eq!(parse::<ByteSize>("10"), Some(10));
    assert_eq!(parse::<ByteSize>("10 B"), Some(10));
    assert_eq!(parse::<ByteSize>("64KB"), None);
    assert_eq!(parse::<ByteSize>("99999999999999GiB"), None);
    assert_eq!(parse::<Kibibytes>("19MiB"), Some(19 * 1024));
}

#[test]
fn formatted_values_are_parsed_back() {
    for text in ["30d", "36h", "90s", "1ms", "0s"] {
        let shown = parse::<Span>(text).and_then(|value| Span::show(&value));
        assert_eq!(shown.as_deref(), Some(text));
    }
    for text in ["64KiB", "1000", "2GiB"] {
        let shown = parse::<ByteSize>(text).and_then(|value| ByteSize::show(&value));
        assert_eq!(shown.as_deref(), Some(text));
    }
    assert_eq!(List::show(&vec!["a".to_owned(), "b".to_owned()]).as_deref(), Some("a,b"));
    assert_eq!(Flag::show(&true).as_deref(), Some("true"));
}

#[test]
fn lists_are_json_or_separated_by_commas() {
    let names = vec!["a".to_owned(), "b".to_owned()];
    assert_eq!(parse::<List>(r#"["a", "b"]"#), Some(names.clone()));
    assert_eq!(parse::<List>("a, b,"), Some(names));
    assert_eq!(parse::<List>("[1]"), None);
}

#[test]
fn port_alone_listens_on_this_machine_only() {
    for text in ["3000", "localhost:3000", "127.0.0.1:3000", " 127.0.0.1:3000 "] {
        let address = parse::<Listen>(text);
        assert_eq!(address.map(|address| address.to_string()).as_deref(), Some("127.0.0.1:3000"));
    }
    for text in ["", "localhost", ":3000", "example.com:3000", "127.0.0.1", "65536", "tcp://x:1"] {
        assert_eq!(parse::<Listen>(text), None, "{text}");
    }
}

#[test]
fn path_never_resolves_to_another_host() {
    assert!(parse::<LocalPath>("/auth/").is_some());
    for text in ["", "auth", "//evil.example", "/\\evil.example", "https://evil.example", "/a b"] {
        assert!(parse::<LocalPath>(text).is_none(), "{text}");
    }
}

#[test]
fn prefix_is_a_plain_path() {
    for text in ["/", "/auth", "/auth/", "/a/b-c_d.e~f/"] {
        assert!(parse::<Prefix>(text).is_some(), "{text}");
    }
    for text in ["", "auth", "//", "//a", "/a//b", "/a/../b/", "/./", "/a b", "/a?b", "/ä/"] {
        assert!(parse::<Prefix>(text).is_none(), "{text}");
    }
}

#[test]
fn prefix_of_administration_may_lack_its_first_slash() {
    for text in ["/admin/", "admin/", "admin"] {
        assert!(parse::<AdminPrefix>(text).unwrap().starts_with("/admin"), "{text}");
    }
    for text in ["//admin", "a//b", "../admin", "a b"] {
        assert!(parse::<AdminPrefix>(text).is_none(), "{text}");
    }
}

#[test]
fn domain_is_valid_in_a_cookie() {
    for text in ["example.com", "a-b.example"] {
        assert!(parse::<Domain>(text).is_some(), "{text}");
    }
    for text in ["_", "-", ".", "a..b", "exa mple.com", "a;b", "é"] {
        assert!(parse::<Domain>(text).is_none(), "{text}");
    }
}

#[test]
fn csrf_header_must_begin_with_x() {
    assert!(parse::<HeaderName>("X-My-Token").is_some());
    for text in ["Authorization", "X-", "x", "X-a b", ""] {
        assert!(parse::<HeaderName>(text).is_none(), "{text}");
    }
}

#[test]
fn secrets_are_long_and_never_shown() {
    assert!(parse::<SecretText>("fifteen bytes !").is_none());
    let secret = parse::<SecretText>("sixteen bytes !!").unwrap();
    assert_eq!(secret.expose(), "sixteen bytes !!");
    assert_eq!(SecretText::show(&secret), None);
    assert!(parse::<PepperText>("fifteen bytes !").is_none());
}

#[test]
fn counts_begin_at_one() {
    assert_eq!(parse::<Count<u32>>("7"), Some(7));
    assert_eq!(parse::<Count<NonZeroUsize>>("1"), NonZeroUsize::new(1));
    for text in ["0", "-1", "4294967296", "x", ""] {
        assert_eq!(parse::<Count<u32>>(text), None, "{text}");
    }
}

#[test]
fn networks_and_hosts_are_lists() {
    let networks = parse::<Networks>("127.0.0.1, 10.0.0.0/8,::1").unwrap();
    assert_eq!(Networks::show(&networks).as_deref(), Some("127.0.0.1/32,10.0.0.0/8,::1/128"));
    for text in ["10.0.0.0/33", "proxy.example", "1"] {
        assert_eq!(parse::<Networks>(text), None, "{text}");
    }
    assert!(parse::<Hosts>("id.example.com,intranet").is_some());
    for text in ["id.example.com:443", "https://id.example.com", "a b"] {
        assert_eq!(parse::<Hosts>(text), None, "{text}");
    }
}
