//! Cryptographic wire formats (`spec` 2).
