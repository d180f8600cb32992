//! The scripts that run on the server. Each changes keys of one slot of a cluster only.

use redis::Script;

/// The scripts, with their digests.
pub(crate) struct Scripts {
    pub(crate) insert: Script,
    pub(crate) confirm: Script,
    pub(crate) change: Script,
    pub(crate) touch: Script,
    pub(crate) renew: Script,
    pub(crate) end_older: Script,
    pub(crate) index: Script,
    pub(crate) charge: Script,
    pub(crate) refund: Script,
    pub(crate) purge: Script,
}

impl Scripts {
    pub(crate) fn new() -> Self {
        Self {
            insert: Script::new(include_str!("script/insert.lua")),
            confirm: Script::new(include_str!("script/confirm.lua")),
            change: Script::new(include_str!("script/change.lua")),
            touch: Script::new(include_str!("script/touch.lua")),
            renew: Script::new(include_str!("script/renew.lua")),
            end_older: Script::new(include_str!("script/end_older.lua")),
            index: Script::new(include_str!("script/index.lua")),
            charge: Script::new(include_str!("script/charge.lua")),
            refund: Script::new(include_str!("script/refund.lua")),
            purge: Script::new(include_str!("script/purge.lua")),
        }
    }
}
