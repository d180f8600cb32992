//! Comparison of all accounts of the directory with their entries.

use super::apply::Difference;
use super::suspend::Suspended;
use super::verify::is_linked;
use super::{
    DirectoryAccounts, DirectoryError, DirectoryErrorKind, DirectoryLink, Entry, EntryRef, Found,
    PasswordSource, Standing,
};
use crate::storage::{StorageError, StorageErrorKind, StoredUser, UserPosition, UserQuery};
use crate::user::{User, UserId, UserState};

/// Number of accounts that are read and asked for at once.
const PAGE: u32 = 200;

/// Up to this many accounts are disabled without question.
const FEW: usize = 10;

/// Fewer administrators than this, or as many, are demoted without question.
const FEW_ADMINS: usize = 2;

/// What a comparison may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SyncMode {
    /// Everything, unless it would disable more than half of the accounts, and more than ten, or demote
    /// more than half of the administrators, and more than two.
    #[default]
    Apply,
    /// Everything.
    Forced,
    /// Nothing: only the report is made.
    DryRun,
}

/// What a comparison found, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct SyncReport {
    /// How many accounts were compared.
    pub compared: usize,
    /// How many were not compared, because the directory gave no answer about their entries that can
    /// be used.
    pub not_compared: usize,
    /// How many cannot be read from the storage, or changed in it.
    pub failed: usize,
    /// The accounts that differ from their entries, and those that were not compared or failed.
    pub differing: Vec<AccountSync>,
}

impl SyncReport {
    /// How many of the accounts differ from their entries, as far as they were compared and can be
    /// changed.
    pub fn differences(&self) -> usize {
        self.differing.len() - self.not_compared - self.failed
    }
}

/// An account that differs from its entry.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AccountSync {
    /// The id of the account.
    pub id: UserId,
    /// Its username.
    pub username: String,
    /// What is done.
    pub action: SyncAction,
}

/// What is done with an account that differs from its entry.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SyncAction {
    /// These attributes change.
    Change(Vec<String>),
    /// It is disabled: its entry is gone or may not log in.
    Disable,
    /// It is enabled again, and these attributes change.
    Enable(Vec<String>),
    /// It should be disabled, and is not: it is the last administrator.
    KeepLastAdmin,
    /// Nothing: it was changed in this moment.
    Skip,
    /// Nothing: the directory gave no answer about its entry that can be used, for this reason.
    Unusable(String),
    /// Nothing: the account cannot be read from the storage, or changed in it, for this reason.
    Failed(String),
}

/// Why accounts were not compared, or not changed.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// More than half of the accounts would be disabled, and more than ten. Nothing was changed.
    #[error(
        "{disabled} of {enabled} accounts would be disabled, so nothing was changed: check the \
         search base and the groups, and run a forced comparison if it is right"
    )]
    TooMany {
        /// How many would be disabled.
        disabled: usize,
        /// How many are enabled.
        enabled: usize,
        /// What was found.
        report: Box<SyncReport>,
    },
    /// More than half of the administrators would be demoted, and more than two. Nothing was changed.
    #[error(
        "{demoted} of {admins} administrators would be ordinary users, so nothing was changed: check \
         the groups, and force it if it is right"
    )]
    TooManyAdmins {
        /// How many would be demoted.
        demoted: usize,
        /// How many of the accounts are administrators.
        admins: usize,
        /// What was found.
        report: Box<SyncReport>,
    },
    /// The directory cannot be asked. Nothing was changed, unless it has answered for all accounts
    /// before: then, what was changed is right.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// The store failed, for more than one account. What was changed before is right.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// An account that differs from its entry, and how.
struct Planned {
    stored: StoredUser,
    step: Step,
}

enum Step {
    Write(Box<Difference>),
    /// Disable: the entry is gone or, if it is known, may not log in.
    Suspend(Option<Box<Entry>>),
    /// The answer about the entry cannot be used.
    Report(String),
}

#[derive(Default)]
struct Plan {
    compared: usize,
    not_compared: usize,
    enabled: usize,
    admins: usize,
    planned: Vec<Planned>,
    /// Accounts that cannot be read.
    failed: Vec<AccountSync>,
}

