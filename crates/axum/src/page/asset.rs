//! Assets of pages: stylesheet, script and logo, compiled into the binary.

use std::sync::LazyLock;

/// A file that the pages load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Asset {
    /// Its path after the prefix.
    pub(crate) name: &'static str,
    /// Value of `Content-Type`.
    pub(crate) content_type: &'static str,
    /// Its content.
    pub(crate) body: &'static [u8],
}

impl Asset {
    /// All assets. Pages load them with `?v=` and a fingerprint, so that browsers may cache them
    /// indefinitely.
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

/// The fingerprint of the assets, which changes whenever an asset changes.
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
