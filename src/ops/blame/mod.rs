//! Whose fault a failure is, how the program ends for it, and what the user can do: the one place that knows all of them.
//!
//! Every error that a verb or a step can end with is named here, without a rest: a new variant does not compile before it
//! has a class and an exit code. `bot` and `bisect` blame packages by the class alone, never by the exit code.

mod exit;
mod hints;
mod step;
mod verb;

pub use exit::Exit;
pub use hints::{hints, of_step as step_hints};
pub use step::{is_gone, of as of_step};
pub use verb::of;

use crate::repo::{self, ErrorKind};
pub use crate::step::outcome::Class;
use std::io;

/// Whose fault a failure is, and how the program ends for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blame {
    /// Whose fault it is.
    pub class: Class,
    /// How the program ends.
    pub exit: Exit,
}

impl Blame {
    const fn new(class: Class, exit: Exit) -> Self {
        Self { class, exit }
    }
}

const HOST: Blame = Blame::new(Class::Host, Exit::Other);
const LACK: Blame = Blame::new(Class::Host, Exit::Host);
const PROGRAM: Blame = Blame::new(Class::Program, Exit::Other);
const USAGE: Blame = Blame::new(Class::Usage, Exit::Usage);
const INTEGRITY: Blame = Blame::new(Class::Integrity, Exit::Integrity);
const PACKAGE: Blame = Blame::new(Class::Package, Exit::Step);
/// A package whose bytes are those that were vouched for, and which is not fit for use all the same.
const HOSTILE: Blame = Blame::new(Class::Package, Exit::Integrity);

fn repository(error: &repo::Error) -> Blame {
    match error.kind() {
        ErrorKind::Missing | ErrorKind::Network => Blame::new(Class::Network, Exit::Network),
        ErrorKind::Usage => USAGE,
        ErrorKind::Host => LACK,
        ErrorKind::Integrity => INTEGRITY,
        ErrorKind::Io => HOST,
    }
}

/// A file that the manifest names could not be read: where it is not there, or is something else, the manifest is at fault.
fn input(source: &io::Error, otherwise: Blame) -> Blame {
    use io::ErrorKind::{InvalidData, InvalidFilename, InvalidInput, IsADirectory, NotADirectory, NotFound, PermissionDenied};
    match source.kind() {
        NotFound | NotADirectory | IsADirectory | PermissionDenied | InvalidData | InvalidInput | InvalidFilename => otherwise,
        _ => HOST,
    }
}
