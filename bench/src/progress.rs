//! Progress messages.

/// Writes a progress message to standard error, formatted as by [`format!`].
macro_rules! say {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        // Standard error may be closed; the measurement continues.
        let _ = writeln!(std::io::stderr(), "· {}", format_args!($($text)*));
    }};
}

pub(crate) use say;
