//! What names a request in logs, error pages and answers.

use std::fmt;

use http::{HeaderName, HeaderValue};
use serde::{Serialize, Serializer};

/// The header of answers that carries the id.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

tokio::task_local! {
    /// The request that the current task answers.
    pub(crate) static CURRENT: RequestId;
}

/// The name of a request: unique in this process, and hardly ever the same in another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId(u64);

impl RequestId {
    pub(crate) fn new(number: u64) -> Self {
        Self(number)
    }

    /// The request that is being answered right now; for log formatters.
    ///
    /// A task-local instead of a `tracing` span, which would cost a tenth of a session check.
    pub fn current() -> Option<Self> {
        CURRENT.try_with(|id| *id).ok()
    }

    pub(crate) fn to_header(self) -> HeaderValue {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let bytes = self.0.to_be_bytes();
        let text: [u8; 16] = std::array::from_fn(|index| {
            let byte = bytes[index / 2];
            DIGITS[usize::from(if index % 2 == 0 { byte >> 4 } else { byte & 0xF })]
        });
        HeaderValue::from_bytes(&text).unwrap_or(HeaderValue::from_static("0"))
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl Serialize for RequestId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_and_text_are_the_same() {
        for number in [0, 1, 0x0123_4567_89AB_CDEF, u64::MAX] {
            let id = RequestId::new(number);
            assert_eq!(id.to_header(), id.to_string());
        }
    }
}
