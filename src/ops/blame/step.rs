//! The steps' failures.

use super::{Blame, Class, Exit, HOST, HOSTILE, INTEGRITY, LACK, PACKAGE, PROGRAM, USAGE, input, repository};
use crate::archive;
use crate::repo::{self, ErrorKind};
use crate::sandbox::{self, Ended};
use crate::step::{Error, compose, configure, import, layer, seal};
use crate::store;

/// What a step's failure means.
pub fn of(error: &Error) -> Blame {
    match error {
        Error::Argument { .. } => USAGE,
        Error::DeadNetwork { .. } => Blame::new(Class::Network, Exit::Network),
        Error::Import(error) => of_import(error),
        Error::Compose(error) => of_compose(error),
        Error::Configure(error) => of_configure(error),
        Error::Sandbox(error) => of_sandbox(error),
        Error::Seal(error) => of_seal(error),
        Error::Repo(error) => repository(error),
        Error::Io { .. } => HOST,
    }
}

/// Whether a package is nowhere to be found any more.
pub fn is_gone(error: &Error) -> bool {
    let Error::Import(import::Error::Fetch { source, .. }) = error else { return false };
    source.downcast_ref::<repo::Error>().is_some_and(|error| error.kind() == ErrorKind::Missing)
}

fn of_import(error: &import::Error) -> Blame {
    use import::Error;
    match error {
        Error::Fetch { source, .. } => source.downcast_ref().map_or(HOST, repository),
        Error::Size { .. } | Error::Digest { .. } => INTEGRITY,
        Error::Changed { .. } => Blame::new(Class::Lockfile, Exit::Integrity),
        Error::Identity { .. } => HOSTILE,
        Error::Archive { source, .. } => of_archive(source),
        Error::Store(store::Error::Unstorable { .. }) => HOSTILE,
        Error::Store(error) => of_store(error),
        Error::Io { .. } => HOST,
    }
}

fn of_archive(error: &archive::Error) -> Blame {
    use archive::Error;
    match error {
        Error::Io { .. } => HOST,
        Error::Corrupt { .. }
        | Error::Truncated { .. }
        | Error::Format { .. }
        | Error::UnexpectedPart { .. }
        | Error::UnknownCompression { .. }
        | Error::TooLarge { .. }
        | Error::Control { .. }
        | Error::Member { .. } => HOSTILE,
    }
}

/// What a failure of the store means, wherever it is met.
pub(super) fn of_store(error: &store::Error) -> Blame {
    use store::Error;
    match error {
        Error::Io { .. } | Error::NotARepository { .. } | Error::WrongMode { .. } | Error::Locked { .. } => HOST,
        Error::Corrupt { .. } | Error::CorruptRef { .. } | Error::Claim { .. } | Error::Link { .. } | Error::Config { .. } => INTEGRITY,
        Error::Missing { .. } | Error::NoSuchRef { .. } => Blame::new(Class::Integrity, Exit::Other),
        Error::Large { .. } => PACKAGE,
        Error::Unstorable { .. } | Error::TreeClash { .. } => Blame::new(Class::Package, Exit::Other),
    }
}

fn of_sandbox(error: &sandbox::Error) -> Blame {
    use sandbox::Error;
    match error {
        Error::Lack(_) => LACK,
        Error::Threads { .. } | Error::Zero { .. } => PROGRAM,
        Error::Ownership { .. } => Blame::new(Class::Usage, Exit::Other),
        Error::Start { .. } | Error::Surroundings { .. } | Error::Killed { .. } | Error::Io { .. } => HOST,
        Error::Left { .. } | Error::Name { .. } | Error::Excess { .. } => PACKAGE,
        Error::Owner { .. } => Blame::new(Class::Package, Exit::Other),
    }
}

fn of_layer(error: &layer::Error) -> Blame {
    use layer::Error;
    match error {
        Error::Store(error) => of_store(error),
        Error::Sandbox(error) => of_sandbox(error),
        Error::Full { .. } | Error::Io { .. } => HOST,
        Error::Special { .. } => PACKAGE,
    }
}

fn of_compose(error: &compose::Error) -> Blame {
    use compose::Error;
    match error {
        Error::Io { .. } => HOST,
        Error::ResponseFile { .. } => PROGRAM,
        Error::Store(error) => of_store(error),
        Error::Stanza { .. } | Error::Relations { .. } | Error::Database { .. } | Error::Depth { .. } => HOSTILE,
        Error::Clashes(_) => PACKAGE,
        Error::Relation { .. } | Error::Architecture { .. } | Error::Twice { .. } | Error::Circle { .. } => {
            Blame::new(Class::Package, Exit::Other)
        }
    }
}

