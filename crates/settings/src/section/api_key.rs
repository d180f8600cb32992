//! API keys.

use crossauth_core::api_key::ApiKeyConfig;

use super::section;
use crate::kind::{Count, Flag, List, Optional, OptionalSpan, Text};

section! { ApiKeyConfig {
    /// Whether requests with an API key are accepted, and users can create keys.
    "api_keys.enabled": Flag => enabled;
    /// Scheme of the `Authorization` header with a key.
    "api_keys.scheme": Text => scheme, upstream "APIKEY_AUTHSCHEME";
    /// The scopes that users can give to their keys, besides `api_keys.edit_user_scope`.
    "api_keys.scopes": List => scopes;
    /// The scope with which keys may edit the profile of their owner. If not set, they may not. No
    /// scope lets a key change passwords, second factors or keys.
    "api_keys.edit_user_scope": Optional<Text> => edit_user_scope, alias "edit_user_scope";
    /// Maximum lifetime of a key that a user creates; 0 for no limit.
    "api_keys.max_lifetime": OptionalSpan => max_lifetime;
    /// How many keys a user can have.
    "api_keys.max_per_user": Count<u32> => max_per_user;
} }
