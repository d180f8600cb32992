//! The part of the Basic Encoding Rules that LDAP uses (RFC 4511 section 5.1): definite lengths, and
//! tags of one byte.

use zeroize::Zeroizing;

pub(crate) const BOOLEAN: u8 = 0x01;
pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const ENUMERATED: u8 = 0x0a;
pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const SET: u8 = 0x31;

/// The bytes are not what the protocol prescribes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed;

/// Writes elements. What was written is zeroized on drop: it may contain a password.
pub(crate) struct Writer(Zeroizing<Vec<u8>>);

impl Writer {
    pub(crate) fn new() -> Self {
        // So large that a bind is not copied to another place in memory, where it would remain.
        Self(Zeroizing::new(Vec::with_capacity(4096)))
    }

    /// An element with these bytes.
    pub(crate) fn bytes(&mut self, tag: u8, content: &[u8]) {
        self.nest(tag, |inside| inside.0.extend_from_slice(content));
    }

    /// A number.
    pub(crate) fn number(&mut self, tag: u8, value: u32) {
        let bytes = i64::from(value).to_be_bytes();
        // The first byte has the sign.
        let is_needless = |pair: &&[u8]| pair[0] == 0 && pair[1] < 0x80;
        let skipped = bytes.windows(2).take_while(is_needless).count();
        self.bytes(tag, &bytes[skipped..]);
    }

    pub(crate) fn boolean(&mut self, tag: u8, value: bool) {
        self.bytes(tag, &[if value { 0xff } else { 0 }]);
    }

    /// An element that contains what `content` writes.
    pub(crate) fn nest(&mut self, tag: u8, content: impl FnOnce(&mut Self)) {
        self.0.push(tag);
        let start = self.0.len();
        content(self);
        let length = self.0.len() - start;
        let bytes = length.to_be_bytes();
        let skipped = bytes.iter().take_while(|byte| **byte == 0).count();
        let long = &bytes[skipped..];
        let mut header = Vec::with_capacity(1 + long.len());
        if length < 0x80 {
            header.push(u8::try_from(length).unwrap_or_default());
        } else {
            header.push(0x80 | u8::try_from(long.len()).unwrap_or_default());
            header.extend_from_slice(long);
        }
        self.0.splice(start..start, header);
    }

    pub(crate) fn finish(self) -> Zeroizing<Vec<u8>> {
        self.0
    }
}

/// Reads elements, one after another. Those inside of an element are read by another reader, so
/// that a nested message needs no stack.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'b>(&'b [u8]);

impl<'b> Reader<'b> {
    pub(crate) const fn new(bytes: &'b [u8]) -> Self {
        Self(bytes)
    }

    /// The tag and the content of the next element; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<(u8, &'b [u8])>, Malformed> {
        let Some(&tag) = self.0.first() else { return Ok(None) };
        let (start, length) = header(self.0)?.ok_or(Malformed)?;
        let content = self.0.get(start..start + length).ok_or(Malformed)?;
        self.0 = &self.0[start + length..];
        Ok(Some((tag, content)))
    }

    /// The content of the next element, which has this tag.
    pub(crate) fn expect(&mut self, tag: u8) -> Result<&'b [u8], Malformed> {
        self.take(tag)?.ok_or(Malformed)
    }

    /// The content of the next element, if it has this tag.
    pub(crate) fn take(&mut self, tag: u8) -> Result<Option<&'b [u8]>, Malformed> {
        if self.0.first() != Some(&tag) {
            return Ok(None);
        }
        Ok(self.next()?.map(|(_, content)| content))
    }

    /// The next element, which is a number of at most four bytes.
    pub(crate) fn number(&mut self, tag: u8) -> Result<i32, Malformed> {
        number(self.expect(tag)?)
    }

    /// The next element, which is text in UTF-8.
    pub(crate) fn text(&mut self, tag: u8) -> Result<&'b str, Malformed> {
        std::str::from_utf8(self.expect(tag)?).map_err(|_| Malformed)
    }
}

/// The content of a number of at most four bytes.
pub(crate) fn number(content: &[u8]) -> Result<i32, Malformed> {
    let (Some(first), true) = (content.first(), content.len() <= 4) else {
        return Err(Malformed);
    };
    // The first byte has the sign.
    let sign = if first & 0x80 == 0 { 0 } else { -1 };
    Ok(content.iter().fold(sign, |value, byte| (value << 8) | i32::from(*byte)))
}

/// Where the content of the first element starts, and its length; `None` if the length is not there
/// yet.
pub(crate) fn header(bytes: &[u8]) -> Result<Option<(usize, usize)>, Malformed> {
    const HIGH_TAG: u8 = 0x1f;
    let &[tag, first, ref rest @ ..] = bytes else { return Ok(None) };
    if tag & HIGH_TAG == HIGH_TAG {
        return Err(Malformed);
    }
    match usize::from(first) {
        length @ ..=0x7f => Ok(Some((2, length))),
        size @ 0x81..=0x84 => {
            let size = size - 0x80;
            let Some(length) = rest.get(..size) else { return Ok(None) };
            let length = length.iter().fold(0, |value, byte| (value << 8) | usize::from(*byte));
            Ok(Some((2 + size, length)))
        }
        // An indefinite length, or one that is too large.
        _ => Err(Malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(content: impl FnOnce(&mut Writer)) -> Vec<u8> {
        let mut writer = Writer::new();
        content(&mut writer);
        writer.finish().to_vec()
    }

    #[test]
    fn elements_are_read_as_they_were_written() {
        for length in [0, 1, 0x7f, 0x80, 0xff, 0x100, 0x1_0000] {
            let content = vec![7; length];
            let bytes = written(|writer| {
                writer.nest(SEQUENCE, |inside| inside.bytes(OCTET_STRING, &content));
            });
            let mut inside = Reader::new(Reader::new(&bytes).expect(SEQUENCE).unwrap());
            assert_eq!(inside.expect(OCTET_STRING).unwrap(), content);
            assert_eq!(inside.next(), Ok(None));
        }
        for value in [0, 1, 127, 128, 255, 256, 0x7fff_ffff] {
            let bytes = written(|writer| writer.number(INTEGER, value));
            assert_eq!(Reader::new(&bytes).number(INTEGER), Ok(i32::try_from(value).unwrap()));
        }
        assert_eq!(written(|writer| writer.number(INTEGER, 128)), [2, 2, 0, 128]);
        assert_eq!(written(|writer| writer.boolean(BOOLEAN, true)), [1, 1, 255]);
        assert_eq!(number(&[0xff]), Ok(-1));
    }

    #[test]
    fn malformed_elements_are_errors() {
        for bytes in [
            &[0x30, 0x80, 0, 0][..],
            &[0x30, 0x85, 0, 0, 0, 0, 1, 0],
            &[0x30, 0xff],
            &[0x1f, 0x81, 1, 0],
            &[0x30],
            &[0x30, 0x82, 1],
            &[0x30, 2, 0],
            &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff],
        ] {
            assert_eq!(Reader::new(bytes).next(), Err(Malformed), "{bytes:?}");
        }
        for content in [&[][..], &[0; 5]] {
            assert_eq!(number(content), Err(Malformed));
        }
        assert_eq!(Reader::new(&[4, 1, 0xff]).text(OCTET_STRING), Err(Malformed));
        assert_eq!(Reader::new(&[4, 0]).expect(SEQUENCE), Err(Malformed));
    }
}
