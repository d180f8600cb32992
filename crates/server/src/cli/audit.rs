//! The commands for the audit log.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Commands for the audit log.
#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// List events, the newest first
    List(ListEvents),
    /// Print all events that a filter selects, one JSON object per line, the newest first
    Export(ExportEvents),
    /// Check that no event was changed, removed or moved; exit with 1 if one was
    Verify(VerifyLog),
    /// Erase the personal data of a deleted user; the log can still be verified
    Erase(EraseUser),
}

/// Which events.
#[derive(Debug, Args)]
pub(crate) struct Filter {
    /// About this account, or done by it: a username or, if it was deleted, an id
    #[arg(long, value_name = "NAME", allow_hyphen_values = true)]
    pub(crate) user: Option<String>,
    /// Of this act, such as login.failed; login. with the dot is every act that begins so
    #[arg(long)]
    pub(crate) act: Option<String>,
    /// At or after this time, such as 2026-01-31T00:00:00Z
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<String>,
    /// Before this time
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
    /// Of the request with this id
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    pub(crate) request: Option<String>,
}

/// Events to list.
#[derive(Debug, Args)]
pub(crate) struct ListEvents {
    #[command(flatten)]
    pub(crate) filter: Filter,
    /// Maximum number of events
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) limit: u32,
    /// Start after the event with this id
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    pub(crate) after: Option<String>,
    /// Print one JSON object per line
    #[arg(long)]
    pub(crate) json: bool,
}

/// Events to print.
#[derive(Debug, Args)]
pub(crate) struct ExportEvents {
    #[command(flatten)]
    pub(crate) filter: Filter,
}

/// What to verify.
#[derive(Debug, Args)]
pub(crate) struct VerifyLog {
    /// An end of the chain that an earlier run printed, which must still be there
    #[arg(long, value_name = "NUMBER:HASH")]
    pub(crate) expect: Option<String>,
    /// A file with an earlier secret of the server, for events from its time
    #[arg(long, value_name = "FILE")]
    pub(crate) previous_secret: Vec<PathBuf>,
}

/// Whose data to erase.
#[derive(Debug, Args)]
pub(crate) struct EraseUser {
    /// The id of the deleted account, as in the log
    #[arg(value_name = "ID", allow_hyphen_values = true)]
    pub(crate) id: String,
}
