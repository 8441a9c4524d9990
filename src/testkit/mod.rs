//! Builds real packages and repositories for tests.
