//! An application with accounts: `cargo run -p embed`, then <http://localhost:3000>.

use axum::Router;
use axum::response::Html;
use axum::routing::{get, post};
use crossauth::{Admin, CsrfForm, CurrentUser};
use serde::Deserialize;

type Error = Box<dyn std::error::Error>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let app = Router::new()
        .route("/", get(home))
        .route("/notes", post(add_note))
        .route("/reports", get(reports));

    // All there is to authentication: sign-up, login, log-out, sessions, pages, extractors.
    let crossauth = crossauth::Crossauth::builder()
        .secret(
            std::fs::read_to_string("secret.txt").unwrap_or("only for trying things out".into()),
        )
        .storage(crossauth::sqlite::open("app.db").await?)
        .build()?;
    let app = crossauth.mount(app);

    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    Ok(axum::serve(listener, app).await?)
}

/// For everyone.
async fn home(user: Option<CurrentUser>) -> Html<&'static str> {
    Html(match user {
        Some(_) => "<h1>Welcome back</h1><a href=/reports>Reports</a>",
        None => "<h1>Welcome</h1><a href=/login>Log in</a> or <a href=/signup>sign up</a>",
    })
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
