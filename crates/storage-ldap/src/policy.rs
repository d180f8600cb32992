//! What a bind or a new password was answered: result codes, the control of password policies
//! (draft-behera-ldap-password-policy), and the codes of Active Directory.

use crossauth_core::directory::EntryRefusal;

use crate::ber::{Malformed, Reader, SEQUENCE, number};
use crate::message::Outcome;

pub(crate) const CONTROL: &str = "1.3.6.1.4.1.42.2.27.8.5.1";
/// Of servers that descend from Netscape's: the password has expired, but was accepted.
const PASSWORD_EXPIRED: &str = "2.16.840.1.113730.3.4.4";

/// What a bind says about the password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Judgement {
    /// It is correct.
    Match,
    /// It is correct, and must be changed before anything else. Only OpenLDAP and others, but not
    /// Active Directory, accept the bind.
    MustChange,
    /// It is correct and has expired, but more logins with it are allowed.
    Grace,
    /// It is correct, but has expired: the user cannot authenticate to change it.
    Expired,
    /// It is correct, but the user may not log in.
    Refused(EntryRefusal),
    /// It is wrong, or the server does not say.
    Mismatch(Option<EntryRefusal>),
}

/// The error of a password policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PolicyError {
    Expired,
    Locked,
    MustChange,
    ChangeNotAllowed,
    OldPasswordMissing,
    InsufficientQuality,
    TooShort,
    TooYoung,
    InHistory,
    TooLong,
    Other,
}

/// What the control of an outcome has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Policy {
    pub(crate) error: Option<PolicyError>,
    /// Logins with an expired password that are left.
    pub(crate) grace: Option<i32>,
}

impl Policy {
    /// Reads the control; the default if there is none.
    pub(crate) fn of(outcome: &Outcome) -> Result<Self, Malformed> {
        let is_policy = |oid: &str| oid == CONTROL;
        let Some(control) = outcome.controls.iter().find(|control| is_policy(&control.oid)) else {
            return Ok(Self::default());
        };
        let mut parts = Reader::new(Reader::new(&control.value).expect(SEQUENCE)?);
        let mut policy = Self::default();
        if let Some(warning) = parts.take(0xa0)? {
            match Reader::new(warning).next()?.ok_or(Malformed)? {
                (0x81, grace) => policy.grace = Some(number(grace)?),
                (0x80, seconds) => drop(number(seconds)?),
                _ => return Err(Malformed),
            }
        }
        if let Some(error) = parts.take(0x81)? {
            policy.error = Some(PolicyError::of(number(error)?));
        }
        if parts.next()?.is_some() { Err(Malformed) } else { Ok(policy) }
    }
}

impl PolicyError {
    const fn of(number: i32) -> Self {
        match number {
            0 => Self::Expired,
            1 => Self::Locked,
            2 => Self::MustChange,
            3 => Self::ChangeNotAllowed,
            4 => Self::OldPasswordMissing,
            5 => Self::InsufficientQuality,
            6 => Self::TooShort,
            7 => Self::TooYoung,
            8 => Self::InHistory,
            9 => Self::TooLong,
            _ => Self::Other,
        }
    }
}

/// What the outcome of a bind says; `Ok(None)` for one that says nothing about the password.
pub(crate) fn judge(outcome: &Outcome) -> Result<Option<Judgement>, Malformed> {
    use EntryRefusal::{Disabled, Locked};
    let policy = Policy::of(outcome)?;
    let is_expired = |oid: &str| oid == PASSWORD_EXPIRED;
    Ok(Some(match outcome.code {
        0 => match policy.error {
            Some(PolicyError::MustChange | PolicyError::Expired) => Judgement::MustChange,
            Some(PolicyError::Locked) => Judgement::Mismatch(Some(Locked)),
            // A change authenticates twice: to verify the old password, and to change it.
            None if policy.grace.is_some_and(|left| left > 1) => Judgement::Grace,
            None if outcome.controls.iter().any(|control| is_expired(&control.oid)) => {
                Judgement::MustChange
            }
            Some(_) | None => Judgement::Match,
        },
        49 => match (policy.error, outcome.windows) {
            (Some(PolicyError::Expired), _) => Judgement::Expired,
            (Some(PolicyError::Locked), _) => Judgement::Mismatch(Some(Locked)),
            (_, Some(code)) => active_directory(code),
            (Some(_) | None, None) => Judgement::Mismatch(None),
        },
        // Of servers that descend from Netscape's: locked after wrong passwords, and disabled.
        19 => Judgement::Mismatch(Some(Locked)),
        53 if outcome.text.to_lowercase().contains("account") => {
            Judgement::Mismatch(Some(Disabled))
        }
        // No such entry, no valid name of an entry, and an entry without a password.
        32 | 34 | 48 => Judgement::Mismatch(None),
        _ => return Ok(None),
    }))
}

