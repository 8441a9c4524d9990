//! Builds real packages and repositories for tests.

pub mod deb;
pub mod keys;
pub mod repo;
pub mod server;
