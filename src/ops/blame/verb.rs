//! The verbs' failures.

use super::step::of_store;
use super::{Blame, Class, Exit, HOST, INTEGRITY, LACK, PROGRAM, USAGE, input, repository};
use crate::ops::Error;
use crate::util::bounds::Stray;
use crate::util::command;
use crate::{lock, manifest, ninja};

/// What a verb's failure means.
pub fn of(error: &Error) -> Blame {
    const LOCKFILE: Blame = Blame::new(Class::Lockfile, Exit::Findings);
    const NETWORK: Blame = Blame::new(Class::Network, Exit::Network);
    match error {
        Error::Exists { .. }
        | Error::NoManifests { .. }
        | Error::NoImage { .. }
        | Error::AmbiguousImage { .. }
        | Error::NoArchitecture { .. }
        | Error::OneManifest { .. }
        | Error::NotLocked { .. }
        | Error::NoSnapshot { .. }
        | Error::Ahead { .. }
        | Error::UnknownPackage { .. }
        | Error::NotBuilt { .. }
        | Error::Architecture { .. }
        | Error::NoInput { .. }
        | Error::NoRevision { .. }
        | Error::NotInRevision { .. }
        | Error::NotInCommit { .. }
        | Error::NoSubmodule { .. }
        | Error::NoLfsFile { .. }
        | Error::NoCheckout { .. }
        | Error::NoChanges { .. }
        | Error::CheckedOut { .. }
        | Error::OfflinePush
        | Error::BranchName { .. }
        | Error::Author { .. }
        | Error::NothingToCompare { .. }
        | Error::NotComparable { .. }
        | Error::Planted { .. }
        | Error::Starter(_) => USAGE,
        Error::Manifest(error) => of_manifest(error),
        Error::Stray(stray) => of_stray(stray),
        Error::Clash(_) | Error::Stale { .. } | Error::WouldChange { .. } | Error::Unrecorded { .. } => LOCKFILE,
        Error::Foreign { .. } | Error::NotInImage { .. } => Blame::new(Class::Usage, Exit::Findings),
        Error::Unsolvable { .. } | Error::NoContents { .. } => Blame::new(Class::Lockfile, Exit::NoSolution),
        Error::Repo(error) => repository(error),
        Error::Missing { .. } | Error::Gone { .. } | Error::NoFields { .. } => NETWORK,
        Error::NoLocalFile { .. } => Blame::new(Class::Usage, Exit::Network),
        Error::LocalPackage { .. } | Error::LocalFields { .. } | Error::LocalTwice { .. } => Blame::new(Class::Usage, Exit::Integrity),
        Error::LocalChanged { .. } => Blame::new(Class::Lockfile, Exit::Integrity),
        Error::Contents { .. } | Error::Unreadable { .. } => INTEGRITY,
        Error::Steps { exit, class, .. } | Error::Trial { exit, class, .. } => Blame::new(*class, of_code(*exit)),
        Error::Host { .. } => LACK,
        Error::StepDied { .. } => Blame::new(Class::Host, Exit::Step),
        Error::Unbuildable { .. } => Blame::new(Class::Package, Exit::Step),
        Error::Store(error) => of_store(error),
        Error::Ninja(error) => match error {
            ninja::Error::Start(_) => LACK,
            ninja::Error::Read(_) => HOST,
        },
        Error::Git { source, .. } => match source {
            command::Error::Start { .. } => LACK,
            command::Error::Status { .. } => HOST,
        },
        Error::Lock(error) => of_lock(error),
        Error::LocalName { .. } | Error::NoFreeId { .. } | Error::Judge { .. } => Blame::new(Class::Usage, Exit::Other),
        Error::NoDatabase { .. } => Blame::new(Class::Integrity, Exit::Other),
        Error::Io { .. } | Error::NinjaFailed { .. } | Error::Busy { .. } => HOST,
        Error::Contradiction { .. } | Error::Solver { .. } | Error::IdsNotTaken { .. } | Error::NoRef { .. } => PROGRAM,
        Error::Interrupted => Blame::new(Class::Interrupted, Exit::Interrupted),
    }
}

/// The exit code that a step left.
fn of_code(code: u8) -> Exit {
    [Exit::Network, Exit::Integrity, Exit::Host, Exit::Other].into_iter().find(|exit| *exit as u8 == code).unwrap_or(Exit::Step)
}

fn of_manifest(error: &manifest::Error) -> Blame {
    use manifest::Error;
    match error {
        Error::Read { source, .. } => input(source, USAGE),
        Error::Encoding { .. } | Error::Name { .. } | Error::Invalid { .. } => USAGE,
    }
}

fn of_stray(stray: &Stray) -> Blame {
    match stray {
        Stray::Outside { .. } | Stray::Nowhere { .. } | Stray::Odd { .. } => USAGE,
        Stray::Io { source, .. } => input(source, USAGE),
    }
}

fn of_lock(error: &lock::Error) -> Blame {
    use lock::Error;
    match error {
        Error::Read { .. } | Error::Write { .. } => HOST,
        Error::Load { source, .. } => of_lock(source),
        Error::TooLarge { .. }
        | Error::Newer { .. }
        | Error::At { .. }
        | Error::Contradiction(_)
        | Error::NoImage { .. }
        | Error::NoArchitecture { .. } => Blame::new(Class::Lockfile, Exit::Other),
    }
}
