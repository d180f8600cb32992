//! A real Chromium without a window, for tests of pages.
//!
//! Needs what Debian calls `chromium` and `chromium-driver`. Every browser has a profile of its own
//! that goes with it. What people see and do is told in their words: fields go by their labels and
//! buttons by their text. Methods wait until what they need is there.
//!
//! Every method panics where the browser cannot do what it is asked in time.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![expect(clippy::missing_panics_doc, reason = "said once, above")]

mod driver;
mod site;

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use thirtyfour::extensions::query::ElementPollerWithTimeout;
use thirtyfour::prelude::{ElementQueryable as _, WebDriverResult};
use thirtyfour::{
    By, ChromeCapabilities, ChromiumLikeCapabilities as _, LoggingPrefsLogLevel, WebDriver,
    WebElement,
};

pub use self::site::Site;

use self::driver::Driver;

/// How long a page may take to become what it should.
const PATIENCE: Duration = Duration::from_secs(20);

/// How often to look again.
const INTERVAL: Duration = Duration::from_millis(20);

/// The browser itself reaches for nothing beyond this machine.
const ARGUMENTS: [&str; 11] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-default-apps",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE *.localhost, EXCLUDE 127.0.0.1",
];

/// What pages may be shown in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColorScheme {
    /// Dark on light.
    Light,
    /// Light on dark.
    Dark,
}

/// Whether pages may run scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scripting {
    /// They may.
    Allowed,
    /// They may not.
    Blocked,
}

/// A browser with one window, ended when dropped.
#[derive(Debug)]
pub struct Browser {
    web: WebDriver,
    _driver: Driver,
}

impl Browser {
    /// Starts a browser.
    pub async fn start() -> Self {
        let driver = Driver::start();
        let web = WebDriver::new(driver.url(), capabilities(&driver).unwrap()).await.unwrap();
        let poller = ElementPollerWithTimeout::new(PATIENCE, INTERVAL);
        web.set_poller(std::sync::Arc::new(poller));
        let browser = Self { web, _driver: driver };
        let source = "for (const name of ['alert', 'confirm', 'prompt', 'print']) \
                      window[name] = text => console.error(`dialog: ${name} ${text}`);";
        browser.command("Page.addScriptToEvaluateOnNewDocument", json!({ "source": source })).await;
        browser
    }

    /// Goes to a URL and waits until the page is there.
    pub async fn open(&self, url: &str) {
        self.web.goto(url).await.unwrap_or_else(|error| panic!("{url}: {error}"));
    }

    /// Loads the page again.
    pub async fn reload(&self) {
        self.web.refresh().await.unwrap();
    }

    /// Goes back one page.
    pub async fn back(&self) {
        self.web.back().await.unwrap();
    }

    /// Where it is.
    pub async fn url(&self) -> String {
        self.web.current_url().await.unwrap().into()
    }

    /// The title of the page.
    pub async fn title(&self) -> String {
        self.web.title().await.unwrap()
    }

    /// The text that can be seen.
    pub async fn text(&self) -> String {
        self.web.find(By::Tag("body")).await.unwrap().text().await.unwrap()
    }

    /// Waits until the page shows a text.
    pub async fn expect(&self, text: &str) {
        let wanted = text.to_owned();
        let shows = move |body: WebElement| {
            let wanted = wanted.clone();
            // The page may just be leaving.
            async move { Ok(body.text().await.is_ok_and(|text| text.contains(&wanted))) }
        };
        let found = self.web.query(By::Tag("body")).with_filter(shows).exists().await.unwrap();
        assert!(found, "{} does not show {text:?}:\n{}", self.url().await, self.text().await);
    }

    /// The field with a label that begins so.
    pub async fn field(&self, label: &str) -> WebElement {
        let label = self.one(&format!("//label[starts-with(normalize-space(.), '{label}')]")).await;
        match label.attr("for").await.unwrap() {
            Some(id) => self.web.find(By::Id(id)).await.unwrap(),
            None => label.find(By::Tag("input")).await.unwrap(),
        }
    }

