//! What pages load: stylesheet, script and logo, all part of the binary.

use std::sync::LazyLock;

/// A file that the pages load from beside them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Asset {
    /// Its path after the URL prefix.
    pub(crate) name: &'static str,
    /// Value of `Content-Type`.
    pub(crate) content_type: &'static str,
    /// Its content.
    pub(crate) body: &'static [u8],
}

impl Asset {
    /// Every asset. Pages ask for them with `?v=` and a fingerprint, so that a browser may keep
    /// them for good.
    pub(crate) const ALL: [Self; 4] = [
        Self {
            name: "crossauth.css",
            content_type: "text/css; charset=utf-8",
            body: include_bytes!("../../assets/crossauth.css"),
        },
        Self {
            name: "crossauth.svg",
            content_type: "image/svg+xml",
            body: include_bytes!("../../assets/logo.svg"),
        },
        Self {
            name: "crossauth.png",
            content_type: "image/png",
            body: include_bytes!("../../assets/logo.png"),
        },
        Self {
            name: "crossauth.js",
            content_type: "text/javascript; charset=utf-8",
            body: include_bytes!("../../assets/crossauth.js"),
        },
    ];
}

/// Changes whenever an asset does.
pub(crate) fn version() -> &'static str {
    static VERSION: LazyLock<String> = LazyLock::new(fingerprint);
    &VERSION
}

/// FNV-1a over all assets.
fn fingerprint() -> String {
    let bytes = Asset::ALL.iter().flat_map(|asset| asset.body);
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{hash:016x}")
}
