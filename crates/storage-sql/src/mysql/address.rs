//! The URL of a database, and whether its server is reached with TLS.

use std::path::PathBuf;

use mysql_async::{Opts, OptsBuilder, SslOpts, UrlError};

use crate::{OpenError, authority};

/// What a URL may have behind its `?`. The driver knows more, among them what would turn off the
/// check of certificates.
const PARAMETERS: [&str; 2] = ["require_ssl", "socket"];

/// Parses a URL. Its server must be on this machine, or it is reached with TLS.
pub(super) async fn parse(url: &str, ca: Option<PathBuf>) -> Result<Opts, OpenError> {
    let opts = Opts::from_url(url).map_err(|error| invalid(describe(&error)))?;
    let (_, query) = url.split_once('?').unwrap_or_default();
    let parameters = query.split('&').filter(|it| !it.is_empty());
    for name in parameters.map(|it| it.split('=').next().unwrap_or_default()) {
        if !PARAMETERS.contains(&name) {
            return Err(invalid(format!("its parameter {name:?} is not supported")));
        }
    }
    if opts.db_name().is_none_or(str::is_empty) {
        return Err(invalid("it names no database"));
    }
    let is_local = opts.socket().is_some() || is_loopback(opts.ip_or_hostname());
    let tls = if opts.ssl_opts().is_some() || !is_local { Some(tls(ca).await?) } else { None };
    Ok(OptsBuilder::from_opts(opts).ssl_opts(tls).into())
}

fn invalid(problem: impl Into<String>) -> OpenError {
    OpenError::InvalidUrl { problem: problem.into() }
}

/// The message of an error, without values of the URL.
fn describe(error: &UrlError) -> String {
    match error {
        UrlError::InvalidParamValue { param, .. } => format!("its parameter {param:?} is invalid"),
        UrlError::UnsupportedScheme { .. } => "it does not begin with mysql://".to_owned(),
        UrlError::FeatureRequired { .. }
        | UrlError::Invalid
        | UrlError::InvalidPoolConstraints { .. }
        | UrlError::Parse(_)
        | UrlError::UnknownParameter { .. } => error.to_string(),
    }
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// TLS with the authorities of a file or of the operating system, and no others.
async fn tls(ca: Option<PathBuf>) -> Result<SslOpts, OpenError> {
    let roots = authority::certificates(ca).await?;
    let roots = roots.into_iter().map(|certificate| certificate.to_vec().into()).collect();
    Ok(SslOpts::default().with_disable_built_in_roots(true).with_root_certs(roots))
}

#[cfg(test)]
mod tests {
    use crossauth_testkit::authority::Authority;

    use super::*;

    #[tokio::test]
    async fn other_hosts_need_tls() {
        let ca = Authority::new();
        for (url, is_secure) in [
            ("mysql://app@localhost/app", false),
            ("mysql://app:secret@127.0.0.1:3307/app", false),
            ("mysql://app:secret@[::1]/app", false),
            ("mysql://app@localhost/app?socket=%2Frun%2Fmysqld%2Fmysqld.sock", false),
            ("mysql://app@localhost/app?require_ssl=true", true),
            ("mysql://app:secret@db.example.com/app", true),
            ("mysql://app:secret@db.example.com/app?require_ssl=false", true),
            ("mysql://app:secret@10.0.0.1/app", true),
        ] {
            let opts = parse(url, Some(ca.certificate())).await.unwrap();
            assert_eq!(opts.ssl_opts().is_some(), is_secure, "{url}");
            let checked = |tls: &SslOpts| {
                tls.disable_built_in_roots()
                    && !tls.accept_invalid_certs()
                    && !tls.skip_domain_validation()
            };
            assert!(opts.ssl_opts().is_none_or(checked), "{url}");
        }
    }

    #[tokio::test]
    async fn invalid_urls_are_errors_without_the_password() {
        for url in [
            "postgres://app:secret@localhost/app",
            "app:secret@localhost/app",
            "mysql://app:secret@localhost",
            "mysql://app:secret@localhost/",
            "mysql://app:secret@localhost:x/app",
            "mysql://app:secret@localhost/app?verify_ca=false",
            "mysql://app:secret@localhost/app?verify_identity=false",
            "mysql://app:secret@localhost/app?require_ssl=secret",
            "mysql://app:secret@localhost/app?nonsense=1",
        ] {
            let error = parse(url, None).await.unwrap_err();
            assert!(matches!(&error, OpenError::InvalidUrl { .. }), "{url}: {error}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }
}
