//! Repositories as the world has them: signed by real `gpg`, served over loopback, tampered with, half synchronised.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "tests")]

mod cache;
mod fetch;
mod identity;
mod layout;
mod model;
mod net;
mod patience;
mod signatures;
mod site;
mod update;
