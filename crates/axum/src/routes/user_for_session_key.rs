//! `api/userforsessionkey`: the user of the session.

use axum::extract::Request;

use super::HandlerResult;
use crate::form::failed_check;
use crate::request::RequestInfo;
use crate::response;

/// `GET api/userforsessionkey`
pub(crate) fn show(info: &RequestInfo) -> HandlerResult {
    Ok(response::json_user(info, info.require_user()?))
}

/// `POST api/userforsessionkey`, as in one upstream version: with a CSRF token in the header.
pub(crate) async fn submit(info: RequestInfo, request: Request) -> HandlerResult {
    let checked = info.check_csrf(request.headers(), None);
    checked.map_err(|error| failed_check(&info, error))?;
    show(&info)
}

#[cfg(test)]
pub(super) fn operations() -> Vec<crate::openapi::Operation> {
    use super::login::UserBody;
    use crate::openapi::Operation;
    vec![
        Operation::new("GET api/userforsessionkey", "Returns the user of the session")
            .returns::<UserBody<'_>>(),
        Operation::new("POST api/userforsessionkey", "The same as GET").returns::<UserBody<'_>>(),
    ]
}
