//! Security headers of our responses. Responses of the application are not changed.

use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY,
    STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::crossauth::Config;
use crate::origin::Transport;

const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");
const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
const CLEAR_SITE_DATA: HeaderName = HeaderName::from_static("clear-site-data");

const fn text(value: &'static str) -> HeaderValue {
    HeaderValue::from_static(value)
}

/// For all our responses: no caching, no framing, no content sniffing.
fn always(headers: &mut HeaderMap, config: &Config) {
    headers.insert(CACHE_CONTROL, text("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, text("nosniff"));
    headers.insert(REFERRER_POLICY, text("no-referrer"));
    headers.insert(RESOURCE_POLICY, text("same-origin"));
    if config.base_url.transport() == Transport::Encrypted {
        headers.insert(STRICT_TRANSPORT_SECURITY, text("max-age=31536000"));
    }
}

pub(crate) fn json(headers: &mut HeaderMap, config: &Config) {
    always(headers, config);
    headers.insert(CONTENT_TYPE, text("application/json; charset=utf-8"));
    headers.insert(CONTENT_SECURITY_POLICY, text("default-src 'none'; frame-ancestors 'none'"));
}

/// The `form-action` policy of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FormAction {
    /// Only our origin.
    Own,
    /// As configured, for forms whose response redirects to an address of the application. Browsers
    /// apply `form-action` to every redirect, so without a list of origins any is allowed.
    Configured,
}

pub(crate) fn page(headers: &mut HeaderMap, config: &Config, nonce: &str, action: FormAction) {
    always(headers, config);
    // With `no-referrer`, browsers would send `Origin: null` with the page's own form.
    headers.insert(REFERRER_POLICY, text("same-origin"));
    headers.insert(CONTENT_TYPE, text("text/html; charset=utf-8"));
    headers.insert(X_FRAME_OPTIONS, text("DENY"));
    headers.insert(OPENER_POLICY, text("same-origin"));
    headers.insert(
        PERMISSIONS_POLICY,
        text("camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    );
    let form_action = match action {
        FormAction::Own => "form-action 'self'; ",
        FormAction::Configured => &config.form_action,
    };
    let policy = format!(
        "default-src 'none'; style-src 'self' 'nonce-{nonce}'; script-src 'nonce-{nonce}'; \
         img-src 'self' data:; {form_action}base-uri 'none'; frame-ancestors 'none'"
    );
    let policy = HeaderValue::from_str(&policy);
    headers.insert(CONTENT_SECURITY_POLICY, policy.unwrap_or(text("default-src 'none'")));
}

/// The address of the page contains a secret: it is not sent to anyone, not even to our site. Its
/// form is sent with `Origin: null` then, and is recognised by Fetch Metadata and its token.
pub(crate) fn hide_address(headers: &mut HeaderMap) {
    headers.insert(REFERRER_POLICY, text("no-referrer"));
}

pub(crate) fn redirect(headers: &mut HeaderMap, config: &Config) {
    always(headers, config);
}

/// After logout, cached pages must not be shown.
pub(crate) fn clear_cached_pages(headers: &mut HeaderMap) {
    headers.insert(CLEAR_SITE_DATA, text("\"cache\""));
}

/// How long an asset may be cached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Caching {
    /// Indefinitely: its URL includes its version.
    Forever,
    /// Only with revalidation: its URL may later have another version.
    Revalidated,
}

pub(crate) fn asset(headers: &mut HeaderMap, media_type: &'static str, caching: Caching) {
    headers.insert(CONTENT_TYPE, text(media_type));
    headers.insert(
        CACHE_CONTROL,
        text(match caching {
            Caching::Forever => "public, max-age=31536000, immutable",
            Caching::Revalidated => "public, max-age=300",
        }),
    );
    headers.insert(X_CONTENT_TYPE_OPTIONS, text("nosniff"));
    headers.insert(RESOURCE_POLICY, text("same-origin"));
    headers.insert(
        CONTENT_SECURITY_POLICY,
        text("default-src 'none'; style-src 'unsafe-inline'; sandbox"),
    );
}
