//! The stylesheet and the mark that our pages load.

use axum::response::{IntoResponse, Response};

use crate::headers;
use crate::page::Asset;

pub(crate) fn serve(asset: &'static Asset) -> Response {
    let mut response = asset.body.into_response();
    headers::asset(response.headers_mut(), asset.content_type);
    response
}
