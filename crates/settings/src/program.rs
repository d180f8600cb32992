//! The programs that read settings.

/// Which program reads the settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// The server `crossauth`, to which all settings belong.
    Server,
    /// An application that embeds Crossauth: it listens, logs and opens its database itself.
    Application,
}
