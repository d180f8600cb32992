//! A headless Chromium for tests of pages.
//!
//! Needs the Debian packages `chromium` and `chromium-driver`. Every browser has its own profile,
//! which is deleted with it. Fields are found by their labels and buttons by their text, as people
//! find them. Methods wait for the elements that they need.
//!
//! Every method panics if the browser does not complete the action in time.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![expect(clippy::missing_panics_doc, reason = "documented once, for the module")]

mod driver;
mod site;

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use thirtyfour::extensions::query::ElementPollerWithTimeout;
use thirtyfour::prelude::{ElementQueryable as _, WebDriverResult};
use thirtyfour::{
    By, ChromeCapabilities, ChromiumLikeCapabilities as _, LoggingPrefsLogLevel, WebDriver,
    WebElement,
};

pub use self::site::Site;

use self::driver::Driver;

/// How long to wait for the expected state of a page.
const WAIT_LIMIT: Duration = Duration::from_secs(20);

/// Polling interval.
const INTERVAL: Duration = Duration::from_millis(20);

/// Command line arguments. The browser makes no requests to other machines.
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

/// The colour scheme that the user prefers.
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
    /// Scripts run.
    Allowed,
    /// Scripts do not run.
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
        let poller = ElementPollerWithTimeout::new(WAIT_LIMIT, INTERVAL);
        web.set_poller(std::sync::Arc::new(poller));
        let browser = Self { web, _driver: driver };
        let source = "for (const name of ['alert', 'confirm', 'prompt', 'print']) \
                      window[name] = text => console.error(`dialog: ${name} ${text}`);";
        browser.command("Page.addScriptToEvaluateOnNewDocument", json!({ "source": source })).await;
        browser
    }

    /// Opens a URL and waits until the page is loaded.
    pub async fn open(&self, url: &str) {
        self.web.goto(url).await.unwrap_or_else(|error| panic!("{url}: {error}"));
    }

    /// Reloads the page.
    pub async fn reload(&self) {
        self.web.refresh().await.unwrap();
    }

    /// Goes back one page in the history.
    pub async fn back(&self) {
        self.web.back().await.unwrap();
    }

    /// The URL of the current page.
    pub async fn url(&self) -> String {
        self.web.current_url().await.unwrap().into()
    }

    /// The title of the page.
    pub async fn title(&self) -> String {
        self.web.title().await.unwrap()
    }

    /// The visible text.
    pub async fn text(&self) -> String {
        self.web.find(By::Tag("body")).await.unwrap().text().await.unwrap()
    }

    /// Waits until the page shows a text.
    pub async fn expect(&self, text: &str) {
        let wanted = text.to_owned();
        let shows = move |body: WebElement| {
            let wanted = wanted.clone();
            // The browser may be navigating.
            async move { Ok(body.text().await.is_ok_and(|text| text.contains(&wanted))) }
        };
        let found = self.web.query(By::Tag("body")).with_filter(shows).exists().await.unwrap();
        assert!(found, "{} does not show {text:?}:\n{}", self.url().await, self.text().await);
    }

    /// The field whose label starts with `label`.
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

    /// Replaces the value of a field.
    pub async fn fill(&self, label: &str, text: &str) {
        let field = self.field(label).await;
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap();
    }

    /// The value of a field.
    pub async fn value(&self, label: &str) -> String {
        self.field(label).await.prop("value").await.unwrap().unwrap_or_default()
    }

    /// Clicks the button or link with this text and waits for the next page.
    pub async fn click(&self, text: &str) {
        let path = format!("//*[self::a or self::button][normalize-space(.)='{text}']");
        self.one(&path).await.click().await.unwrap();
    }

    /// Clicks the button with this text; the browser sends the form without checking its fields.
    pub async fn submit_unchecked(&self, text: &str) {
        self.evaluate("for (const form of document.forms) form.noValidate = true").await;
        self.click(text).await;
    }

    /// Clicks the button or link with this text twice in quick succession.
    pub async fn double_click(&self, text: &str) {
        let path = format!("//*[self::a or self::button][normalize-space(.)='{text}']");
        let button = self.one(&path).await;
        self.web.action_chain().double_click_element(&button).perform().await.unwrap();
    }

    /// Opens the details whose summary is this text.
    pub async fn open_details(&self, summary: &str) {
        let path = format!("//summary[normalize-space(.)='{summary}']");
        self.one(&path).await.click().await.unwrap();
    }

    /// Types into the focused element.
    pub async fn press(&self, keys: impl Into<thirtyfour::TypingData>) {
        self.focused().await.send_keys(keys).await.unwrap();
    }

    /// The focused element.
    pub async fn focused(&self) -> WebElement {
        self.web.active_element().await.unwrap()
    }

    /// Evaluates a JavaScript expression in the page, even if scripts of the page are blocked.
    pub async fn evaluate(&self, expression: &str) -> Value {
        let parameters = json!({ "expression": expression, "returnByValue": true });
        let result = self.command("Runtime.evaluate", parameters).await;
        assert!(result.get("exceptionDetails").is_none(), "{expression}: {result}");
        result["result"]["value"].clone()
    }

    /// Reloads the page until a JavaScript expression is true in it, and returns its value.
    pub async fn evaluate_until_true(&self, expression: &str) -> Value {
        let end = Instant::now() + WAIT_LIMIT;
        loop {
            let value = self.evaluate(expression).await;
            if !matches!(value, Value::Null | Value::Bool(false)) {
                return value;
            }
            let text = self.text().await;
            assert!(Instant::now() < end, "{} never has {expression}:\n{text}", self.url().await);
            self.reload().await;
        }
    }

    /// Sets the size of the viewport, in CSS pixels.
    pub async fn resize(&self, width: u32, height: u32) {
        let metrics =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.command("Emulation.setDeviceMetricsOverride", metrics).await;
    }

    /// Sets `prefers-color-scheme`, and `prefers-reduced-motion` to `reduce`.
    pub async fn set_color_scheme(&self, scheme: ColorScheme) {
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

    /// Allows or blocks scripts, from the next page on.
    pub async fn scripting(&self, scripting: Scripting) {
        let blocked = scripting == Scripting::Blocked;
        self.command("Emulation.setScriptExecutionDisabled", json!({ "value": blocked })).await;
    }

    /// Writes a screenshot of the viewport, as PNG.
    pub async fn screenshot(&self, path: &Path) {
        self.web.screenshot(path).await.unwrap();
    }

    /// Removes and returns the errors since the last call: script errors, violations of the content
    /// security policy, opened dialogs, failed loads.
    pub async fn take_errors(&self) -> Vec<String> {
        let entries = self.web.browser_log().await.unwrap();
        let severe = entries.into_iter().filter(|entry| entry.level == "SEVERE");
        severe.map(|entry| entry.message).collect()
    }

    /// Deletes all cookies.
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
        // The driver ends the session when it exits; this prevents the client from ending it, too.
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
