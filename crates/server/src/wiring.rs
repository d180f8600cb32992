//! Builds the parts of the server from settings.

use std::net::SocketAddr;

use anyhow::Context as _;
use crossauth_axum::{BaseUrl, Crossauth};
use crossauth_core::secret::ServerSecret;
use crossauth_core::storage::Storage;
use crossauth_core::storage::memory::MemoryStorage;
use crossauth_core::user::Normalization;
use crossauth_core::{Auth, AuthConfig, Sources};
use crossauth_settings::Settings;

use crate::data::DataDirectory;

/// The configured secret, or the generated one.
pub(crate) fn secret(settings: &Settings, data: &DataDirectory) -> anyhow::Result<ServerSecret> {
    match &settings.site.secret {
        Some(secret) => Ok(secret.clone()),
        None => data.secret(),
    }
}

/// A secret for a command that signs nothing; never creates a stored one.
pub(crate) fn secret_for_command(
    settings: &Settings,
    data: &DataDirectory,
) -> anyhow::Result<ServerSecret> {
    match (&settings.site.secret, data.existing_secret()?) {
        (Some(secret), _) => Ok(secret.clone()),
        (None, Some(secret)) => Ok(secret),
        (None, None) => DataDirectory::ephemeral_secret(),
    }
}

/// The use cases alone, for commands that may send messages. A running server sends them.
pub(crate) fn auth_with_mail(
    settings: &Settings,
    secret: ServerSecret,
    storage: &Storage,
) -> anyhow::Result<Auth> {
    let mut config = auth_config(settings, secret)?;
    config.email_verification = settings.email_verification.clone();
    config.password_reset = settings.password_reset.clone();
    config.delivery = settings.delivery().map_err(|error| anyhow::anyhow!(error))?;
    Ok(Auth::new(config, storage, &Sources::default())?)
}

/// The use cases alone, for commands on accounts.
pub(crate) fn auth(
    settings: &Settings,
    secret: ServerSecret,
    storage: &Storage,
) -> anyhow::Result<Auth> {
    let config = auth_config(settings, secret)?;
    Ok(Auth::new(config, storage, &Sources::default())?)
}

fn auth_config(settings: &Settings, secret: ServerSecret) -> anyhow::Result<AuthConfig> {
    let mut config = settings.auth_config(secret);
    config.directory = settings.directory().map_err(anyhow::Error::from_boxed)?;
    Ok(config)
}

/// The whole site. Its base URL is the listening address unless configured.
pub(crate) fn site(
    settings: &Settings,
    secret: &ServerSecret,
    storage: Storage,
    address: SocketAddr,
) -> anyhow::Result<Crossauth> {
    let mut settings = settings.clone();
    settings.site.admin_endpoints.get_or_insert(true);
    let site = &mut settings.site.config;
    if site.base_url.is_none() {
        site.base_url = Some(BaseUrl::parse(&format!("http://{address}"))?);
    }
    site.login_redirect.get_or_insert_with(|| site.prefix.clone());
    site.logout_redirect.get_or_insert_with(|| site.prefix.clone());
    let builder = settings.builder().secret(secret.expose()).storage(storage);
    builder.build().context("the configuration is invalid")
}

/// Builds the site with an empty in-memory storage, to detect errors in templates and paths.
pub(crate) fn dry_run(settings: &Settings) -> anyhow::Result<()> {
    let secret = ServerSecret::new("a placeholder, not a secret")?;
    let storage = MemoryStorage::new(Normalization::default()).storage();
    let _router = site(settings, &secret, storage, settings.server.listen)?.site();
    Ok(())
}
