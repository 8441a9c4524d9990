//! Plan ► `build.ninja`, and running ninja on it.
//!
//! [`Writer`] is the generator: it knows ninja's syntax and nothing else. `render`
//! [`run`] starts ninja, reads its status lines and reports them as [`Event`]s.

mod run;
mod writer;

pub use run::{Error, Event, Run, run};
pub use writer::{Writer, escape_path, escape_value};
