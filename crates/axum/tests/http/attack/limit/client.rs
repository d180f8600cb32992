//! The address that is limited.

use super::{assert_refused, judged, site_with};
use crate::browser::Browser;
use crate::site::{PASSWORD, Site};

const WRONG: &str = super::WRONG;

/// A browser that claims an address in every header that is known for it.
fn claiming(site: &Site, peer: &str, claimed: &str) -> Browser {
    let mut browser = site.browser().at(peer);
    browser.headers = vec![
        ("x-forwarded-for", claimed.to_owned()),
        ("forwarded", format!("for={claimed}")),
        ("x-real-ip", claimed.to_owned()),
        ("true-client-ip", claimed.to_owned()),
    ];
    browser
}

#[tokio::test]
async fn b4_field_report_12_claimed_addresses_of_untrusted_peers_are_ignored() {
    let site = site_with(&["bob"]).await;
    let mut judged = 0;
    for index in 0..50 {
        let claimed = format!("198.51.100.{index}");
        let answer = claiming(&site, "192.0.2.1", &claimed).log_in("bob", WRONG).await;
        judged += usize::from(answer.status == 401);
    }
    assert_eq!(judged, 10);
}

#[tokio::test]
async fn b4_field_report_12_behind_a_trusted_proxy_only_the_rightmost_address_counts() {
    let site = Site::with(|site| site.trusted_proxies(["127.0.0.0/8".parse().unwrap()]));
    site.account("bob", crossauth_core::account::Role::User).await;
    let mut judged = 0;
    for index in 0..50 {
        let chain = format!("198.51.100.{index}, 192.0.2.1");
        let answer = claiming(&site, "127.0.0.1", &chain).log_in("bob", WRONG).await;
        judged += usize::from(answer.status == 401);
    }
    assert_eq!(judged, 10);
    // An address that cannot be read is not skipped: the proxy's own counts.
    let mut judged = 0;
    for index in 0..60 {
        let mut browser = claiming(&site, "127.0.0.1", &format!("unknown{index}"));
        let answer = browser.log_in(&format!("user{index}"), WRONG).await;
        judged += usize::from(answer.status == 401);
    }
    assert_eq!(judged, 50);
    let answer = claiming(&site, "127.0.0.1", "192.0.2.2").log_in("bob", PASSWORD).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
}

#[tokio::test]
async fn b5_field_report_14_addresses_of_one_network_share_a_count() {
    let site = site_with(&["bob"]).await;
    let guesses = (0..30).map(|index| ("bob".to_owned(), format!("2001:db8:1:2::{index:x}")));
    assert_eq!(judged(&site, guesses).await, 10);
    let spellings = ["2001:DB8:1:2:0:0:0:1", "2001:0db8:0001:0002:ffff:ffff:ffff:ffff"];
    for address in spellings {
        assert_refused(&site.browser().at(address).log_in("bob", PASSWORD).await);
    }
    let other = site.browser().at("2001:db8:1:3::1").log_in("bob", PASSWORD).await;
    assert_eq!(other.status, 200);
    let mapped = ["192.0.2.1", "::ffff:192.0.2.1", "::ffff:c000:201"].iter().cycle().take(30);
    let guesses = mapped
        .enumerate()
        .map(|(index, address)| (format!("user{}", index % 6), (*address).to_owned()));
    assert_eq!(judged(&site, guesses).await, 30, "five each");
    let guesses = (0..30).map(|index| (format!("other{index}"), "::ffff:192.0.2.1".to_owned()));
    assert_eq!(judged(&site, guesses).await, 20, "50 from one address");
}

#[tokio::test]
async fn without_trusted_proxies_a_loopback_address_is_not_limited_but_accounts_are() {
    let site = site_with(&["bob", "alice"]).await;
    let guesses = (0..60).map(|index| (format!("user{index}"), "127.0.0.1".to_owned()));
    assert_eq!(judged(&site, guesses).await, 60);
    let guesses = (0..60).map(|_| ("bob".to_owned(), "::1".to_owned()));
    assert_eq!(judged(&site, guesses).await, 20);
    assert_eq!(site.browser().at("127.0.0.1").log_in("alice", PASSWORD).await.status, 200);
}
