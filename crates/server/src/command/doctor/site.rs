//! The public URL: whether it leads to this database, with cookies that work.

mod browser;

use std::net::IpAddr;
use std::time::Duration;

use crossauth_axum::Crossauth;
use crossauth_core::account::{AccountForm, Role};
use crossauth_core::clock::{Clock as _, SystemClock, Timestamp};
use crossauth_core::crypto::random_value;
use crossauth_core::random::SystemRandom;
use crossauth_core::secret::Password;
use crossauth_settings::Settings;
use http::header::{DATE, SET_COOKIE};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::clock::TOLERANCE;
use super::finding::Findings;
use browser::Browser;

/// Maximum time of all requests.
const TIME_LIMIT: Duration = Duration::from_mins(1);

/// Logs a new account in through the public URL and deletes it, unless that is not wanted.
pub(super) async fn check(
    settings: &Settings,
    site: &Crossauth,
    no_login: bool,
    findings: &mut Findings,
) -> anyhow::Result<()> {
    let base = site.config().base_url.as_str();
    if base.starts_with("https://") && settings.requests.proxies.networks.is_empty() {
        findings.warning(
            "limits.trusted_proxies is not set, but https means a proxy: all visitors seem to have \
             its address, and share the limits of one",
        )?;
    }
    let mut browser = match Browser::new(base, site.config().csrf_header.clone()) {
        Ok(browser) => browser,
        Err(error) => return Ok(findings.problem(&format!("{base} cannot be used: {error}"))?),
    };
    let checked = timeout(TIME_LIMIT, async {
        if !reaches(site, &mut browser, findings).await? || no_login {
            return Ok(());
        }
        let username = format!("doctor-{}", random_value(&SystemRandom, 9));
        let password = format!("Aa1!{}", random_value(&SystemRandom, 18));
        let form = AccountForm::new(&username, Password::new(&*password));
        let user = match site.auth().accounts.create(form, Role::User).await {
            Ok(user) => user,
            Err(error) => {
                let told = "no login was tried: no account can be created for it";
                return Ok(findings.warning(&format!("{told}: {error}"))?);
            }
        };
        let checked = log_in(site, &mut browser, (&username, &password), findings).await;
        site.auth().accounts.delete(&user.id).await?;
        checked
    });
    match checked.await {
        Ok(checked) => checked,
        Err(_) => Ok(findings.problem(&format!("{base} did not answer within a minute"))?),
    }
}

/// Whether the URL leads to a Crossauth: requests a token for the login.
async fn reaches(
    site: &Crossauth,
    browser: &mut Browser,
    findings: &mut Findings,
) -> anyhow::Result<bool> {
    let url = site.config().base_url.as_str();
    let path = format!("{}api/getcsrftoken", site.config().prefix);
    let response = match browser.get(&path).await {
        Ok(response) => response,
        Err(error) => {
            let hint = "does the server run, and does the proxy lead to it?";
            findings.problem(&format!("{url} cannot be reached ({hint}): {error}"))?;
            return Ok(false);
        }
    };
    let body: Value = serde_json::from_slice(response.body()).unwrap_or_default();
    let Some(token) = body["csrfToken"].as_str().filter(|_| response.status() == StatusCode::OK)
    else {
        let status = response.status();
        findings.problem(&format!("{url}{path} answers {status}: another program, or path"))?;
        return Ok(false);
    };
    token.clone_into(&mut browser.token);
    check_date(response.headers(), findings)?;
    findings.fine(&format!("{url} leads to a Crossauth"))?;
    Ok(true)
}

/// Compares the clock of the server, or of its proxy, with that of this machine.
fn check_date(headers: &HeaderMap, findings: &mut Findings) -> anyhow::Result<()> {
    let Some(date) = headers.get(DATE).and_then(|date| date.to_str().ok()) else { return Ok(()) };
    let Ok(date) = httpdate::parse_http_date(date) else { return Ok(()) };
    let (date, now) = (Timestamp::from(date), SystemClock.now());
    let difference = date.since(now).max(now.since(date));
    if difference > TOLERANCE {
        let seconds = difference.as_secs();
        findings.problem(&format!(
            "the clock of this machine and that behind the public URL differ by {seconds} s"
        ))?;
    }
    Ok(())
}