/// A script that somebody else killed says nothing of its package: the kernel does that when memory runs out.
fn of_script(ended: &Ended) -> Blame {
    const KILL: i32 = 9;
    match ended {
        Ended::Signal(KILL) => Blame::new(Class::Host, Exit::Step),
        Ended::Exit(_) | Ended::Signal(_) | Ended::Exceeded(_) => PACKAGE,
    }
}

fn of_configure(error: &configure::Error) -> Blame {
    use configure::Error;
    match error {
        Error::Compose(error) => of_compose(error),
        Error::Store(error) => of_store(error),
        Error::Sandbox(error) => of_sandbox(error),
        Error::Layer(error) => of_layer(error),
        Error::Log { .. } => HOST,
        Error::Script { ended, .. } => of_script(ended),
        Error::Left { .. } | Error::TriggerCircle { .. } | Error::IdTwice { .. } | Error::NoDebconf => PACKAGE,
        Error::Debconf { ended, .. } => of_script(ended),
        Error::Unrecorded { .. } => Blame::new(Class::Lockfile, Exit::Findings),
        Error::Internal { .. } => PROGRAM,
    }
}

fn of_seal(error: &seal::Error) -> Blame {
    use seal::{Error, OverlayFault};
    // What the manifest or its overlays ask for cannot be done with this tree.
    const MANIFEST: Blame = Blame::new(Class::Usage, Exit::Step);
    match error {
        Error::Io { action: "write the log" | "create", .. } => HOST,
        Error::Io { source, .. } => input(source, MANIFEST),
        Error::Stray(_) | Error::NoProgram { .. } | Error::Key { .. } => MANIFEST,
        Error::Overlay { fault: OverlayFault::Name | OverlayFault::Special { .. } | OverlayFault::UsrEtc, .. } => MANIFEST,
        Error::Store(error) => of_store(error),
        Error::Sandbox(error) => of_sandbox(error),
        Error::Layer(error) => of_layer(error),
        Error::Script { ended, .. } => of_script(ended),
        // These hold or fail by what the packages brought: an update can be what breaks them.
        Error::Overlay { fault: OverlayFault::FileOverDirectory { .. } | OverlayFault::DirectoryOverFile { .. }, .. }
        | Error::Circle { .. }
        | Error::UsrEtc
        | Error::Occupied { .. }
        | Error::Permissions { .. }
        | Error::Timezone { .. }
        | Error::Locale { .. }
        | Error::NoSshServer
        | Error::SshInclude
        | Error::Findings { .. } => PACKAGE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    fn full() -> io::Error {
        io::Error::from_raw_os_error(rustix::io::Errno::NOSPC.raw_os_error())
    }

    #[test]
    fn blames_no_package_for_a_full_disk() {
        let stored = || store::Error::Io { action: "write", path: "objects".into(), source: full() };
        let layered = layer::Error::Io { doing: "make", path: "work".into(), source: full() };
        let read = archive::Error::Io { part: "data.tar".to_owned(), source: full() };
        let errors = [
            Error::Import(import::Error::Store(stored())),
            Error::Import(import::Error::Archive { package: "app".to_owned(), source: read }),
            Error::Compose(compose::Error::Store(stored())),
            Error::Configure(configure::Error::Layer(layered)),
            Error::Configure(configure::Error::Log { path: "log".into(), source: full() }),
            Error::Seal(seal::Error::Io { action: "copy", path: "motd".into(), source: full() }),
            Error::Seal(seal::Error::Store(stored())),
            Error::Io { doing: "lock", path: "slots".into(), source: full() },
        ];
        for error in errors {
            assert_eq!(of(&error), HOST, "{error:?}");
        }
    }

    #[test]
    fn blames_a_package_for_what_its_vouched_bytes_are() {
        let corrupt = archive::Error::Truncated { part: "data.tar".to_owned() };
        assert_eq!(of(&Error::Import(import::Error::Archive { package: "app".to_owned(), source: corrupt })), HOSTILE);
        assert_eq!(of_script(&Ended::Exit(1)), PACKAGE);
        assert_eq!(of_script(&Ended::Signal(9)).class, Class::Host);
    }
}
