//! What can go wrong while a tree is sealed.

use super::check::Finding;
use crate::sandbox::{self, Ended};
use crate::step::{layer, log};
use crate::store;
use std::io;
use std::path::PathBuf;

/// A seal that did not succeed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file system said no.
    #[error("cannot {action} `{}`", path.display())]
    Io {
        /// What was being done.
        action: &'static str,
        /// To which file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// A path leads where it may not, or to what cannot be read.
    #[error(transparent)]
    Stray(#[from] crate::util::bounds::Stray),
    /// The repository failed.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// Symbolic links of the tree lead in a circle.
    #[error("the symbolic links at `/{path}` lead in a circle")]
    Circle {
        /// The path that was looked up.
        path: String,
    },
    /// An overlay cannot be laid over the tree.
    #[error("cannot lay `{}` over the tree: {fault}", path.display())]
    Overlay {
        /// The file of the overlay.
        path: PathBuf,
        /// Why.
        fault: OverlayFault,
    },
    /// The tree has `/usr/etc` before it is sealed.
    #[error("the tree has `/usr/etc` besides `/etc`, and only sealing makes it")]
    UsrEtc,
    /// What is to move below `/var` finds its place taken.
    #[error("`/{from}` moves to `/{to}`, which the tree has already")]
    Occupied {
        /// What moves.
        from: String,
        /// Where to.
        to: String,
    },
    /// A path cannot get its owner and mode.
    #[error("cannot set owner and mode of `/{path}`: {fault}")]
    Permissions {
        /// The path.
        path: String,
        /// Why.
        fault: PermissionsFault,
    },
    /// The image does not know the time zone.
    #[error("the image has no time zone `{zone}`")]
    Timezone {
        /// The zone.
        zone: String,
        /// Whether it has any.
        installed: bool,
    },
    /// The image does not know the locale.
    #[error("the image has no locale `{locale}`")]
    Locale {
        /// The locale.
        locale: String,
    },
    /// A file of public keys cannot be used.
    #[error("`{}` cannot be authorised: {fault}", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// Why.
        fault: KeyFault,
    },
    /// Keys for a server that the image does not have.
    #[error("`authorized-keys` needs an SSH server, and the image has none")]
    NoSshServer,
    /// The server reads no further files.
    #[error("`/etc/ssh/sshd_config` of the image does not include `/etc/ssh/sshd_config.d/*.conf`, where the first login is set up")]
    SshInclude,
    /// The sandbox failed.
    #[error(transparent)]
    Sandbox(#[from] sandbox::Error),
    /// The tree could not be laid out for scripts, or read back.
    #[error(transparent)]
    Layer(#[from] layer::Error),
    /// A script that no kernel would run.
    #[error("`{}` is neither a script that begins with `#!` nor a program", path.display())]
    NoProgram {
        /// The file.
        path: PathBuf,
    },
    /// A script failed.
    #[error("the script `{}` failed: {ended}{}", path.display(), tail(output))]
    Script {
        /// The script.
        path: PathBuf,
        /// How it ended.
        ended: Ended,
        /// The last lines that it wrote.
        output: String,
        /// Where all that it wrote is kept.
        log: PathBuf,
    },
    /// The tree has what it must not have.
    #[error("{}", findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Findings {
        /// What, with `fail` in the manifest.
        findings: Vec<Finding>,
    },
}

/// Why a file of an overlay cannot be laid over the tree.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OverlayFault {
    /// OSTree holds UTF-8 only.
    #[error("its name or target is not UTF-8")]
    Name,
    /// Neither a file, a directory nor a link.
    #[error("a {kind} cannot be part of an image")]
    Special {
        /// What it is.
        kind: &'static str,
    },
    /// The tree has a directory there.
    #[error("it is a file, and `/{place}` is a directory")]
    FileOverDirectory {
        /// Where it would be.
        place: String,
    },
    /// The tree has a file there.
    #[error("it is a directory, and `/{place}` is a file")]
    DirectoryOverFile {
        /// Where it would be.
        place: String,
    },
    /// The place of `/etc` in the finished tree.
    #[error("`/usr/etc` is made of `/etc`; put it into `etc`")]
    UsrEtc,
}

/// Why a path cannot get its owner and mode.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PermissionsFault {
    /// Nothing is there.
    #[error("the image has no such file or directory")]
    Missing,
    /// A link has no mode.
    #[error("it is a symbolic link to `{target}`")]
    Link {
        /// Where it leads.
        target: String,
    },
    /// Nobody of that name.
    #[error("the image has no user `{name}`")]
    User {
        /// The name.
        name: String,
    },
    /// No group of that name.
    #[error("the image has no group `{name}`")]
    Group {
        /// The name.
        name: String,
    },
}

/// Why a file of public keys cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyFault {
    /// It holds a secret.
    #[error("it holds a private key, which must never be part of an image")]
    Private,
    /// A line is no key.
    #[error("line {line} is no OpenSSH public key")]
    Malformed {
        /// The line, from 1.
        line: usize,
    },
    /// It holds none.
    #[error("it holds no key")]
    Empty,
}

impl From<log::WriteError> for Error {
    fn from(error: log::WriteError) -> Self {
        Self::Io { action: "write the log", path: error.path, source: error.source }
    }
}

fn tail(output: &str) -> String {
    let output = output.trim_end();
    if output.is_empty() { String::new() } else { format!("\n    {}", output.replace('\n', "\n    ")) }
}

impl Error {
    pub(super) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }
}
