//! An application with accounts. Make a secret, start it, and open <http://localhost:3000>:
//!
//! ```sh
//! head -c 32 /dev/urandom | base64 > secret.txt
//! cargo run -p embed
//! ```

use axum::Router;
use axum::response::Html;
use axum::routing::get;
use crossauth::{Admin, CsrfForm, CsrfToken, CurrentUser};
use serde::Deserialize;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let app = Router::new()
        .route("/", get(home))
        .route("/notes", get(write_note).post(add_note))
        .route("/reports", get(reports));

    // All there is to authentication: sign-up, login, log-out, sessions, pages, extractors.
    let crossauth = crossauth::Crossauth::builder()
        .secret(std::fs::read_to_string("secret.txt")?)
        .storage(crossauth::sqlite::open("app.db").await?)
        .base_url("http://localhost:3000")
        .build()?;
    let app = crossauth.mount(app);
    tokio::spawn(crossauth.tasks());

    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    Ok(axum::serve(listener, app).await?)
}

/// For everyone.
async fn home(user: Option<CurrentUser>, CsrfToken(token): CsrfToken) -> Html<String> {
    Html(match user {
        Some(_) => format!(
            r#"<h1>Welcome back</h1><a href="/notes">Notes</a> <a href="/reports">Reports</a>
            <form method="post" action="/logout">
            <input type="hidden" name="csrfToken" value="{token}"><button>Log out</button></form>"#
        ),
        None => {
            r#"<h1>Welcome</h1><a href="/login">Log in</a> <a href="/signup">Sign up</a>"#.into()
        }
    })
}

/// For those who are logged in; others are sent to the login page and come back.
async fn write_note(_: CurrentUser, CsrfToken(token): CsrfToken) -> Html<String> {
    Html(format!(
        r#"<form method="post"><input type="hidden" name="csrfToken" value="{token}">
        <label>Note <input name="text"></label><button>Write</button></form>"#
    ))
}

#[derive(Deserialize)]
struct Note {
    text: String,
}

/// For those who are logged in; the form must come from a page of our own.
async fn add_note(user: CurrentUser, CsrfForm(note): CsrfForm<Note>) -> String {
    format!("{} notes: {}", user.username, note.text)
}

/// For administrators.
async fn reports(admin: Admin) -> String {
    format!("Nothing to report, {}", admin.username)
}