/// What a code of Active Directory says. All but the first two and the last one are given for the
/// correct password only.
const fn active_directory(code: u32) -> Judgement {
    match code {
        0x530 | 0x531 => Judgement::Refused(EntryRefusal::NotNow),
        0x532 => Judgement::Expired,
        0x773 => Judgement::MustChange,
        0x533 | 0x701 => Judgement::Refused(EntryRefusal::Disabled),
        0x775 => Judgement::Mismatch(Some(EntryRefusal::Locked)),
        // 525: no such user. 52e: wrong password.
        _ => Judgement::Mismatch(None),
    }
}

/// The code in a text such as `80090308: LdapErr: DSID-0C09044E, comment: AcceptSecurityContext
/// error, data 52e, v1db1` or `0000052D: SvcErr: DSID-031A120C`.
pub(crate) fn windows_code(text: &str) -> Option<u32> {
    let digits = |text: &str| {
        let end = text.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(text.len());
        (end <= 8).then(|| u32::from_str_radix(&text[..end], 16).ok()).flatten()
    };
    match text.split_once("AcceptSecurityContext error, data ") {
        Some((_, data)) => digits(data),
        None if text.as_bytes().get(8) == Some(&b':') => digits(text),
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Control;

    fn outcome(code: u32, text: &str, value: Option<&[u8]>) -> Outcome {
        let control = |value: &[u8]| Control { oid: CONTROL.into(), value: value.to_vec() };
        Outcome {
            code,
            text: text.into(),
            windows: windows_code(text),
            controls: value.map(control).into_iter().collect(),
        }
    }

    #[test]
    fn controls_of_password_policies_are_understood() {
        use EntryRefusal::Locked;
        use Judgement::{Expired, Grace, Match, Mismatch, MustChange};
        for (code, value, expected) in [
            (0, &b"\x30\x00"[..], Match),
            (0, b"\x30\x05\xa0\x03\x80\x01\x0a", Match),
            (0, b"\x30\x05\xa0\x03\x81\x01\x02", Grace),
            (0, b"\x30\x05\xa0\x03\x81\x01\x01", Match),
            (0, b"\x30\x05\xa0\x03\x81\x01\x00", Match),
            (0, b"\x30\x03\x81\x01\x02", MustChange),
            (49, b"\x30\x03\x81\x01\x00", Expired),
            (49, b"\x30\x03\x81\x01\x01", Mismatch(Some(Locked))),
            (49, b"\x30\x00", Mismatch(None)),
            (49, b"\x30\x03\x81\x01\x63", Mismatch(None)),
        ] {
            assert_eq!(judge(&outcome(code, "", Some(value))), Ok(Some(expected)), "{value:?}");
        }
        for malformed in [
            &b""[..],
            b"\x30",
            b"\x04\x00",
            b"\x30\x02\xa0\x00",
            b"\x30\x05\xa0\x03\x82\x01\x00",
            b"\x30\x02\x81\x00",
            b"\x30\x03\x84\x01\x00",
            b"\x30\x07\x81\x05\0\0\0\0\0",
        ] {
            assert_eq!(judge(&outcome(0, "", Some(malformed))), Err(Malformed), "{malformed:?}");
        }
    }

    #[test]
    fn codes_of_active_directory_are_understood() {
        use EntryRefusal::{Disabled, Locked, NotNow};
        use Judgement::{Expired, Mismatch, MustChange, Refused};
        for (code, expected) in [
            ("525", Mismatch(None)),
            ("52e", Mismatch(None)),
            ("530", Refused(NotNow)),
            ("531", Refused(NotNow)),
            ("532", Expired),
            ("533", Refused(Disabled)),
            ("701", Refused(Disabled)),
            ("773", MustChange),
            ("775", Mismatch(Some(Locked))),
        ] {
            let text = format!(
                "80090308: LdapErr: DSID-0C09044E, comment: AcceptSecurityContext error, data {code}, v1db1"
            );
            assert_eq!(judge(&outcome(49, &text, None)), Ok(Some(expected)), "{code}");
        }
        assert_eq!(judge(&outcome(49, "data 533", None)), Ok(Some(Mismatch(None))));
    }

    #[test]
    fn only_answers_about_the_password_are_judged() {
        let judged = |code| judge(&outcome(code, "", None));
        assert_eq!(judged(0), Ok(Some(Judgement::Match)));
        let inactive = outcome(53, "Account inactivated. Contact system administrator.", None);
        let disabled = Judgement::Mismatch(Some(EntryRefusal::Disabled));
        assert_eq!(judge(&inactive), Ok(Some(disabled)));
        for code in [32, 34, 48, 49] {
            assert_eq!(judged(code), Ok(Some(Judgement::Mismatch(None))), "{code}");
        }
        for code in [1, 2, 3, 8, 10, 13, 14, 50, 51, 52, 53, 80, 4096] {
            assert_eq!(judged(code), Ok(None), "{code}");
        }
    }
}
