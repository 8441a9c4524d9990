//! Repository metadata, parsed purely: `Release`, `Packages`, `Contents`, and what several of them offer together.
//!
//! Takes bytes that `repo` has verified, gives values the resolver can ask. Nothing here fetches or decides.

pub mod compression;
pub mod contents;
mod fields;
mod names;
pub mod packages;
mod paragraph;
mod parse;
pub mod release;
mod serial;
pub mod universe;

pub use compression::{Checks, Compression};
pub use packages::{Field, Index, Package, Priority};
pub use paragraph::push_paragraph;
pub use universe::{Source, Universe};
