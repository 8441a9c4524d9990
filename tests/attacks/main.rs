//! Attacks as tables: each row is one hostile thing, told by its effect, beside a twin that must succeed.
//!
//! `cargo test --test attacks` runs the first row of each guard. `PINTREE_ATTACKS=all` runs every row, a list of names
//! (`PINTREE_ATTACKS=row,row`) just those. `PINTREE_PROGRAM` names another build of pintree to attack: one from before a
//! guard was there, or one with guards removed, shows that the rows can fail. Nothing leaves loopback.
//! `PINTREE_ATTACKS_APT=1` runs a real apt beside the program in tables of servers, and prints the answers of both.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "tests")]

mod apt;
mod cache;
mod checkout;
#[allow(dead_code, reason = "shared with the end-to-end tests, which use all of it")]
#[path = "../e2e/fixture.rs"]
mod fixture;
mod freshness;
mod limits;
mod package;
mod repository;
mod script;
mod store;
mod table;
#[allow(dead_code, reason = "shared with the end-to-end tests, which use all of it")]
#[path = "../e2e/universe.rs"]
mod universe;
mod users;
