//! Plan ► `build.ninja`, and running ninja on it.
//!
//! [`Writer`] is the generator: it knows ninja's syntax and nothing else. [`render()`] turns a
//! [`Plan`](crate::plan::Plan) into text. [`run()`] starts ninja, reads its status lines and reports them as [`Event`]s.

mod render;
mod run;
mod writer;

pub use render::{Layout, RULES, render};
pub use run::{Error, Event, Run, run};
pub use writer::{Writer, escape_path, escape_value};
