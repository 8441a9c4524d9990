//! Programs run in a sandbox: what they see, what they leave, and what ends them.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test says no in this way, and tells what it skips")]

mod changes;
mod owners;
mod place;
mod programs;
