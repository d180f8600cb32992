use axum::response::{Html, Redirect};
use axum::{Router, routing::get};
use crossauth::{Crossauth, CsrfForm, CsrfToken, CurrentUser, sqlite};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt::init();
    let crossauth = Crossauth::builder()
        .secret("change me: at least sixteen bytes")
        .storage(sqlite::open("guestbook.db").await?)
        .base_url("http://localhost:3000")
        .build()?;
    tokio::spawn(crossauth.tasks());

    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    println!("listening on http://localhost:3000");
    Ok(axum::serve(listener, application(&crossauth)).await?)
}

fn application(crossauth: &Crossauth) -> Router {
    let app = Router::new().route("/", get(home)).route("/entries", get(form).post(write));
    crossauth.mount(app)
}

async fn home(user: CurrentUser, CsrfToken(token): CsrfToken) -> Html<String> {
    Html(format!(
        r#"<h1>Hello, {}</h1><p><a href="/entries">Write</a></p>
        <form method="post" action="/logout"><input type="hidden" name="csrfToken" value="{token}">
        <button>Log out</button></form>"#,
        user.username.replace('&', "&amp;").replace('<', "&lt;")
    ))
}

async fn form(_: CurrentUser, CsrfToken(token): CsrfToken) -> Html<String> {
    Html(format!(
        r#"<form method="post"><input type="hidden" name="csrfToken" value="{token}">
        <input name="text"><button>Write</button></form>"#
    ))
}

#[derive(serde::Deserialize)]
struct Entry {
    text: String,
}

async fn write(user: CurrentUser, CsrfForm(entry): CsrfForm<Entry>) -> Redirect {
    println!("{} wrote: {}", user.username, entry.text);
    Redirect::to("/")
}

#[cfg(test)]
mod tests {
    use crossauth::testkit::Site;

    #[tokio::test]
    async fn users_write_entries_and_visitors_are_asked_to_log_in() {
        let site = Site::new(super::application);
        let mut alice = site.logged_in("alice").await;
        let response = alice.submit("/entries", &[("text", "Hello")]).await;
        assert_eq!(response.location(), Some("/"));

        let response = site.browser().get("/entries").await;
        assert_eq!(response.location(), Some("/login?next=%2Fentries"));
    }
}
