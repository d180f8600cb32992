//! The rate at which the cores hash passwords without a server.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow};
use argon2::{Algorithm, Argon2, Block, Params, Version};

use crate::load::{self, Throughput};

/// The parameters of a stored Argon2id hash, the same as those of the server.
pub(crate) fn parameters(stored: &str) -> Result<Params> {
    let settings = stored
        .strip_prefix("$argon2id$v=19$")
        .and_then(|rest| rest.split('$').next())
        .with_context(|| format!("not an Argon2id hash: {stored}"))?;
    let setting = |name: &str| -> Result<u32> {
        let value = settings.split(',').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        Ok(value.with_context(|| format!("no {name} in {settings}"))?.parse()?)
    };
    Params::new(setting("m")?, setting("t")?, setting("p")?, Some(32))
        .map_err(|error| anyhow!("Argon2id does not take these parameters: {error}"))
}

/// Hashes on `threads` threads for a while, each with its own reused memory.
pub(crate) fn measure(parameters: &Params, threads: usize, time: Duration) -> Result<Throughput> {
    let end = Instant::now() + time;
    let hashers = (0..threads).map(|_| hasher(parameters)).collect();
    let (throughput, ()) = load::load_while(hashers, || {
        std::thread::sleep(end.saturating_duration_since(Instant::now()));
        Ok(())
    })?;
    Ok(throughput)
}

fn hasher(parameters: &Params) -> impl FnMut() -> Result<()> + Send + use<> {
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters.clone());
    let mut memory = vec![Block::new(); parameters.block_count()];
    move || {
        let mut hash = [0; 32];
        argon2
            .hash_password_into_with_memory(
                b"a passphrase of usual length",
                b"sixteen bytes...",
                &mut hash,
                memory.as_mut_slice(),
            )
            .map_err(|error| anyhow!("{error}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_read_from_a_stored_hash() {
        let read = parameters("$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA").unwrap();
        assert_eq!((read.m_cost(), read.t_cost(), read.p_cost()), (19456, 2, 1));
        assert!(parameters("pbkdf2:sha256:32:600000:0:c2FsdA:aGFzaA").is_err());
        assert!(parameters("$argon2id$v=19$m=19456$c2FsdA$aGFzaA").is_err());
    }
}
