//! The clock of this machine.

use std::time::Duration;

use crossauth_core::clock::{Clock as _, SystemClock, Timestamp};
use crossauth_core::storage::Storage;

use super::finding::Findings;
use crate::command::format_time;

/// Before this program was written: 2026-01-01.
const EPOCH: Timestamp = Timestamp::from_secs(1_767_225_600);

/// Differences up to this do no harm.
pub(in crate::command) const TOLERANCE: Duration = Duration::from_secs(30);

/// How far ahead to look for sessions from the future.
const FUTURE: Duration = Duration::from_hours(100 * 365 * 24);

/// Compares the clock with what is known: the age of this program, and the newest session.
pub(super) async fn check(storage: &Storage, findings: &mut Findings) -> anyhow::Result<()> {
    let now = SystemClock.now();
    let shown = format_time(Some(now));
    if now < EPOCH {
        findings.problem(&format!("the clock is behind: it says {shown}"))?;
    } else if storage.keys.any_created(now + TOLERANCE, now + FUTURE).await? {
        findings.problem(&format!(
            "the clock says {shown}, but there are sessions that began later: it is behind, or it \
             was ahead when they began"
        ))?;
    } else {
        findings.fine(&format!("the clock says {shown}, and no session began later"))?;
    }
    Ok(())
}
