//! A certificate authority with a certificate for this machine.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// An authority that no system trusts.
#[derive(Debug)]
pub struct Authority(TempDir);

impl Authority {
    /// Creates one, with a certificate for `localhost` and `127.0.0.1`.
    pub fn new() -> Self {
        Self::issuing("2")
    }

    /// Creates one, whose certificate for this machine expired yesterday.
    pub fn expired() -> Self {
        Self::issuing("-1")
    }

    fn issuing(days: &str) -> Self {
        let authority = Self(tempfile::tempdir().unwrap());
        let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
        authority.openssl(
            &[&["req", "-x509", "-subj", "/CN=Test authority", "-days", "2"], &key[..]].concat(),
            &[("-keyout", "ca.key"), ("-out", "ca.pem")],
        );
        authority.openssl(
            &[&["req", "-subj", "/CN=localhost"], &key[..]].concat(),
            &[("-keyout", "server.key"), ("-out", "server.csr")],
        );
        std::fs::write(
            authority.path("extensions"),
            "subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\n",
        )
        .unwrap();
        authority.openssl(
            &["x509", "-req", "-days", days, "-CAcreateserial"],
            &[
                ("-in", "server.csr"),
                ("-CA", "ca.pem"),
                ("-CAkey", "ca.key"),
                ("-extfile", "extensions"),
                ("-out", "server.pem"),
            ],
        );
        authority
    }

    /// The file with its own certificate.
    pub fn certificate(&self) -> PathBuf {
        self.path("ca.pem")
    }

    /// The file with the certificate for this machine.
    pub fn server_certificate(&self) -> PathBuf {
        self.path("server.pem")
    }

    /// The file with the key for this machine.
    pub fn server_key(&self) -> PathBuf {
        self.path("server.key")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn openssl(&self, arguments: &[&str], files: &[(&str, &str)]) {
        let mut command = Command::new("openssl");
        command.args(arguments);
        for (option, file) in files {
            command.arg(option).arg(Path::new(file));
        }
        let output = command.current_dir(self.0.path()).output().unwrap();
        assert!(output.status.success(), "openssl: {}", String::from_utf8_lossy(&output.stderr));
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}
