//! `api/devices`, `forgetdevice`, `api/forgetdevice`: browsers that are not asked for the second
//! factor.

use axum::extract::Request;
use crossauth_core::clock::Timestamp;
use crossauth_core::device::{Device, Devices};
use crossauth_core::error::ErrorCode;
use crossauth_core::storage::StorageError;
use crossauth_core::user::UserId;
use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::HandlerResult;
use super::home::day;
use crate::body::deserialize_flag;
use crate::failure::Failure;
use crate::form::{Form, Submitted};
use crate::next::{self, NextPath};
use crate::request::{RequestInfo, Surface};
use crate::response;

/// The fields of the form.
#[derive(Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ForgetForm {
    /// The device.
    id: Option<String>,
    /// Whether to forget all.
    #[serde(default, deserialize_with = "deserialize_flag")]
    all: Option<bool>,
    #[serde(default, deserialize_with = "next::deserialize_lenient")]
    next: Option<NextPath>,
}

impl Form for ForgetForm {
    const SECRET: &'static [&'static str] = &[];
}

/// A known device, as sent to browsers.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(super) struct KnownDevice {
    id: String,
    name: Option<String>,
    #[cfg_attr(test, schemars(extend("format" = "date-time")))]
    created: Option<String>,
    #[cfg_attr(test, schemars(extend("format" = "date-time")))]
    last_used: Option<String>,
    #[cfg_attr(test, schemars(extend("format" = "date-time")))]
    expires: Option<String>,
}

/// A known device on the account page, with days in UTC.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DeviceEntry {
    id: String,
    name: Option<String>,
    created: Option<String>,
    last_used: Option<String>,
    expires: Option<String>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Body {
    devices: Vec<KnownDevice>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Forgotten {
    forgotten: usize,
}

/// `GET api/devices`
pub(crate) async fn list(info: RequestInfo, _: Request) -> HandlerResult {
    let devices = info.crossauth.auth().devices.list(&info.require_user()?.id).await?;
    let devices = devices.into_iter().map(KnownDevice::from).collect();
    Ok(response::json_ok(&info, Body { devices }))
}

/// `POST forgetdevice`, `POST api/forgetdevice`
pub(crate) async fn forget(info: RequestInfo, request: Request) -> HandlerResult {
    let Submitted { form, .. } = Submitted::<ForgetForm>::read(&info, request).await;
    let form = form?;
    let user = info.require_user()?;
    let devices = &info.crossauth.auth().devices;
    let forgotten = match (form.id, form.all.unwrap_or(false)) {
        (Some(id), false) if devices.forget(&user.id, &id).await? => 1,
        (Some(_), false) => {
            return Err(Failure::new(ErrorCode::BadRequest)
                .status(StatusCode::NOT_FOUND)
                .message("There is no such device"));
        }
        (None, true) => forget_all(devices, &user.id).await?,
        (Some(_), true) | (None, false) => {
            return Err(Failure::new(ErrorCode::BadRequest)
                .message("Give either the id of a device, or all"));
        }
    };
    tracing::info!(user = %user.id, forgotten, "known devices forgotten");
    let config = info.crossauth.config();
    Ok(match info.surface {
        Surface::Page => {
            let next = form.next.as_ref().map_or(&*config.login_redirect, NextPath::as_str);
            response::redirect(&info, next)
        }
        Surface::Api => response::json_ok(&info, Forgotten { forgotten }),
    })
}

/// Forgets all devices of a user, of which a list has only the newest; returns how many.
async fn forget_all(devices: &Devices, user: &UserId) -> Result<usize, StorageError> {
    let mut forgotten = 0;
    loop {
        let before = forgotten;
        for device in devices.list(user).await? {
            forgotten += usize::from(devices.forget(user, &device.id).await?);
        }
        if forgotten == before {
            return Ok(forgotten);
        }
    }
}

impl DeviceEntry {
    pub(super) fn sample() -> Self {
        Self {
            id: "device-id".into(),
            name: Some("Firefox on Linux".into()),
            created: Some("1 March 2026".into()),
            last_used: Some("2 March 2026".into()),
            expires: Some("31 March 2026".into()),
        }
    }
}

impl From<Device> for DeviceEntry {
    fn from(device: Device) -> Self {
        let Device { id, name, created, last_used, expires, .. } = device;
        Self {
            id,
            name,
            created: day(created),
            last_used: last_used.and_then(day),
            expires: day(expires),
        }
    }
}

impl From<Device> for KnownDevice {
    fn from(device: Device) -> Self {
        let Device { id, name, created, last_used, expires, .. } = device;
        Self {
            id,
            name,
            created: created.to_rfc3339(),
            last_used: last_used.and_then(Timestamp::to_rfc3339),
            expires: expires.to_rfc3339(),
        }
    }
}

#[cfg(test)]
pub(super) fn operations() -> Vec<crate::openapi::Operation> {
    use crate::openapi::Operation;
    vec![
        Operation::new("GET api/devices", "Lists the devices that need no second factor")
            .returns::<Body>(),
        Operation::new("POST api/forgetdevice", "Forgets one of these devices, or all")
            .takes::<ForgetForm>()
            .returns::<Forgotten>()
            .fails_with(404, ErrorCode::BadRequest),
    ]
}
