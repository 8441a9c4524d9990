//! The OSTree repository: objects, refs, trees; the only module that knows OSTree's formats.
//!
//! [`Repo`] reads and writes a `bare-user` repository without libostree, bit-identical to it: starting a process that
//! links libostree costs as much as unpacking a package. Whatever needs libostree itself (checkout, fsck, pull,
//! signatures) lives in the second binary, `pintree-ostree`.
//!
//! Takes bytes, [`Metadata`] and [`Tree`]s; gives [`Checksum`]s, and refs named by [`RefName`]. Of packages it knows the file that a commit
//! claims to be made of, nothing else.
//! Every [`Repo`] that is open holds a shared lock, so that [`Repo::collect_garbage`] never runs under it.

mod beneath;
mod check;
mod checkout;
mod checksum;
mod commit;
mod dirtree;
mod error;
mod gc;
mod gvariant;
mod link;
mod lock;
mod merge;
mod metadata;
mod package;
mod reader;
mod recovery;
mod refname;
mod refs;
mod repo;
mod tree;
mod writer;

pub use checkout::SetMetadata;
pub use checksum::Checksum;
pub use commit::{Commit, CommitParts, Value};
pub use dirtree::{DirTree, DirTreeView};
pub use error::{Error, ObjectKind};
pub use gc::{Collected, RefState};
pub use merge::{Root, Side};
pub use metadata::Metadata;
pub use package::PackageFile;
pub use reader::{FileKind, FileMeta};
pub use refname::{DEB_IMPORT_FORMAT, IMAGE_FORMAT, ParseRefNameError, RefName};
pub use repo::Repo;
pub use tree::{Entry, Tree};
pub use writer::{FileWriter, Objects};
