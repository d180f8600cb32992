use super::*;

fn message(id: u8, body: &[u8], rest: &[u8]) -> Vec<u8> {
    let content = [&[INTEGER, 1, id][..], body, rest].concat();
    [&[SEQUENCE, u8::try_from(content.len()).unwrap()][..], &content].concat()
}

const DONE: &[u8] = b"\x65\x0b\x0a\x01\x20\x04\x00\x04\x04no\n\0";
const ENTRY: &[u8] = b"\x64\x14\x04\x04dc=x\x30\x0c\x30\x0a\x04\x02cn\x31\x04\x04\x00\x04\x00";

#[test]
fn responses_are_read() {
    let done = Outcome { code: 32, text: "no".into(), windows: None, controls: Vec::new() };
    assert_eq!(Response::parse(&message(7, DONE, &[])), Ok((7, Response::SearchDone(done))));
    let entry = RawEntry::new("dc=x", vec![("cn".into(), vec![Vec::new(), Vec::new()])]);
    assert_eq!(Response::parse(&message(1, ENTRY, &[])), Ok((1, Response::Entry(entry))));
    assert_eq!(Response::parse(&message(1, b"\x79\x00", &[])), Ok((1, Response::Ignored)));
    for (url, name) in [
        ("", ""),
        ("ldap://x", ""),
        ("ldap://x/", ""),
        ("ldap://x/ou=a%20b,dc=x??sub", "ou=a b,dc=x"),
    ] {
        let length = u8::try_from(url.len()).unwrap();
        let body = [&[0x73, length + 2, 4, length], url.as_bytes()].concat();
        let expected = Ok((1, Response::Reference(vec![name.to_owned()])));
        assert_eq!(Response::parse(&message(1, &body, &[])), expected, "{url}");
    }
    let bind = b"\x61\x07\x0a\x01\x31\x04\x00\x04\x00";
    let control = b"\xa0\x0c\x30\x0a\x04\x011\x01\x01\xff\x04\x02ab";
    let Ok((1, Response::Bind(outcome))) = Response::parse(&message(1, bind, control)) else {
        panic!("no bind response");
    };
    assert_eq!(outcome.controls, [Control { oid: "1".into(), value: b"ab".to_vec() }]);
}

/// Active Directory puts the name of a notice outside of the response.
#[test]
fn what_follows_the_operation_is_ignored() {
    let notice = b"\x78\x07\x0a\x01\x34\x04\x00\x04\x00";
    let parsed = Response::parse(&message(0, notice, b"\x8a\x011"));
    assert!(matches!(parsed, Ok((0, Response::Extended(_)))), "{parsed:?}");
}

#[test]
fn changed_messages_are_errors_or_other_messages() {
    let messages = [message(1, DONE, &[]), message(1, ENTRY, &[])];
    let mut malformed = 0;
    for bytes in messages {
        assert!(Response::parse(&bytes).is_ok());
        for end in 0..bytes.len() {
            assert_eq!(Response::parse(&bytes[..end]), Err(Malformed), "{end}");
        }
        for place in 0..bytes.len() {
            for value in [0, 1, 0x30, 0x7f, 0x80, 0x84, 0xa0, 0xff] {
                let mut changed = bytes.clone();
                changed[place] = value;
                malformed += usize::from(Response::parse(&changed).is_err());
            }
        }
    }
    assert!(malformed > 100);
}

#[test]
fn nested_messages_need_no_stack() {
    let mut nested = Vec::new();
    for _ in 0..200_000 {
        nested.extend([0xa0, 0x84, 0, 0x7f, 0xff, 0xff]);
    }
    assert_eq!(Response::parse(&nested), Err(Malformed));
    let mut writer = Writer::new();
    writer.nest(SEQUENCE, |message| {
        message.number(INTEGER, 1);
        message.bytes(0x64, &nested);
    });
    assert_eq!(Response::parse(&writer.finish()), Err(Malformed));
}

#[test]
fn requests_are_encoded() {
    let bind = Request::Bind { dn: "cn=a", password: "b" }.encode(1);
    let control = b"\xa0\x1d\x30\x1b\x04\x191.3.6.1.4.1.42.2.27.8.5.1";
    let expected = [&b"\x30\x30\x02\x01\x01\x60\x0c\x02\x01\x03\x04\x04cn=a\x80\x01b"[..], control];
    assert_eq!(bind.as_slice(), expected.concat());
    assert_eq!(Request::Unbind.encode(2).as_slice(), b"\x30\x05\x02\x01\x02\x42\x00");
    let search = Search::entry("dc=x", vec!["cn".into()]);
    let expected =
        b"\x30\x2d\x02\x01\x03\x63\x28\x04\x04dc=x\x0a\x01\x00\x0a\x01\x00\x02\x01\x01\x02\
        \x01\x0a\x01\x01\x00\x87\x0bobjectClass\x30\x04\x04\x02cn";
    let encoded = Request::Search { search: &search, seconds: 10 }.encode(3);
    assert_eq!(encoded.as_slice(), expected);
}

#[test]
fn texts_of_servers_fit_into_a_line_of_the_log() {
    let text = format!("a\r\nb{}", "é".repeat(10_000));
    let shown = printable(text.as_bytes());
    assert!(shown.starts_with("a  bé") && shown.chars().count() == MAX_TEXT, "{shown}");
    assert_eq!(printable(b"80090308: data 52e, v1db1\0"), "80090308: data 52e, v1db1");
}

#[test]
fn entry_with_many_attributes_is_not_malformed() {
    for (count, is_oversized) in [(MAX_ATTRIBUTES, false), (MAX_ATTRIBUTES + 1, true)] {
        let mut writer = Writer::new();
        writer.nest(SEQUENCE, |message| {
            message.number(INTEGER, 1);
            message.nest(0x64, |entry| {
                entry.bytes(OCTET_STRING, b"dc=x");
                entry.nest(SEQUENCE, |list| {
                    for _ in 0..count {
                        list.nest(SEQUENCE, |attribute| {
                            attribute.bytes(OCTET_STRING, b"cn");
                            attribute.bytes(SET, &[]);
                        });
                    }
                });
            });
        });
        let (_, response) = Response::parse(&writer.finish()).unwrap();
        assert_eq!(response == Response::Oversized, is_oversized, "{count}");
    }
}

#[test]
fn name_that_a_server_quotes_is_not_shown_however_it_is_spelt() {
    let dn = "uid=My\\, sécret,ou=people,dc=x";
    for text in [
        "no uid=My\\, sécret,ou=people,dc=x",
        "no UID=my\\2c s\\C3\\A9cret, OU=People, DC=X here",
        "no 0.9.2342.19200300.100.1.1=\"my, SÉCRET\"",
    ] {
        let text = text.to_owned();
        let mut outcome = Outcome { code: 49, text, windows: None, controls: Vec::new() };
        outcome.redact_name(dn);
        assert!(!outcome.text.to_lowercase().contains("cret"), "{}", outcome.text);
    }
    let text = "80090308: LdapErr, comment: error, data 52e".to_owned();
    let mut outcome = Outcome { code: 49, text: text.clone(), windows: None, controls: Vec::new() };
    outcome.redact_name("uid=data,dc=x");
    assert_eq!(outcome.text, text);
}

#[test]
fn password_that_a_server_quotes_is_not_shown() {
    let text = "wrong: a\0b, a b, c".to_owned();
    let text = printable(text.as_bytes());
    let mut outcome = Outcome { code: 49, text, windows: None, controls: Vec::new() };
    outcome.redact("a b");
    assert_eq!(outcome.text, "wrong: …, …, c");
}
