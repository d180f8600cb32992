//! An application with accounts. Create a secret, start it, and open <http://localhost:3000>:
//!
//! ```sh
//! head -c 32 /dev/urandom | base64 > secret.txt
//! cargo run -p embed
//! ```

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::response::Html;
use axum::routing::{get, post};
use axum::{Json, Router};
use crossauth::{
    Admin, Builder, Crossauth, CsrfChecked, CsrfForm, CsrfToken, CurrentUser, Rejection,
    SignupField,
};
use serde::{Deserialize, Serialize};

#[cfg(test)]
mod tests;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let crossauth = with_fields(Crossauth::builder())
        .secret(std::fs::read_to_string("secret.txt")?)
        .storage(crossauth::sqlite::open("app.db").await?)
        .base_url("http://localhost:3000")
        .build()?;
    tokio::spawn(crossauth.tasks());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    Ok(axum::serve(listener, application(&crossauth)).await?)
}

/// Application fields of the sign-up form.
fn with_fields(builder: Builder) -> Builder {
    builder.signup_fields([
        SignupField::new("email").required(),
        SignupField::new("team").choices([("red", "Red team"), ("blue", "Blue team")]),
    ])
}

/// `mount` adds authentication: sign-up, login, logout, sessions and their pages.
fn application(crossauth: &Crossauth) -> Router {
    let routes = Router::new()
        .route("/", get(home))
        .route("/account", get(crossauth::account_page))
        .route("/notes", get(note_form).post(add_note))
        .route("/api/notes", post(add_note_as_json))
        .route("/plans", get(plans))
        .route("/reports", get(reports))
        .fallback(crossauth::not_found);
    crossauth.mount(routes)
}

/// For everyone.
async fn home(user: Option<CurrentUser>) -> Html<&'static str> {
    Html(match user {
        Some(_) => {
            r#"<h1>Welcome back</h1><a href="/notes">Notes</a> <a href="/logout">Log out</a>"#
        }
        None => r#"<h1>Welcome</h1><a href="/login">Log in</a> <a href="/signup">Sign up</a>"#,
    })
}

/// For logged-in users; others are redirected to the login page and back.
async fn note_form(_: CurrentUser, CsrfToken(token): CsrfToken) -> Html<String> {
    Html(format!(
        r#"<form method="post"><input type="hidden" name="csrfToken" value="{token}">
        <label>Note <input name="text"></label><button>Add</button></form>"#
    ))
}

#[derive(Deserialize, Serialize)]
struct Note {
    text: String,
}

/// The form contains a CSRF token.
async fn add_note(user: CurrentUser, CsrfForm(note): CsrfForm<Note>) -> String {
    format!("{} notes: {}", user.username, note.text)
}

/// The same for a script, with the token in the header `X-CROSSAUTH-CSRF`.
async fn add_note_as_json(_: CsrfChecked, _: CurrentUser, Json(note): Json<Note>) -> Json<Note> {
    Json(note)
}

/// A user of the red team. A handler that takes this argument needs no further check.
struct RedTeam(CurrentUser);

impl<S: Send + Sync> FromRequestParts<S> for RedTeam {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Rejection> {
        let user = <CurrentUser as FromRequestParts<S>>::from_request_parts(parts, state).await?;
        if user.extra.get("team").is_some_and(|team| team == "red") {
            Ok(Self(user))
        } else {
            Err(Rejection::forbidden("These are the plans of the red team"))
        }
    }
}

/// For the red team.
async fn plans(RedTeam(user): RedTeam) -> String {
    format!("Paint everything red, {}", user.username)
}

/// For administrators.
async fn reports(admin: Admin) -> String {
    format!("Nothing to report, {}", admin.username)
}
