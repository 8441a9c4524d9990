//! Exit codes, as `docs/cli.md` documents them.

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// A check found something: a stale lockfile, a difference.
    Findings = 1,
    /// A usage error or a faulty manifest.
    Usage = 2,
    /// The packages that were asked for cannot be had together.
    NoSolution = 3,
    /// The network, or a package that is nowhere to be found.
    Network = 4,
    /// A checksum or signature is wrong, or a package is hostile.
    Integrity = 5,
    /// A build step failed.
    Step = 6,
    /// This host lacks something.
    Host = 7,
    /// Anything else: disk full, I/O, a lock held by another run.
    Other = 8,
    /// Ctrl-C.
    Interrupted = 130,
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