    /// The button whose accessible name is given by `aria-label`.
    pub async fn button(&self, name: &str) -> WebElement {
        self.web.find(By::Css(format!("button[aria-label='{name}']"))).await.unwrap()
    }

    /// Replaces what is in a field.
    pub async fn fill(&self, label: &str, text: &str) {
        let field = self.field(label).await;
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap();
    }

    /// What is in a field.
    pub async fn value(&self, label: &str) -> String {
        self.field(label).await.prop("value").await.unwrap().unwrap_or_default()
    }

    /// Clicks the button or link with this text and waits for the page that it leads to.
    pub async fn click(&self, text: &str) {
        let path = format!("//*[self::a or self::button][normalize-space(.)='{text}']");
        self.one(&path).await.click().await.unwrap();
    }

    /// Types into whatever has the focus.
    pub async fn press(&self, keys: impl Into<thirtyfour::TypingData>) {
        self.focused().await.send_keys(keys).await.unwrap();
    }

    /// What has the focus.
    pub async fn focused(&self) -> WebElement {
        self.web.active_element().await.unwrap()
    }

    /// The value of an expression in the page's script, be scripts of the page itself blocked.
    pub async fn evaluate(&self, expression: &str) -> Value {
        let parameters = json!({ "expression": expression, "returnByValue": true });
        let result = self.command("Runtime.evaluate", parameters).await;
        assert!(result.get("exceptionDetails").is_none(), "{expression}: {result}");
        result["result"]["value"].clone()
    }

    /// Sets the size of the window's inside, in CSS pixels.
    pub async fn resize(&self, width: u32, height: u32) {
        let metrics =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.command("Emulation.setDeviceMetricsOverride", metrics).await;
    }

    /// Sets the scheme that the person prefers, who also prefers that nothing moves.
    pub async fn prefer(&self, scheme: ColorScheme) {
        let value = match scheme {
            ColorScheme::Light => "light",
            ColorScheme::Dark => "dark",
        };
        let features = json!([
            { "name": "prefers-color-scheme", "value": value },
            { "name": "prefers-reduced-motion", "value": "reduce" },
        ]);
        self.command("Emulation.setEmulatedMedia", json!({ "features": features })).await;
    }

    /// Lets pages run scripts or not, from the next page on.
    pub async fn scripting(&self, scripting: Scripting) {
        let blocked = scripting == Scripting::Blocked;
        self.command("Emulation.setScriptExecutionDisabled", json!({ "value": blocked })).await;
    }

    /// Writes a picture of what can be seen, as PNG.
    pub async fn screenshot(&self, path: &Path) {
        self.web.screenshot(path).await.unwrap();
    }

    /// What the browser has complained about since it was last asked: errors of scripts, violations
    /// of the content security policy, dialogs that were opened, loads that failed.
    pub async fn complaints(&self) -> Vec<String> {
        let entries = self.web.browser_log().await.unwrap();
        let severe = entries.into_iter().filter(|entry| entry.level == "SEVERE");
        severe.map(|entry| entry.message).collect()
    }

    /// Forgets all cookies, as another person's browser would not have them.
    pub async fn forget_cookies(&self) {
        self.command("Network.clearBrowserCookies", json!({})).await;
    }

    /// Sends a command of the developer tools' protocol.
    pub async fn command(&self, method: &str, parameters: Value) -> Value {
        let result = self.web.cdp().send_raw(method, parameters).await;
        result.unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    async fn one(&self, path: &str) -> WebElement {
        let found = self.web.query(By::XPath(path)).first_opt().await.unwrap();
        match found {
            Some(element) => element,
            None => panic!("{} has no {path}:\n{}", self.url().await, self.text().await),
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The driver ends the session with itself; this keeps the client from doing so as well.
        let _ = self.web.clone().leak();
    }
}

fn capabilities(driver: &Driver) -> WebDriverResult<ChromeCapabilities> {
    let mut capabilities = ChromeCapabilities::new();
    for argument in ARGUMENTS {
        capabilities.add_arg(argument)?;
    }
    capabilities.add_arg(&format!("--user-data-dir={}", driver.profile().display()))?;
    capabilities.set_browser_log_level(LoggingPrefsLogLevel::All)?;
    Ok(capabilities)
}
