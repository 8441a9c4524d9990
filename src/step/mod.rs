//! What each ninja edge runs: arguments in, refs out.
//!
//! One file for each rule of `ninja/rules.ninja`, with the same name. A step opens neither manifest nor lockfile: its
//! arguments say all. [`outcome`] is what a step leaves for the build that ran it.

pub mod compose;
pub mod configure;
mod error;
pub mod import;
pub mod layer;
pub mod log;
pub mod outcome;
pub mod seal;

pub use error::Error;
