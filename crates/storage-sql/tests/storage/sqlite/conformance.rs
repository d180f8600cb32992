//! Every rule, on our own schema and on those of upstream.

mod in_file {
    use crate::sqlite::SqliteFile;

    async fn empty_storage() -> SqliteFile {
        SqliteFile::open().await
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
    use crate::foreign::Schema;
    use crate::sqlite::{PYCROSSAUTH, SqliteFile};

    async fn empty_storage() -> SqliteFile {
        let schema = Schema { columns: "admin boolean,", ..PYCROSSAUTH };
        SqliteFile::of_upstream(&schema).await
    }

    crossauth_testkit::store_tests!(empty_storage);
}

mod crossauthjs {
    use crate::foreign::Schema;
    use crate::sqlite::{CROSSAUTHJS, SqliteFile};

    async fn empty_storage() -> SqliteFile {
        let schema = Schema { columns: "admin boolean,", ..CROSSAUTHJS };
        SqliteFile::of_upstream(&schema).await
    }

    crossauth_testkit::store_tests!(empty_storage);
}

mod text_ids {
    use crate::foreign::Schema;
    use crate::sqlite::{CROSSAUTHJS, SqliteFile};

    async fn empty_storage() -> SqliteFile {
        let schema =
            Schema { id: "varchar(36) PRIMARY KEY", columns: "admin boolean,", ..CROSSAUTHJS };
        SqliteFile::of_upstream(&schema).await
    }

    crossauth_testkit::store_tests!(empty_storage);
}
