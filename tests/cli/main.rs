//! Each verb through the real program, on repositories that the tests make.

#![allow(clippy::unwrap_used, missing_docs, reason = "a test ends where something is not as it must be")]

mod environment;

mod doctor;
mod gc;
mod outdated;
mod paths;
mod reference;
mod verify;
mod why;