impl DirectoryAccounts {
    /// Compares all accounts of the directory with their entries, then makes them what the entries
    /// say. Nothing changes unless the directory has answered for all; an account stays as it is if the
    /// answer about its entry cannot be used, or if it cannot be read from the storage or changed in it.
    pub async fn sync(&self, mode: SyncMode) -> Result<SyncReport, SyncError> {
        let plan = self.plan().await?;
        let report = || SyncReport {
            compared: plan.compared,
            not_compared: plan.not_compared,
            failed: plan.failed.len(),
            differing: plan
                .planned
                .iter()
                .map(Planned::report)
                .chain(plan.failed.clone())
                .collect(),
        };
        let disabled = plan.planned.iter().filter(|planned| planned.suspends()).count();
        let (is_many, enabled) = (disabled > FEW && 2 * disabled > plan.enabled, plan.enabled);
        let demoted = plan.planned.iter().filter(|planned| planned.demotes()).count();
        let (loses_admins, admins) =
            (demoted > FEW_ADMINS && 2 * demoted > plan.admins, plan.admins);
        match mode {
            SyncMode::DryRun => return Ok(report()),
            SyncMode::Apply if is_many => {
                let report = Box::new(report());
                return Err(SyncError::TooMany { disabled, enabled, report });
            }
            SyncMode::Apply if loses_admins => {
                let report = Box::new(report());
                return Err(SyncError::TooManyAdmins { demoted, admins, report });
            }
            SyncMode::Apply | SyncMode::Forced => {}
        }
        let Plan { compared, not_compared, planned, failed, .. } = plan;
        let mut report =
            SyncReport { compared, not_compared, failed: failed.len(), differing: Vec::new() };
        for planned in planned {
            let mut synced = planned.report();
            match self.execute(planned, &mut synced.action).await {
                Ok(()) => {}
                Err(SyncError::Storage(error)) if is_of_one_account(&error) => {
                    synced = failure(synced.id, synced.username, &error);
                    report.failed += 1;
                }
                Err(error) => return Err(error),
            }
            report.differing.push(synced);
        }
        report.differing.extend(failed);
        Ok(report)
    }

    async fn plan(&self) -> Result<Plan, SyncError> {
        let mut plan = Plan::default();
        let mut next: Option<String> = None;
        loop {
            let position = next.as_deref().map_or(UserPosition::First, UserPosition::After);
            let query = UserQuery { position, ..UserQuery::first(PAGE) };
            let page = self.users.list(&query).await?;
            let mut accounts = Vec::new();
            for user in page.users.iter().filter(|user| self.passwords.is_of_directory(user)) {
                match self.users.find_by_id(&user.id).await {
                    Ok(Some(found)) => accounts.push(found),
                    Ok(None) => {}
                    Err(error) if is_of_one_account(&error) => {
                        let User { id, username, .. } = user.clone();
                        plan.failed.push(failure(id, username, &error));
                    }
                    Err(error) => return Err(error.into()),
                }
            }
            self.plan_page(accounts, &mut plan).await?;
            match page.next {
                Some(name) => next = Some(name),
                None => return Ok(plan),
            }
        }
    }

    async fn plan_page(&self, accounts: Vec<StoredUser>, plan: &mut Plan) -> Result<(), SyncError> {
        let linked = self.linked(accounts).await?;
        let asked: Vec<_> = linked
            .iter()
            .map(|(_, username, link)| EntryRef { name: username, id: link.id() })
            .collect();
        if asked.is_empty() {
            return Ok(());
        }
        let entries = self.directory.find(&asked).await?;
        if entries.len() != asked.len() {
            let message = format!("{} answers about {} entries", entries.len(), asked.len());
            return Err(DirectoryError::new(DirectoryErrorKind::Protocol, message).into());
        }
        for ((stored, username, link), found) in linked.into_iter().zip(entries) {
            let entry = match self.unless_of_another(&stored, &link, found).await? {
                Found::Entry(entry) => {
                    Some(entry).filter(|entry| is_linked(entry, &username, &link))
                }
                Found::Gone => None,
                Found::Unusable(problem) => {
                    let user = stored.id();
                    tracing::warn!(%user, "an account was not compared with its entry: {problem}");
                    plan.not_compared += 1;
                    plan.planned.push(Planned { stored, step: Step::Report(problem) });
                    continue;
                }
            };
            plan.compared += 1;
            let user = stored.parts().0;
            let is_enabled = user.state != UserState::Disabled;
            plan.enabled += usize::from(is_enabled);
            plan.admins += usize::from(is_enabled && user.admin);
            if let Some(step) = self.step(&stored, entry, &link).await? {
                plan.planned.push(Planned { stored, step });
            }
        }
        Ok(())
    }

