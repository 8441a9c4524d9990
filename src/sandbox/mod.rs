//! Runs foreign programs in a root directory, as any user, and tells what they changed.
//!
//! [`Sandbox::enter`] moves the calling process into namespaces of its own, [`Sandbox::mount`] lays a writable layer over
//! a tree, [`Sandbox::run`] runs one program in it, [`Sandbox::changes`] reads back what was written. A program sees the
//! tree, a private `/proc`, `/dev`, `/run` and `/tmp`, no network and no file of the host. Whatever ends the calling
//! process ends its programs and mounts too: they belong to its namespaces.
//!
//! This is the only module that knows namespaces, qemu and system calls that have no safe wrapper. It does not know what
//! is run, nor what becomes of the changes. `docs/design/0007-sandbox.md` says why it is built this way.

#![allow(unsafe_code, reason = "fork, clone and exec have no safe wrapper; each use says why it is sound")]

mod bpf;
mod changes;
mod emulator;
mod enter;
mod error;
mod family;
mod forbidden;
mod given;
mod guarded;
mod idmap;
mod inherited;
mod init;
mod limits;
mod memory;
mod monitor;
mod owner;
mod probe;
mod processes;
mod record;
mod remove;
mod root;
mod run;
mod shift;
mod survey;
mod sys;
mod written;

pub use changes::{Change, ChangeKind, Xattrs};
pub use emulator::Emulator;
pub use error::{Error, Lack};
pub use inherited::close_inherited;
pub use limits::{Excess, Limits};
pub use probe::apart;
pub use root::{Layers, Root};
pub use survey::{Finding, State, lacks_proc, survey};

use crate::pkg::Architecture;
use std::cell::RefCell;
use std::fmt;
use std::os::fd::OwnedFd;

/// The environment variable that forces one way to keep owners: `root`, `subordinate` or `recorded`.
pub const OWNERSHIP: &str = "PINTREE_OWNERSHIP";

/// How the owners of files are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ownership {
    /// The caller is root: files have their real owners.
    Root,
    /// The caller has subordinate ids (`/etc/subuid`), which stand for the other owners.
    Subordinate,
    /// The caller has one id; owners are recorded beside the files, from the calls that set them.
    Recorded,
}

impl Ownership {
    /// Reads the form that [`fmt::Display`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Root, Self::Subordinate, Self::Recorded].into_iter().find(|ownership| ownership.to_string() == text)
    }
}

impl fmt::Display for Ownership {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Root => "root",
            Self::Subordinate => "subordinate",
            Self::Recorded => "recorded",
        })
    }
}

/// What a sandbox must be able to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The architectures whose programs will run.
    pub architectures: Vec<Architecture>,
    /// How owners are kept; `None` takes the best that the host has, unless [`OWNERSHIP`] forces one.
    pub ownership: Option<Ownership>,
}

/// A program to run in a root.
#[derive(Clone, Debug)]
pub struct Command<'a> {
    /// The program: a path in the root, or a name that is looked for in the environment's `PATH`.
    pub program: &'a str,
    /// Its arguments, without its own name.
    pub arguments: &'a [&'a str],
    /// Its whole environment.
    pub environment: &'a [(&'a str, &'a str)],
    /// The directory in the root where it starts.
    pub directory: &'a str,
    /// What it reads from its standard input; nothing if `None`.
    pub input: Option<&'a [u8]>,
    /// What it may use.
    pub limits: Limits,
}

/// How a program ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// By itself, with this exit status.
    Exit(i32),
    /// By this signal.
    Signal(i32),
    /// By us: it took too much.
    Exceeded(Excess),
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exit(status) => write!(f, "exit status {status}"),
            Self::Signal(signal) => write!(f, "signal {signal}"),
            Self::Exceeded(excess) => write!(f, "{excess}"),
        }
    }
}

/// The namespaces that the calling process has entered. There is no way back out; they last as long as the process.
#[derive(Debug)]
pub struct Sandbox {
    ownership: Ownership,
    emulators: Vec<Emulator>,
    /// Emulators are registered as long as somebody holds the file system they are registered in.
    _registry: Option<OwnedFd>,
    /// What the caller must not hand on.
    given: given::Given,
    /// Owners of files that cannot carry them themselves.
    table: RefCell<record::Table>,
}

impl Sandbox {
    /// How owners are kept.
    pub fn ownership(&self) -> Ownership {
        self.ownership
    }

    /// What runs the programs, one for each architecture of [`Options`], in that order.
    pub fn emulators(&self) -> &[Emulator] {
        &self.emulators
    }
}
