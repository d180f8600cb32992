//! From settings to the parts that they describe.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::time::Duration;

use anyhow::Context as _;
use crossauth_axum::{BodyLimits, Crossauth, HostPrefix, Transport};
use crossauth_core::cookie::{CookieOptions, SameSite};
use crossauth_core::password::pbkdf2::{self, Digest, Pepper};
use crossauth_core::password::{Argon2idParams, HasherConfig, NewHashes};
use crossauth_core::secret::ServerSecret;
use crossauth_core::session::{Persistence, SessionConfig};
use crossauth_core::signup::{Door, SignupConfig};
use crossauth_core::storage::Storage;
use crossauth_core::storage::memory::MemoryStorage;
use crossauth_core::user::Normalization;
use crossauth_core::{Auth, AuthConfig, Environment};

use crate::data::DataDirectory;
use crate::settings::Settings;
use crate::settings::choice::{self, PasswordHash, Pbkdf2Digest, Switch};
use crate::settings::value::Count;

/// The configured secret, or the generated one.
pub(crate) fn secret(settings: &Settings, data: &DataDirectory) -> anyhow::Result<ServerSecret> {
    match &settings.secret {
        Some(secret) => Ok(ServerSecret::new(secret.expose())?),
        None => data.secret(),
    }
}

/// The use cases alone, for commands that work on accounts.
pub(crate) fn auth(
    settings: &Settings,
    secret: ServerSecret,
    storage: &Storage,
) -> anyhow::Result<Auth> {
    let config = AuthConfig {
        session: session(settings),
        hasher: hasher(settings),
        signup: signup(settings),
        ..AuthConfig::new(secret)
    };
    Ok(Auth::new(config, storage, &Environment::default())?)
}

/// The whole site. Its address is the one listened on unless the settings give another.
pub(crate) fn site(
    settings: &Settings,
    secret: &ServerSecret,
    storage: Storage,
    address: SocketAddr,
) -> anyhow::Result<Crossauth> {
    let listening = format!("http://{address}");
    let base_url = settings.base_url.as_ref().map_or(&*listening, |url| url.as_str());
    let mut builder = Crossauth::builder()
        .secret(secret.expose())
        .storage(storage)
        .site_name(&*settings.site_name)
        .prefix(&*settings.prefix.0)
        .login_redirect(&*settings.login_redirect.as_ref().unwrap_or(&settings.prefix).0)
        .logout_redirect(&*settings.logout_redirect.as_ref().unwrap_or(&settings.prefix).0)
        .session_cookie(session_cookie(settings))
        .csrf_cookie(csrf_cookie(settings))
        .csrf_header(&*settings.csrf_header_name.0)
        .body_limits(BodyLimits { size: settings.body_limit.0, time: settings.request_timeout })
        .session(session(settings))
        .hasher(hasher(settings))
        .signup(signup(settings));
    builder = match settings.insecure_http {
        Switch::On => builder.danger_insecure_base_url(base_url),
        Switch::Off => builder.base_url(base_url),
    };
    builder = builder.host_prefix(match settings.cookies_host_prefix {
        Switch::On => HostPrefix::Always,
        Switch::Off => HostPrefix::Never,
    });
    if let Some(directory) = &settings.templates {
        builder = builder.templates(directory);
    }
    if settings.dev.is_on() {
        builder = builder.reload_templates();
    }
    builder.build().context("cannot start as configured")
}

/// Puts the site together over nothing, for mistakes that show only then: in templates, names of
/// cookies, paths.
pub(crate) fn rehearse(settings: &Settings) -> anyhow::Result<()> {
    let secret = ServerSecret::new("stands for any other secret")?;
    let storage = MemoryStorage::new(Normalization::default()).storage();
    let _router = site(settings, &secret, storage, settings.listen)?.site();
    Ok(())
}

impl Settings {
    /// Whether browsers reach the server by https.
    pub(crate) fn is_https(&self) -> bool {
        self.base_url.as_ref().is_some_and(|url| url.transport() == Transport::Encrypted)
    }
}

/// How new passwords are hashed.
pub(crate) fn new_hashes(settings: &Settings) -> NewHashes {
    match settings.password_hash {
        PasswordHash::Argon2id => NewHashes::Argon2id(Argon2idParams {
            memory_kib: u32::try_from(settings.argon2_memory.0 / 1024).unwrap_or(u32::MAX),
            passes: settings.argon2_iterations.0,
            ..Argon2idParams::default()
        }),
        PasswordHash::Pbkdf2 => NewHashes::Pbkdf2(pbkdf2::Params {
            digest: match settings.pbkdf2_digest {
                Pbkdf2Digest::Sha1 => Digest::Sha1,
                Pbkdf2Digest::Sha256 => Digest::Sha256,
                Pbkdf2Digest::Sha384 => Digest::Sha384,
                Pbkdf2Digest::Sha512 => Digest::Sha512,
            },
            key_len: settings.pbkdf2_key_length.to_usize(),
            iterations: settings.pbkdf2_iterations.0,
        }),
    }
}

fn hasher(settings: &Settings) -> HasherConfig {
    HasherConfig {
        new_hashes: new_hashes(settings),
        pepper: settings.pepper.as_ref().map(|pepper| Pepper::new(pepper.expose())),
        threads: settings.password_threads.and_then(Count::to_non_zero),
        queue: settings.password_queue.to_non_zero().unwrap_or(NonZeroUsize::MIN),
    }
}

fn session(settings: &Settings) -> SessionConfig {
    let unless_zero = |duration: Duration| (!duration.is_zero()).then_some(duration);
    SessionConfig {
        max_age: unless_zero(settings.session_max_age),
        idle_timeout: unless_zero(settings.session_idle_timeout),
        persist: match settings.session_persist {
            Switch::On => Persistence::Persistent,
            Switch::Off => Persistence::UntilBrowserCloses,
        },
        filter: None,
    }
}

fn signup(settings: &Settings) -> SignupConfig {
    let open = if settings.signup_enabled.is_on() { Door::Open } else { Door::Shut };
    SignupConfig {
        open,
        editable_fields: settings.editable_fields.clone(),
        ..SignupConfig::default()
    }
}

fn session_cookie(settings: &Settings) -> CookieOptions {
    CookieOptions {
        name: settings.session_cookie_name.0.clone(),
        domain: settings.session_domain.as_ref().map(|domain| domain.0.clone()),
        path: Some(settings.session_path.0.clone()),
        http_only: settings.session_http_only.is_on(),
        secure: settings.is_https(),
        same_site: same_site(settings.session_same_site),
    }
}

fn csrf_cookie(settings: &Settings) -> CookieOptions {
    CookieOptions {
        name: settings.csrf_cookie_name.0.clone(),
        domain: settings.csrf_domain.as_ref().map(|domain| domain.0.clone()),
        path: Some(settings.csrf_path.0.clone()),
        http_only: settings.csrf_http_only.is_on(),
        secure: settings.is_https(),
        same_site: same_site(settings.csrf_same_site),
    }
}

fn same_site(chosen: choice::SameSite) -> SameSite {
    match chosen {
        choice::SameSite::Strict => SameSite::Strict,
        choice::SameSite::Lax => SameSite::Lax,
        choice::SameSite::None => SameSite::None,
    }
}
