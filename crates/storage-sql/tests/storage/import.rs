//! Imports of databases of upstream, from and into every database.

use crossauth_core::audit::{Act, AuditEntry, AuditEvent, Personal, Recording};
use crossauth_core::caller::Actor;
use crossauth_core::clock::Timestamp;
use crossauth_core::storage::AuditFilter;
use crossauth_core::user::{FactorName, UserId, UserSecrets, UserState};
use crossauth_storage_sql::database::Database;
use crossauth_storage_sql::import::{Finding, Import, Part, Source, Summary};
use crossauth_storage_sql::{SqlStorage, sqlite};
use crossauth_testkit::upstream::{ACCOUNTS, KEYS, Preset, Upstream};
use serde_json::json;

use crate::opened::Opened;
use crate::server::Server;
use crate::upstream;

const NOW: Timestamp = Timestamp::from_secs(1_767_225_600);

pub(crate) async fn databases_of_upstream_are_imported_and_stay_as_they_are<S: Server>() {
    for upstream in Upstream::on(S::ENGINE) {
        let place = S::empty();
        S::execute(&place, &upstream::sql(upstream));
        let source = S::source(&place, upstream::table_map(upstream)).await;
        everything_is_imported(&sqlite::memory().await.unwrap(), &source, upstream).await;
        let target = Opened::<S>::open().await;
        everything_is_imported(&target.database, &source, upstream).await;
        // None of ours was created beside them.
        assert_eq!(S::plan(&place).await.groups[0].name, "schema");
    }
}

/// An import that is recorded.
pub(crate) fn import(source: &Source) -> Import<'_> {
    let entry = AuditEntry {
        id: "00000000-import".to_owned(),
        created: NOW,
        act: Act::UsersImported,
        actor: Actor::System,
        userid: None,
        request_id: None,
        detail: serde_json::Map::new(),
        origin: Personal::default(),
        about: Personal::default(),
    };
    Import::new(source, NOW, AuditEvent::of(entry, Recording::Required))
}

pub(crate) async fn run<D: Database>(target: &SqlStorage<D>, source: &Source) -> Summary {
    target.import(import(source), &mut |_| ()).await.unwrap()
}

pub(crate) async fn findings<D: Database>(target: &SqlStorage<D>) -> Vec<Finding> {
    let found = target.import_findings(0, 1000).await.unwrap();
    found.into_iter().map(|(_, finding)| finding).collect()
}

/// The numbers of rows that were read and taken.
pub(crate) fn count(summary: &Summary, part: Part) -> (u64, u64) {
    let (_, count) = summary.counts.iter().find(|(of, _)| *of == part).unwrap();
    (count.read, count.taken)
}

/// Imports all rows of a database of upstream, and finds them.
pub(crate) async fn everything_is_imported<D: Database>(
    target: &SqlStorage<D>,
    source: &Source,
    upstream: Upstream,
) {
    let summary = run(target, source).await;
    let odd = upstream.odd_users().len() as u64;
    assert_eq!(count(&summary, Part::Users), (10 + odd, 10), "{upstream:?}");
    assert_eq!(count(&summary, Part::ApiKeys), (3, 3), "{upstream:?}");
    accounts_are_the_same(target, upstream).await;
    upstream::keys_are_found(&target.storage(), upstream).await;
    let found = findings(target).await;
    findings_name_rows_without_secrets(&found, &summary, upstream);

    let filter = AuditFilter::default();
    let recorded = target.storage().audit.list(&filter, None, 10).await.unwrap();
    assert_eq!(recorded.len(), 1);
    assert_eq!(recorded[0].act, Act::UsersImported);
    assert_eq!(recorded[0].detail.get("users"), Some(&json!(10)));

    let again = run(target, source).await;
    assert!(again.was_complete);
    assert_eq!(again.counts, summary.counts);
    assert_eq!(findings(target).await, found);
    assert_eq!(target.unfinished_import().await.unwrap(), None);
}

async fn accounts_are_the_same<D: Database>(target: &SqlStorage<D>, upstream: Upstream) {
    let storage = target.storage();
    for account in &ACCOUNTS {
        let id = UserId::Integer(account.id);
        let found = storage.users.find_by_id(&id).await.unwrap().unwrap();
        let by_name = storage.users.find_by_username(&account.username.to_uppercase()).await;
        assert_eq!(by_name.unwrap(), Some(found.clone()), "{upstream:?} {account:?}");
        if let Some(email) = account.email {
            let by_email = storage.users.find_by_email(&email.to_lowercase()).await.unwrap();
            assert_eq!(by_email, Some(found.clone()), "{upstream:?} {account:?}");
        }
        assert_eq!(found.epoch(), Some(0));
        let (user, secrets) = found.regardless_of_state();
        assert_eq!(&*user.username, account.username);
        assert_eq!(user.email.as_deref(), account.email);
        assert_eq!(user.state, UserState::from(account.state));
        assert_eq!(user.factor2, FactorName::optional(account.factor2.unwrap_or_default()));
        assert_eq!(user.admin, upstream.preset == Preset::TypeScript && account.id == 9);
        assert_eq!(secrets, upstream::secrets_of(account, upstream), "{upstream:?} {account:?}");
        assert_eq!(user.extra.get("phone"), account.phone.map(|phone| json!(phone)).as_ref());
        assert_eq!(user.extra.get("Shoe Size"), Some(&json!(43)));
        assert_eq!(user.extra.get("born"), Some(&json!("2001-02-03")));
    }
    // New ids are greater than those that were imported.
    let new = crossauth_core::user::NewUser::named("newcomer");
    let new =
        crossauth_testkit::storage::create_user(&storage, &new, &UserSecrets::default()).await;
    assert!(matches!(new.id, UserId::Integer(id) if id > 16), "{upstream:?} {:?}", new.id);
}

fn findings_name_rows_without_secrets(found: &[Finding], summary: &Summary, upstream: Upstream) {
    let refused: u64 = summary.counts.iter().map(|(_, count)| count.read - count.taken).sum();
    let not_taken = found.iter().filter(|finding| !finding.taken).count();
    assert_eq!(not_taken as u64, refused, "{upstream:?} {found:?}");
    for id in upstream.odd_users() {
        let id = id.to_string();
        let is_of = |it: &&Finding| it.part == Part::Users && it.id.as_ref() == Some(&id);
        let finding = found.iter().find(is_of).unwrap();
        assert!(finding.reason.contains("\"username\""), "{finding:?}");
    }
    let photo = found.iter().find(|it| it.taken && it.id.as_deref() == Some("7")).unwrap();
    assert!(photo.reason.contains("\"photo\""), "{photo:?}");
    let text = format!("{found:?}");
    assert!(text.contains("its owner, the user 21, was not taken"), "{text}");
    for secret in KEYS.iter().map(|key| key.hash).chain(["pbkdf2", "s:odd", "GEZDGN"]) {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
}