    async fn step(
        &self,
        stored: &StoredUser,
        entry: Option<Box<Entry>>,
        link: &DirectoryLink,
    ) -> Result<Option<Step>, StorageError> {
        match entry {
            Some(entry) if entry.standing == Standing::Active => {
                Ok(self.difference(stored, &entry).await?.map(Box::new).map(Step::Write))
            }
            // One that an administrator has disabled stays so when the entry comes back.
            _ if stored.parts().0.state == UserState::Disabled => Ok(None),
            entry => {
                tracing::debug!(user = %stored.id(), ?link, "an entry is gone or may not log in");
                Ok(Some(Step::Suspend(entry)))
            }
        }
    }

    /// What was planned, with the account as it is now; `None` if its entry does not say the same any
    /// more. Since the plan was made, a login may have applied a later state of the entry.
    async fn confirmed(
        &self,
        planned: &StoredUser,
        difference: Difference,
    ) -> Result<Option<(StoredUser, Difference)>, SyncError> {
        let Some(stored) = self.users.find_by_id(planned.id()).await? else { return Ok(None) };
        let PasswordSource::Entry { username, link } = self.passwords.source_of(&stored) else {
            return Ok(None);
        };
        let link = self.present_link(&stored, link).await?;
        let asked = EntryRef { name: username, id: link.id() };
        let Some(found) = self.directory.find(&[asked]).await?.pop() else { return Ok(None) };
        let found = self.unless_of_another(&stored, &link, found).await?;
        let entry = found.entry().filter(|entry| is_linked(entry, username, &link));
        let Some(entry) = entry.filter(|entry| entry.standing == Standing::Active) else {
            return Ok(None);
        };
        let present = self.difference(&stored, &entry).await?;
        let is_same = present.is_some_and(|present| present.is_same(&difference));
        Ok(is_same.then_some((stored, difference)))
    }

    /// Does what was planned. `action` then says what was done.
    async fn execute(&self, planned: Planned, action: &mut SyncAction) -> Result<(), SyncError> {
        let Planned { stored, step } = planned;
        let user = stored.id();
        match step {
            Step::Write(difference) => {
                let written = match self.confirmed(&stored, *difference).await? {
                    Some((stored, difference)) => self.write(&stored, difference).await?,
                    None => None,
                };
                if written.is_some() {
                    tracing::info!(%user, ?action, "account changed by the directory");
                } else {
                    *action = SyncAction::Skip;
                }
            }
            Step::Suspend(entry) => match self.suspend(&stored, entry.as_deref()).await? {
                Suspended::Done => tracing::info!(%user, "the directory disabled an account"),
                Suspended::Changed => *action = SyncAction::Skip,
                Suspended::LastAdmin => {
                    tracing::error!(%user, "the last administrator is gone from the directory, and stays enabled: create another one");
                    *action = SyncAction::KeepLastAdmin;
                }
            },
            Step::Report(_) => {}
        }
        Ok(())
    }
}

/// Whether the storage works, and only one account cannot be read or changed, for example because of a
/// value that a column does not take.
fn is_of_one_account(error: &StorageError) -> bool {
    match error.kind {
        StorageErrorKind::BadRow | StorageErrorKind::Corrupt | StorageErrorKind::Conflict => true,
        StorageErrorKind::Unavailable | StorageErrorKind::Bug => false,
    }
}

/// The report about an account that cannot be read or changed.
fn failure(id: UserId, username: String, error: &StorageError) -> AccountSync {
    tracing::error!(user = %id, %error, "an account cannot be compared with its entry, or changed");
    AccountSync { id, username, action: SyncAction::Failed(error.to_string()) }
}

impl Planned {
    fn suspends(&self) -> bool {
        matches!(self.step, Step::Suspend(_))
    }

    /// Whether an administrator who can log in becomes an ordinary user.
    fn demotes(&self) -> bool {
        let is_enabled = self.stored.parts().0.state != UserState::Disabled;
        matches!(&self.step, Step::Write(difference) if is_enabled && difference.demotes())
    }

    fn report(&self) -> AccountSync {
        let action = match &self.step {
            Step::Suspend(_) => SyncAction::Disable,
            Step::Report(problem) => SyncAction::Unusable(problem.clone()),
            Step::Write(difference) if difference.enables => {
                SyncAction::Enable(difference.fields())
            }
            Step::Write(difference) => SyncAction::Change(difference.fields()),
        };
        let username = self.stored.username().to_owned();
        AccountSync { id: self.stored.id().clone(), username, action }
    }
}
