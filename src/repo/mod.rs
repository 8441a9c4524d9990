//! Brings verified bytes from a repository; the only module that knows HTTP.
//!
//! [`update`] takes the repositories of a manifest ([`Source`]) and gives the package indexes of their suites as
//! verified files in a cache ([`IndexFile`]); [`fetch_package`] brings one package file. Both go through a [`Client`],
//! which knows retries, redirects, proxies and credentials. [`Mirrors`] says where a named archive lies.
//!
//! What is believed: a `Release` that an accepted key has signed ([`openpgp`], [`KeyRing`]), and what it vouches for by
//! size and SHA-256. Nothing here reads the environment or a clock on its own, except to scatter and time retries.

mod address;
mod aptsources;
mod cache;
mod contents;
mod credentials;
mod deb;
mod derived;
mod download;
mod error;
pub mod keys;
mod mirrors;
pub mod openpgp;
mod parallel;
mod patience;
mod proxies;
mod seen;
mod suite;
mod text;
mod transport;
mod vouch;
mod warning;

pub use address::{join, shown};
pub use aptsources::Error as AptSourcesError;
pub use cache::Cache;
pub use contents::Contents;
pub use credentials::Credentials;
pub use deb::{IndexFile, Loaded, ReleaseIdentity, Source, update};
pub use derived::Derived;
pub use download::{Fetched, HashedFile, HashedSink, fetch_package};
pub use error::{Error, ErrorKind};
pub use keys::{KeyRing, KeySource};
pub use mirrors::{ARCHIVES, Mirrors, Settings as MirrorSettings};
pub use parallel::map as in_parallel;
pub use patience::Pace;
pub use proxies::Proxies;
pub use reqwest::Url;
pub use seen::Seen;
pub use text::VerifiedText;
pub use transport::{Answer, Client, ClientOptions, Limit, Sink, Validators};
pub use vouch::Vouched;
pub use warning::Warning;

use crate::index::Compression;

/// The compressions of an index, the one to ask for first in front: smallest download, then cheapest to unpack.
const COMPRESSIONS: [Compression; 6] =
    [Compression::Xz, Compression::Zstd, Compression::Gzip, Compression::Bzip2, Compression::Lzma, Compression::None];

/// What a compression adds to a file's name.
fn suffix(compression: Compression) -> &'static str {
    match compression {
        Compression::Xz => ".xz",
        Compression::Zstd => ".zst",
        Compression::Gzip => ".gz",
        Compression::Bzip2 => ".bz2",
        Compression::Lzma => ".lzma",
        Compression::None => "",
    }
}
