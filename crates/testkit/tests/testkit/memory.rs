//! The in-memory stores pass every conformance test.

use crossauth_core::storage::memory::MemoryStorage;
use crossauth_core::user::Normalization;

mod nfkc {
    use super::{MemoryStorage, Normalization};

    async fn empty_storage() -> MemoryStorage {
        MemoryStorage::new(Normalization::Nfkc)
    }

    crossauth_testkit::store_tests!(empty_storage);
}

mod crossauth {
    use super::{MemoryStorage, Normalization};

    async fn empty_storage() -> MemoryStorage {
        MemoryStorage::new(Normalization::Crossauth)
    }

    crossauth_testkit::store_tests!(empty_storage);
}
