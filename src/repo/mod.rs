//! Brings verified bytes from a repository; the only module that knows HTTP.
