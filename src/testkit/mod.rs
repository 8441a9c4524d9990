//! Builds real packages and repositories for tests.

pub mod deb;
