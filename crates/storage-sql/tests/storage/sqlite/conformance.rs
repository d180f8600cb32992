//! Every rule, on our own schema and on those of upstream.

mod in_file {
    use crate::sqlite::SqliteFile;

    async fn empty_storage() -> SqliteFile {
        SqliteFile::open(crossauth_storage_sql::sqlite::Options::default()).await
    }

    crossauth_testkit::store_tests!(empty_storage);
}

mod in_memory {
    use crossauth_storage_sql::SqlStorage;
    use crossauth_storage_sql::sqlite::{Sqlite, memory};

    async fn empty_storage() -> SqlStorage<Sqlite> {
        memory().await.unwrap()
    }

    crossauth_testkit::store_tests!(empty_storage);
}

mod pycrossauth {
    use crate::sqlite::{SqliteFile, foreign};

    async fn empty_storage() -> SqliteFile {
        foreign::open(&foreign::PYCROSSAUTH, "admin boolean,").await
    }

    crossauth_testkit::store_tests!(empty_storage);
}

mod crossauthjs {
    use crate::sqlite::{SqliteFile, foreign};

    async fn empty_storage() -> SqliteFile {
        foreign::open(&foreign::CROSSAUTHJS, "admin boolean,").await
    }

    crossauth_testkit::store_tests!(empty_storage);
}

mod text_ids {
    use crate::sqlite::{SqliteFile, foreign};

    async fn empty_storage() -> SqliteFile {
        let schema = foreign::Schema { id: "varchar(36) PRIMARY KEY", ..foreign::CROSSAUTHJS };
        foreign::open(&schema, "admin boolean,").await
    }

    crossauth_testkit::store_tests!(empty_storage);
}
