//! Where the sites of these tests store: in memory, or in the engines that the environment variable
//! `CROSSAUTH_TEST_ENGINES` names.

use std::sync::{OnceLock, mpsc};

use crossauth_core::storage::Storage;
use crossauth_core::storage::memory::MemoryStorage;
use crossauth_core::user::Normalization;
use crossauth_storage_redis::Options;
use crossauth_storage_sql::{postgres, sqlite};
use tokio::runtime::{Builder, Runtime};

/// An empty storage that only one test uses.
pub(crate) fn empty_storage() -> Storage {
    match engines() {
        "memory" => MemoryStorage::new(Normalization::Nfkc).storage(),
        "sqlite" => wait(async { sqlite::memory().await.unwrap().storage() }),
        "postgres+redis" => wait(on_servers()),
        other => panic!(
            "CROSSAUTH_TEST_ENGINES is {other:?} instead of memory, sqlite or postgres+redis"
        ),
    }
}

fn engines() -> &'static str {
    static ENGINES: OnceLock<String> = OnceLock::new();
    ENGINES.get_or_init(|| {
        #[expect(clippy::disallowed_methods, reason = "the switch of a test run")]
        std::env::var("CROSSAUTH_TEST_ENGINES").unwrap_or_else(|_| "memory".into())
    })
}

async fn on_servers() -> Storage {
    use crossauth_testkit::{postgres as database, redis};
    let sql = postgres::open(&database::server().empty_schema()).await.unwrap();
    let options = Options { prefix: redis::server().empty_prefix(), ..Options::default() };
    options.open(&redis::server().url()).await.unwrap().in_front_of(sql.storage())
}

/// Waits for a future on threads of its own, so that functions that are not async can use it.
fn wait<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> T {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    let runtime = RUNTIME.get_or_init(|| {
        Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
    });
    let (sender, receiver) = mpsc::channel();
    runtime.spawn(async move { sender.send(future.await) });
    receiver.recv().unwrap()
}
