//! One member of a payload.

/// An extended attribute: name and value.
pub type Xattr = (Vec<u8>, Vec<u8>);

/// A member of a payload, without its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The path relative to the root: UTF-8 components joined by single slashes, none of them `.` or `..`; empty for
    /// the root itself.
    pub path: String,
    /// What it is.
    pub kind: Kind,
    /// Mode, owner and attributes. For a hardlink they are the target's in every honest archive, and not to be used.
    pub metadata: Metadata,
}

/// What a member is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file; the content follows in the stream.
    File {
        /// Bytes of content.
        size: u64,
    },
    /// A directory.
    Dir,
    /// A symbolic link.
    Symlink {
        /// Where it points, as it stands.
        target: String,
    },
    /// A further name of an earlier file.
    Hardlink {
        /// That file's path, normalised like [`Entry::path`].
        target: String,
    },
}

/// Mode, owner and attributes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Metadata {
    /// Permission bits with set-user-id, set-group-id and sticky (07777).
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Extended attributes, sorted by name, each name once.
    pub xattrs: Vec<Xattr>,
}
