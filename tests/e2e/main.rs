//! The program as a user has it: real `pintree`, ninja, ostree and dpkg, on archives that the test makes and signs.
//!
//! Nothing here leaves loopback, apart from the one test of `real.rs`, which builds from the archive that the host's own
//! apt sources name. A missing tool skips a test with its reason, and fails it in CI (`CI=true`).

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "tests")]

mod bisect;
mod bot;
mod bounds;
mod checkout;
mod cli;
mod configure;
mod credentials;
mod diff;
mod downgrades;
mod faults;
mod fixture;
mod hostile;
mod interrupted;
mod linkage;
mod local;
mod lock;
mod merges;
mod mirrors;
mod nights;
mod offline;
mod past;
mod pipeline;
mod places;
mod policies;
mod real;
mod rebuild;
mod repositories;
mod reproducible;
mod seal;
mod secure;
mod submodules;
mod trust;
mod universe;
mod updates;
