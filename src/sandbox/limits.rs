//! What a program may take, and what is told of one that took more.

use crate::pkg::{self, Limit, LimitUnit};
use crate::util::size::human;
use std::fmt;
use std::time::Duration;

/// What a program may take, with all that it starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// After this time it is killed.
    pub time: Duration,
    /// How many files a process may have open. Fixed, because programs size their tables by it.
    pub files: u64,
    /// How large a process's stack may grow, in bytes; fixed for the same reason.
    pub stack: u64,
    /// How many processes and threads there may be at once.
    pub processes: u64,
    /// Bytes of memory, with what lies in file systems in memory.
    pub memory: u64,
    /// The size of one file in the layer that is written; holes count.
    pub file_size: u64,
    /// What all files in the layer take: their sizes, or their blocks where these are more.
    pub disk: u64,
    /// How many files and directories the layer may have.
    pub inodes: u64,
    /// The size of each file system in memory.
    pub tmpfs: u64,
    /// How many bytes the program may print.
    pub log: u64,
}

impl Default for Limits {
    fn default() -> Self {
        let value = Limit::default_value;
        Self {
            time: Duration::from_secs(value(Limit::ScriptTime)),
            files: 1024,
            stack: 8 << 20,
            processes: value(Limit::Processes),
            memory: value(Limit::Memory),
            file_size: value(Limit::FileSize),
            disk: value(Limit::Disk),
            inodes: value(Limit::Inodes),
            tmpfs: value(Limit::Tmpfs),
            log: value(Limit::Log),
        }
    }
}

impl Limits {
    /// The limits that a manifest names, and the default of every other one.
    ///
    /// A host that is smaller than most gives half of its memory where the manifest does not say how much.
    pub fn new(chosen: &pkg::Limits) -> Self {
        let mut limits = Self::default();
        if let Some(host) = super::memory::Host::read() {
            limits.memory = limits.memory.min(host.total / 2);
        }
        for (limit, value) in chosen {
            match limit {
                Limit::Processes => limits.processes = *value,
                Limit::Memory => limits.memory = *value,
                Limit::FileSize => limits.file_size = *value,
                Limit::Disk => limits.disk = *value,
                Limit::Inodes => limits.inodes = *value,
                Limit::Tmpfs => limits.tmpfs = *value,
                Limit::Log => limits.log = *value,
                Limit::ScriptTime => limits.time = Duration::from_secs(*value),
            }
        }
        limits
    }

    pub(super) fn value(&self, limit: Limit) -> u64 {
        match limit {
            Limit::Processes => self.processes,
            Limit::Memory => self.memory,
            Limit::FileSize => self.file_size,
            Limit::Disk => self.disk,
            Limit::Inodes => self.inodes,
            Limit::Tmpfs => self.tmpfs,
            Limit::Log => self.log,
            Limit::ScriptTime => self.time.as_secs(),
        }
    }

    /// What to tell if `used` is more than the limit.
    pub fn check(&self, limit: Limit, used: u64) -> Option<Excess> {
        let allowed = self.value(limit);
        (used > allowed).then_some(Excess::Over { limit, used, allowed })
    }

    /// What to tell if a file of this size is too large.
    pub fn check_file(&self, path: &str, size: u64) -> Option<Excess> {
        (size > self.file_size).then(|| Excess::File { path: path.to_owned(), size, allowed: self.file_size })
    }
}

/// More than a program may take; its display goes on a sentence about the program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Excess {
    /// More than a limit.
    Over {
        /// Of what.
        limit: Limit,
        /// How much when somebody looked.
        used: u64,
        /// How much it may be.
        allowed: u64,
    },
    /// A file that is too large.
    File {
        /// Its path in the root.
        path: String,
        /// Its size.
        size: u64,
        /// How large it may be.
        allowed: u64,
    },
    /// Directories inside one another, deeper than any real ones.
    Deep {
        /// Where it went too deep.
        path: String,
        /// How deep it may be.
        allowed: usize,
    },
    /// A full file system in memory.
    Full {
        /// Where it is mounted.
        place: &'static str,
        /// Its size in bytes, or in files.
        allowed: u64,
        /// Of what.
        limit: Limit,
    },
    /// All but the last memory of the host is taken, by whomever.
    Host {
        /// Bytes that are left.
        left: u64,
        /// How much memory the program may use.
        allowed: u64,
    },
}

