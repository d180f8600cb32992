//! The request as the handlers name it.

pub(crate) use crate::request::RequestInfo as Context;