/// Logs in, asks who is logged in, and logs out.
async fn log_in(
    site: &Crossauth,
    browser: &mut Browser,
    (username, password): (&str, &str),
    findings: &mut Findings,
) -> anyhow::Result<()> {
    let (config, sessions) = (site.config(), &site.auth().sessions);
    let form = json!({ "username": username, "password": password });
    let response = match browser.post(&format!("{}api/login", config.prefix), &form).await {
        Ok(response) => response,
        Err(error) => return Ok(findings.problem(&format!("the login failed: {error}"))?),
    };
    match response.status() {
        StatusCode::OK => {}
        StatusCode::NOT_FOUND => {
            return Ok(findings.warning("no login was tried: api/login is not served")?);
        }
        StatusCode::UNAUTHORIZED => {
            return Ok(findings.problem(
                "the server behind the public URL does not know an account that was just created: \
                 it has another database",
            )?);
        }
        status => return Ok(findings.problem(&format!("the login failed with {status}"))?),
    }
    check_cookie(site, response.headers(), findings)?;
    let name = &config.session_cookie.name;
    let Some(cookie) = browser.cookie(name) else {
        return Ok(findings.problem(&format!("the login set no cookie {name:?}"))?);
    };
    let Ok(id) = sessions.read_id(&cookie) else {
        return Ok(findings.problem("the server behind the public URL has another secret")?);
    };
    let path = format!("{}api/userforsessionkey", config.prefix);
    let response = browser.get(&path).await.map_err(anyhow::Error::from_boxed)?;
    let body: Value = serde_json::from_slice(response.body()).unwrap_or_default();
    if body["user"]["username"] != username {
        let told = "the session of a login is not known at the next request";
        return Ok(findings.problem(&format!("{told} ({})", response.status()))?);
    }
    let session = sessions.find(id).await?;
    let listed = sessions.list(&session).await?;
    let address = listed.iter().find(|it| it.current).and_then(|it| it.address);
    let from = address.map_or("an unknown address".to_owned(), |it: IpAddr| it.to_string());
    Ok(findings.fine(&format!("a login through it works; the server saw it come from {from}"))?)
}

/// Checks the attributes of the session cookie as they arrive, which a proxy may have changed.
fn check_cookie(
    site: &Crossauth,
    headers: &HeaderMap,
    findings: &mut Findings,
) -> anyhow::Result<()> {
    let config = site.config();
    let name = format!("{}=", config.session_cookie.name);
    let cookies = headers.get_all(SET_COOKIE).iter().filter_map(|value| value.to_str().ok());
    let Some(cookie) = cookies.into_iter().find(|cookie| cookie.starts_with(&name)) else {
        return Ok(());
    };
    let attributes: Vec<String> =
        cookie.split(';').skip(1).map(|it| it.trim().to_ascii_lowercase()).collect();
    let has = |attribute: &str| attributes.iter().any(|found| found == attribute);
    let is_https = config.base_url.as_str().starts_with("https://");
    let mut all_right = true;
    for (holds, problem) in [
        (has("secure") || !is_https, "has no `Secure`, so it is also sent over plain http"),
        (has("httponly"), "has no `HttpOnly`, so scripts can read it"),
        (has("samesite=lax") || has("samesite=strict"), "is sent with requests of other sites"),
        (
            config.session_cookie.domain.is_some()
                || !attributes.iter().any(|it| it.starts_with("domain=")),
            "is sent to other hosts, too",
        ),
    ] {
        if !holds {
            all_right = false;
            findings.warning(&format!("the session cookie {problem}"))?;
        }
    }
    if all_right {
        findings.fine("the session cookie arrives with the attributes that protect it")?;
    }
    Ok(())
}
