//! What pages load: the stylesheet and the mark, both part of the binary.

/// A file that the pages load from beside them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Asset {
    /// Its path after the URL prefix.
    pub(crate) name: &'static str,
    /// Value of `Content-Type`.
    pub(crate) content_type: &'static str,
    /// What it holds.
    pub(crate) body: &'static str,
}

impl Asset {
    /// Every asset. Pages ask for them with `?v=` and a fingerprint, so that a browser may keep
    /// them for good.
    pub(crate) const ALL: [Self; 2] = [
        Self {
            name: "crossauth.css",
            content_type: "text/css; charset=utf-8",
            body: include_str!("../../assets/crossauth.css"),
        },
        Self {
            name: "crossauth.svg",
            content_type: "image/svg+xml",
            body: include_str!("../../assets/logo.svg"),
        },
    ];
}

/// Changes whenever an asset does (FNV-1a over all of them).
pub(super) fn version() -> String {
    let bytes = Asset::ALL.iter().flat_map(|asset| asset.body.bytes());
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{hash:016x}")
}
