//! Tells whoever waits what is being done.

/// Says on standard error what is being done, as [`format!`] would write it.
macro_rules! say {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        // Nobody may be listening; the measurement goes on.
        let _ = writeln!(std::io::stderr(), "· {}", format_args!($($text)*));
    }};
}

pub(crate) use say;
