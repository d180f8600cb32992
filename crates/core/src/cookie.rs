//! Cookies as they stand in `Set-Cookie` headers.
