//! What checks find, one per line.

use std::io::{self, Write as _};
use std::process::ExitCode;

use crate::report::printable;

/// Prints findings, and remembers whether one is a problem.
#[derive(Debug, Default)]
pub(in crate::command) struct Findings {
    has_problem: bool,
}

impl Findings {
    /// Something is as it should be.
    pub(in crate::command) fn fine(&mut self, text: &str) -> io::Result<()> {
        self.add(Severity::Fine, text)
    }

    /// Something may be intended, but usually is not.
    pub(in crate::command) fn warning(&mut self, text: &str) -> io::Result<()> {
        self.add(Severity::Warning, text)
    }

    /// Something does not work, or is not secure.
    pub(in crate::command) fn problem(&mut self, text: &str) -> io::Result<()> {
        self.add(Severity::Problem, text)
    }

    fn add(&mut self, severity: Severity, text: &str) -> io::Result<()> {
        self.has_problem |= severity == Severity::Problem;
        let label = match severity {
            Severity::Fine => "ok",
            Severity::Warning => "warning",
            Severity::Problem => "PROBLEM",
        };
        writeln!(io::stdout().lock(), "{label:<8} {}", printable(text))
    }

    /// Whether there was a problem.
    pub(in crate::command) fn has_problem(&self) -> bool {
        self.has_problem
    }

    /// 1 if there was a problem.
    pub(in crate::command) fn exit_code(&self) -> ExitCode {
        if self.has_problem { ExitCode::FAILURE } else { ExitCode::SUCCESS }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Severity {
    Fine,
    Warning,
    Problem,
}
