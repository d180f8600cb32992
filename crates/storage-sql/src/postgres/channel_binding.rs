//! Channel binding of the type `tls-server-end-point` (RFC 5929, section 4): a hash of the server's
//! certificate, by which the password exchange fails if another server is in between.

use aws_lc_rs::digest::{SHA256, SHA384, SHA512, digest};

const SEQUENCE: u8 = 0x30;
const OBJECT_IDENTIFIER: u8 = 0x06;

/// The hash of a certificate in DER, by the hash function of its signature. `None` if that has none
/// of its own, as Ed25519.
pub(super) fn server_end_point(certificate: &[u8]) -> Option<Vec<u8>> {
    let algorithm = match signature(certificate)? {
        RSA_SHA256 | ECDSA_SHA256 => &SHA256,
        RSA_SHA384 | ECDSA_SHA384 => &SHA384,
        RSA_SHA512 | ECDSA_SHA512 => &SHA512,
        _ => return None,
    };
    Some(digest(algorithm, certificate).as_ref().to_vec())
}

// RFC 4055, section 5.
const RSA_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11];
const RSA_SHA384: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 12];
const RSA_SHA512: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 13];
// RFC 5758, section 3.2.
const ECDSA_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
const ECDSA_SHA384: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 3];
const ECDSA_SHA512: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 4];

/// The object identifier of the signature algorithm (RFC 5280, section 4.1).
fn signature(certificate: &[u8]) -> Option<&[u8]> {
    let (certificate, _) = element(SEQUENCE, certificate)?;
    let (_signed, rest) = element(SEQUENCE, certificate)?;
    let (algorithm, _) = element(SEQUENCE, rest)?;
    let (identifier, _) = element(OBJECT_IDENTIFIER, algorithm)?;
    Some(identifier)
}

/// The content of the first element, which has this tag, and what follows it.
fn element(tag: u8, der: &[u8]) -> Option<(&[u8], &[u8])> {
    let [found, length, rest @ ..] = der else { return None };
    if *found != tag {
        return None;
    }
    let (length, rest) = match length {
        0..=0x7f => (usize::from(*length), rest),
        0x81..=0x84 => {
            let (length, rest) = rest.split_at_checked(usize::from(length & 0x7f))?;
            (length.iter().fold(0, |sum, &byte| (sum << 8) | usize::from(byte)), rest)
        }
        _ => return None,
    };
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use crossauth_testkit::authority::Authority;
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject as _;

    use super::*;

    fn certificate() -> CertificateDer<'static> {
        CertificateDer::from_pem_file(Authority::new().server_certificate()).unwrap()
    }

    #[test]
    fn certificate_is_hashed_by_the_function_of_its_signature() {
        let certificate = certificate();
        assert_eq!(signature(&certificate), Some(ECDSA_SHA256));
        let hash = digest(&SHA256, &certificate).as_ref().to_vec();
        assert_eq!(server_end_point(&certificate), Some(hash));
    }

    #[test]
    fn truncated_certificates_have_no_hash() {
        let certificate = certificate();
        for length in 0..certificate.len() {
            assert_eq!(server_end_point(&certificate[..length]), None, "{length}");
        }
        assert_eq!(element(SEQUENCE, &[SEQUENCE, 0x84, 0xff, 0xff, 0xff, 0xff, 0]), None);
        assert_eq!(element(SEQUENCE, &[SEQUENCE, 0x80, 0, 0]), None);
    }
}
