//! Acknowledged writes survive a crash.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::Arc;

use crossauth_core::clock::Timestamp;
use crossauth_core::key::Key;
use crossauth_storage_sql::sqlite;

use super::SqliteFile;

/// The variable with the path of the file, for the child process.
const FILE: &str = "CROSSAUTH_TEST_DURABILITY_FILE";

/// Not a test: the child process of [`acknowledged_writes_survive_sigkill`]. Writes until it is
/// killed, and prints the value of each key that was acknowledged.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "runs in a child process of another test"]
#[expect(clippy::disallowed_methods, reason = "this is how the parent names the file")]
async fn write_until_killed() {
    let storage = sqlite::open(std::env::var_os(FILE).unwrap()).await.unwrap().storage();
    let output = Arc::new(parking_lot::Mutex::new(std::io::stdout()));
    let writers: Vec<_> = (0..16)
        .map(|writer| {
            let (keys, output) = (storage.keys.clone(), Arc::clone(&output));
            tokio::spawn(async move {
                for number in 0_u64.. {
                    let value = format!("s:{writer}:{number}");
                    let key = Key::new(&value, None, Timestamp::from_secs(0));
                    keys.insert(&key).await.unwrap();
                    writeln!(output.lock(), "\nwrote {value}").unwrap();
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
}

#[tokio::test]
async fn acknowledged_writes_survive_sigkill() {
    let opened = SqliteFile::open().await;
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "sqlite::durability::write_until_killed", "--ignored", "--nocapture"])
        .env(FILE, opened.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut acknowledged: Vec<String> = Vec::new();
    let note = |acknowledged: &mut Vec<String>, line: &str| {
        acknowledged.extend(line.strip_prefix("wrote ").map(str::to_owned));
    };
    while acknowledged.len() < 2000 {
        note(&mut acknowledged, &lines.next().unwrap());
    }
    child.kill().unwrap();
    child.wait().unwrap();
    // Adds the lines that were printed before the kill but not read yet. The last line may be
    // incomplete.
    let rest: Vec<String> = lines.collect();
    for line in rest.iter().take(rest.len().saturating_sub(1)) {
        note(&mut acknowledged, line);
    }

    let check: String =
        opened.connection().query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(check, "ok");
    let keys = opened.storage().keys;
    for value in &acknowledged {
        assert!(keys.find(value).await.unwrap().is_some(), "{value} is lost");
    }
}
