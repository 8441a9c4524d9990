//! The `Multi-Arch` field (Debian's Multi-Arch specification; `deb-control(5)`).

/// What a package of one architecture may do for packages of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum MultiArch {
    /// Absent or `no`: it serves its own architecture.
    #[default]
    No,
    /// Can be installed for several architectures at once, in one version.
    Same,
    /// Satisfies dependencies of every architecture.
    Foreign,
    /// Satisfies dependencies of every architecture that say `:any`.
    Allowed,
}

impl MultiArch {
    /// Reads the field's value; `None` for a word that means nothing.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "no" => Self::No,
            "same" => Self::Same,
            "foreign" => Self::Foreign,
            "allowed" => Self::Allowed,
            _ => return None,
        })
    }
}
