//! Formatting of errors.

use std::io;

/// Formats an error and its causes on one line. Causes that repeat the message before are left out.
pub(crate) fn describe(error: &anyhow::Error) -> String {
    let mut line = String::new();
    let mut last = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if line.contains(&cause) || (!last.is_empty() && cause.contains(&last)) {
            continue;
        }
        if !line.is_empty() {
            line.push_str(": ");
        }
        line.push_str(&cause);
        // The part that the next cause may repeat.
        cause.rsplit(": ").next().unwrap_or_default().clone_into(&mut last);
    }
    line
}

/// Whether the reader of our output has closed it, as `head` does.
pub(crate) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let mut causes = error.chain().filter_map(|cause| cause.downcast_ref::<io::Error>());
    causes.any(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn causes_that_repeat_are_left_out() {
        let error = anyhow!("Error code 26: file is not a database")
            .context("file is not a database")
            .context("storage is damaged: file is not a database")
            .context("cannot open x.db");
        assert_eq!(
            describe(&error),
            "cannot open x.db: storage is damaged: file is not a database"
        );
        let error = anyhow!("No such file").context("/nope: No such file");
        assert_eq!(describe(&error), "/nope: No such file");
    }

    #[test]
    fn broken_pipe_is_distinguished_from_other_failures() {
        let broken = anyhow::Error::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert!(is_broken_pipe(&broken.context("cannot list")));
        assert!(!is_broken_pipe(&anyhow!("broken pipe")));
    }
}
