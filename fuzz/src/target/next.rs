//! Redirect targets.

use crossauth::NextPath;
use percent_encoding::percent_decode_str;
use url::Url;

/// An accepted path stays on the site, however often it is decoded.
pub(crate) fn any(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let Ok(next) = NextPath::parse(text) else { return };
    assert_eq!(NextPath::parse(next.as_str()).as_ref(), Ok(&next));
    let base = Url::parse("https://site.example/login").unwrap();
    let mut path = next.as_str().to_owned();
    for _ in 0..3 {
        let target = base.join(&path).unwrap();
        assert_eq!(target.origin(), base.origin(), "{text:?} leads to {target}");
        path = percent_decode_str(&path).decode_utf8_lossy().into_owned();
    }
}
