//! Repositories as the world has them: signed by real `gpg`, served over loopback, tampered with, half synchronised.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "tests")]

mod fetch;
mod net;
mod signatures;
mod update;
