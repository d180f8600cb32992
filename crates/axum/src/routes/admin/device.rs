//! `forgetdevice/{id}`, `api/forgetdevice/{id}`: known devices of a user.

use axum::extract::Request;
use crossauth_core::error::ErrorCode;
use http::StatusCode;
use serde::Deserialize;

use super::{Act, Done, done, refused};
use crate::body::deserialize_flag;
use crate::failure::Failure;
use crate::form::Form;
use crate::next::{self, NextPath};
use crate::request::RequestInfo;
use crate::routes::HandlerResult;

/// The fields of the form.
#[derive(Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ForgetUserDeviceForm {
    device: Option<String>,
    /// Whether to forget all.
    #[serde(default, deserialize_with = "deserialize_flag")]
    all: Option<bool>,
    #[serde(default, deserialize_with = "next::deserialize_lenient")]
    next: Option<NextPath>,
}

impl Form for ForgetUserDeviceForm {
    const SECRET: &'static [&'static str] = &[];
}

/// `POST forgetdevice/{id}`, `POST api/forgetdevice/{id}`
pub(crate) async fn forget(info: RequestInfo, request: Request) -> HandlerResult {
    let Act { user, form, .. } = Act::<ForgetUserDeviceForm>::read(&info, request).await?;
    let ForgetUserDeviceForm { device, all, next } = form?;
    let auth = info.crossauth.auth();
    match (device, all.unwrap_or(false)) {
        (Some(device), false) if auth.devices.forget(&user.id, &device).await? => {}
        (Some(_), false) => {
            return Err(Failure::new(ErrorCode::BadRequest)
                .status(StatusCode::NOT_FOUND)
                .message("There is no such device"));
        }
        (None, true) => auth.accounts.forget_devices(&user).await.map_err(refused)?,
        (Some(_), true) | (None, false) => {
            return Err(Failure::new(ErrorCode::BadRequest)
                .message("Give either the id of a device, or all"));
        }
    }
    tracing::info!(user = %user.id, "known devices forgotten by an administrator");
    Ok(done(&info, &user.id, Done::DevicesForgotten, next.as_ref()))
}

#[cfg(test)]
pub(super) fn operations() -> Vec<crate::openapi::Operation> {
    vec![
        super::about_user("POST admin/api/forgetdevice/{id}", "Forgets known devices of the user")
            .takes::<ForgetUserDeviceForm>()
            .done()
            .fails_with(404, ErrorCode::BadRequest),
    ]
}
