//! Attacks that no other file of these tests is about, by their number in the list of attacks.
//!
//! Other tests of attacks are beside what they attack.

mod input;
mod key;
mod limit;
mod link;
mod login;
mod page;
mod session;

use crate::browser::Browser;
use crate::site::Site;

/// Session cookies, passwords, hashes, secrets and tokens in storage of the users of a site.
async fn stored_secrets(site: &Site, username: &str) -> Vec<String> {
    use crossauth_core::key::KeyPrefix;
    let (user, secrets) = site.found(username).await.unwrap();
    let mut found: Vec<String> =
        [secrets.password, secrets.totpsecret].into_iter().flatten().collect();
    for prefix in KeyPrefix::ALL {
        let keys =
            site.storage.keys.list_for_user(Some(&user.id), *prefix, None, 100).await.unwrap();
        found.extend(
            keys.into_iter().map(|key| key.value.trim_start_matches(prefix.as_str()).to_owned()),
        );
    }
    found
}

/// The parts of the cookies of a browser.
fn cookie_parts(browser: &Browser) -> Vec<String> {
    browser.cookies.values().flat_map(|cookie| cookie.split('.')).map(str::to_owned).collect()
}
