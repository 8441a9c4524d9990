//! Turns a short manifest into a reproducible, reviewable, signed OSTree image.
//!
//! Data goes one way. Each stage takes the value before it and returns a new one:
//!
//! [`manifest`] ► [`resolve`] (from [`repo`] and [`index`]) ► [`lock`] ► [`plan`] ► [`ninja`] ► [`step`] ► [`store`]
//!
//! `ARCHITECTURE.md` has the module table, the rules that a test enforces, and every file on disk that the program
//! touches.

pub mod pkg;
pub mod util;

pub mod manifest;

pub mod index;

pub mod lock;

pub mod diff;

pub mod archive;

pub mod repo;

pub mod store;

pub mod resolve;

pub mod culprit;

pub mod sandbox;

pub mod plan;

pub mod ninja;

pub mod step;

pub mod ops;

pub mod cli;

#[cfg(feature = "testkit")]
pub mod testkit;
