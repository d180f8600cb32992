//! The emergency page, if not even the error page can be rendered.

use std::fmt::Write as _;

use super::{PageError, asset};
use crate::request_id::RequestId;

/// The HTML. `error` is set in development only.
pub(crate) fn emergency(
    url_prefix: &str,
    request_id: RequestId,
    error: Option<&PageError>,
) -> String {
    let version = asset::version();
    let mut html = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"robots\" content=\"noindex\">\n\
         <title>Something went wrong</title>\n\
         <link rel=\"stylesheet\" href=\"{url_prefix}crossauth.css?v={version}\">\n</head>\n<body>\n\
         <div class=\"page\">\n<main id=\"main\" class=\"card\">\n<h1>Something went wrong</h1>\n\
         <p class=\"lead\">The fault is on our side. Please try again in a moment.</p>\n"
    );
    if let Some(error) = error {
        html.push_str("<p>This template has an error:</p>\n<pre class=\"code\">");
        escape(&mut html, &error.to_string());
        html.push_str("</pre>\n");
    }
    let _ = write!(
        html,
        "<p class=\"trace\">Request <code>{request_id}</code></p>\n\
         </main>\n</div>\n</body>\n</html>\n"
    );
    html
}

fn escape(html: &mut String, text: &str) {
    for letter in text.chars() {
        match letter {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            other => html.push(other),
        }
    }
}
