//! One package file as a stream of entries.
