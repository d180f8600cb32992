//! The public URL: whether it leads to this database, with cookies that work.

mod account;
mod browser;

use std::net::IpAddr;
use std::time::Duration;

use crossauth_axum::Crossauth;
use crossauth_core::clock::{Clock as _, SystemClock, Timestamp};
use crossauth_settings::Settings;
use http::header::{DATE, SET_COOKIE};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::clock::TOLERANCE;
use super::finding::Findings;
use crate::serve::StopSignals;
use account::TemporaryAccount;
use browser::Browser;

/// Maximum time of the login with its requests, which have limits of their own.
const TIME_LIMIT: Duration = Duration::from_secs(30);

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
    account::delete_left_over(site.auth(), findings).await?;
    if !reaches(site, &mut browser, findings).await? || no_login {
        return Ok(());
    }
    with_account(site, &mut browser, findings).await
}

/// Logs a temporary account in. It is deleted in any case, also if the site does not respond or the
/// process is told to stop.
async fn with_account(
    site: &Crossauth,
    browser: &mut Browser,
    findings: &mut Findings,
) -> anyhow::Result<()> {
    let mut signals = StopSignals::catch()?;
    let account = TemporaryAccount::new(site.auth());
    let checked = match account.create(site.auth()).await {
        Ok(()) => tokio::select! {
            checked = timeout(TIME_LIMIT, log_in(site, browser, &account, findings)) => {
                checked.unwrap_or_else(|_| Ok(Outcome::Problem("the login took too long".to_owned())))
            }
            () = signals.next() => Ok(Outcome::Problem("the login was interrupted".to_owned())),
        },
        Err(error) => {
            let told = "no login was tried: no account can be created for it";
            Ok(Outcome::Warning(format!("{told}: {error}")))
        }
    };
    account.delete(site.auth(), findings).await?;
    match checked? {
        Outcome::Fine(told) => findings.fine(&told)?,
        Outcome::Warning(told) => findings.warning(&told)?,
        Outcome::Problem(told) => findings.problem(&told)?,
    }
    Ok(())
}

/// What was found about the login.
enum Outcome {
    Fine(String),
    Warning(String),
    Problem(String),
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
    has_secret(site, browser, findings)
}

/// Whether the server behind the URL has our secret: no other gets the password of the account.
fn has_secret(
    site: &Crossauth,
    browser: &Browser,
    findings: &mut Findings,
) -> anyhow::Result<bool> {
    let name = &site.config().csrf_cookie.name;
    let Some(cookie) = browser.cookie(name) else {
        let told = "arrives with a token of the login form: does the proxy remove it?";
        findings.problem(&format!("no cookie {name:?} {told}"))?;
        return Ok(false);
    };
    let is_ours = site.auth().csrf.from_cookie(&cookie, None).is_some();
    if !is_ours {
        findings.problem("the server behind the public URL has another secret")?;
    }
    Ok(is_ours)
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

/// Logs in and asks who is logged in.
async fn log_in(
    site: &Crossauth,
    browser: &mut Browser,
    account: &TemporaryAccount,
    findings: &mut Findings,
) -> anyhow::Result<Outcome> {
    let (config, sessions) = (site.config(), &site.auth().sessions);
    let problem = |told: String| Ok(Outcome::Problem(told));
    let form = json!({ "username": account.username, "password": account.password });
    let response = match browser.post(&format!("{}api/login", config.prefix), &form).await {
        Ok(response) => response,
        Err(error) => return problem(format!("the login failed: {error}")),
    };
    match response.status() {
        StatusCode::OK => {}
        StatusCode::NOT_FOUND => {
            let told = "no login was tried: api/login is not served";
            return Ok(Outcome::Warning(told.to_owned()));
        }
        StatusCode::UNAUTHORIZED => {
            let told = "the server behind the public URL does not know an account that was just \
                        created: it has another database";
            return problem(told.to_owned());
        }
        status => return problem(format!("the login failed with {status}")),
    }
    check_cookie(site, response.headers(), findings)?;
    let name = &config.session_cookie.name;
    let Some(cookie) = browser.cookie(name) else {
        return problem(format!("the login set no cookie {name:?}"));
    };
    let Ok(id) = sessions.read_id(&cookie) else {
        return problem("the session cookie of the login is not signed with our secret".to_owned());
    };
    let path = format!("{}api/userforsessionkey", config.prefix);
    let told = "the session of a login is not known at the next request";
    let response = match browser.get(&path).await {
        Ok(response) => response,
        Err(error) => return problem(format!("{told}: {error}")),
    };
    let body: Value = serde_json::from_slice(response.body()).unwrap_or_default();
    if body["user"]["username"] != account.username {
        return problem(format!("{told} ({})", response.status()));
    }
    let session = sessions.find(id).await?;
    let listed = sessions.list(&session).await?;
    let address = listed.iter().find(|it| it.current).and_then(|it| it.address);
    let from = address.map_or("an unknown address".to_owned(), |it: IpAddr| it.to_string());
    Ok(Outcome::Fine(format!("a login through it works; the server saw it come from {from}")))
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
