//! Every rule, on our own schema and on those of upstream.

mod own {
    use crate::mysql::MysqlDatabase;

    async fn empty_storage() -> MysqlDatabase {
        MysqlDatabase::open().await
    }

    crossauth_testkit::store_tests!(empty_storage);
}

mod pycrossauth {
    use crossauth_storage_sql::mysql::Mysql;

    use crate::mysql::MysqlDatabase;
    use crate::opened::Driver as _;

    async fn empty_storage() -> MysqlDatabase {
        MysqlDatabase::of_upstream(&Mysql::PYCROSSAUTH).await
    }

    crossauth_testkit::store_tests!(empty_storage);
}

mod uuid_ids {
    use crossauth_storage_sql::mysql::Mysql;

    use crate::mysql::MysqlDatabase;
    use crate::opened::Driver as _;

    async fn empty_storage() -> MysqlDatabase {
        MysqlDatabase::of_upstream(&Mysql::CROSSAUTHJS).await
    }

    crossauth_testkit::store_tests!(empty_storage);
}

mod binary_ids {
    use crate::mysql::MysqlDatabase;
    use crate::mysql::foreign::BINARY_IDS;

    async fn empty_storage() -> MysqlDatabase {
        MysqlDatabase::of_upstream(&BINARY_IDS).await
    }

    crossauth_testkit::store_tests!(empty_storage);
}