impl Excess {
    /// The key of the manifest that would allow more; none where nothing does.
    pub fn limit(&self) -> Option<Limit> {
        match self {
            Self::Over { limit, .. } | Self::Full { limit, .. } => Some(*limit),
            Self::File { .. } => Some(Limit::FileSize),
            Self::Host { .. } => Some(Limit::Memory),
            Self::Deep { .. } => None,
        }
    }
}

/// A limit as the manifest would have it.
fn setting(limit: Limit, value: u64) -> String {
    let quote = if limit.unit() == LimitUnit::Count { "" } else { "\"" };
    format!("`{} = {quote}{}{quote}`", limit.as_str(), limit.render(value))
}

impl fmt::Display for Excess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Over { limit, used, allowed } => {
                match limit {
                    Limit::Processes => write!(f, "it had {used} processes and threads at once"),
                    Limit::Memory => write!(f, "it used {} of memory", human(*used)),
                    Limit::FileSize => write!(f, "it wrote a file of {}", human(*used)),
                    Limit::Disk => write!(f, "with it, the scripts of this stage wrote {}", human(*used)),
                    Limit::Inodes => write!(f, "with it, the scripts of this stage made {used} files and directories"),
                    Limit::Tmpfs => write!(f, "it wrote {} to a file system in memory", human(*used)),
                    Limit::Log => write!(f, "it printed {}", human(*used)),
                    Limit::ScriptTime => write!(f, "it ran for {}", limit.render(*used)),
                }?;
                write!(f, ", the limit is {}", setting(*limit, *allowed))
            }
            Self::File { path, size, allowed } => {
                write!(f, "it wrote `/{path}` of {}, the limit is {}", human(*size), setting(Limit::FileSize, *allowed))
            }
            Self::Deep { path, allowed } => {
                let start: String = path.chars().take(60).collect();
                write!(f, "it made more than {allowed} directories inside one another below `/{start}…`")
            }
            Self::Full { place, allowed, limit } => write!(f, "it filled `{place}`, the limit is {}", setting(*limit, *allowed)),
            Self::Host { left, allowed } => {
                let limit = setting(Limit::Memory, *allowed);
                write!(f, "it ran until the host had only {} of memory left, the limit was {limit}", human(*left))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_limit_as_the_manifest_has_it() {
        let limits = Limits { processes: 64, memory: 3 << 20, time: Duration::from_secs(90), file_size: 1 << 30, ..Limits::default() };
        let told = |limit, used| limits.check(limit, used).map(|excess| excess.to_string());
        assert_eq!(told(Limit::Processes, 64), None);
        assert_eq!(told(Limit::Processes, 65).unwrap(), "it had 65 processes and threads at once, the limit is `processes = 64`");
        assert_eq!(told(Limit::Memory, 4_200_000).unwrap(), "it used 4.2 MB of memory, the limit is `memory = \"3MiB\"`");
        assert_eq!(told(Limit::ScriptTime, 91).unwrap(), "it ran for 91s, the limit is `script-time = \"90s\"`");
        let file = limits.check_file("var/x", 3 << 30).unwrap();
        assert_eq!(file.to_string(), "it wrote `/var/x` of 3.2 GB, the limit is `file-size = \"1GiB\"`");
        assert_eq!(limits.check_file("var/x", 1 << 30), None);
    }

    #[test]
    fn takes_what_the_manifest_names() {
        let chosen = [(Limit::Memory, 1 << 40), (Limit::ScriptTime, 5)].into();
        let limits = Limits::new(&chosen);
        assert_eq!((limits.memory, limits.time), (1 << 40, Duration::from_secs(5)));
        assert_eq!(limits.processes, Limits::default().processes);
        assert!(Limits::new(&pkg::Limits::new()).memory <= Limits::default().memory);
    }
}
