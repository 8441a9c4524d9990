//! Files and child processes done safely; no word of packages here.

pub mod bounds;
pub mod command;
pub mod environment;
pub mod fs;
pub mod interrupt;
pub mod place;
pub mod size;
pub mod slots;
pub mod text;
