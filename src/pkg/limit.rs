//! Limits of the scripts of a build, as manifests write them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// One thing of which scripts may take only so much.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Limit {
    /// Processes and threads of one script at once.
    Processes,
    /// Memory of one script and of all that it started, with what lies in file systems in memory.
    Memory,
    /// The size of one file that a script leaves; holes count.
    FileSize,
    /// The sizes of all files that the scripts of a stage write; holes count.
    Disk,
    /// Files and directories that the scripts of a stage make.
    Inodes,
    /// The size of each file system in memory: `/tmp`, `/run` and `/dev/shm`.
    Tmpfs,
    /// What one script prints.
    Log,
    /// How long one script runs.
    ScriptTime,
}

/// What a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitUnit {
    /// Things.
    Count,
    /// Bytes.
    Bytes,
    /// Seconds.
    Seconds,
}

const SIZES: [(&str, u64); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
const TIMES: [(&str, u64); 3] = [("h", 3600), ("m", 60), ("s", 1)];

impl Limit {
    /// All of them.
    pub const ALL: [Self; 8] =
        [Self::Processes, Self::Memory, Self::FileSize, Self::Disk, Self::Inodes, Self::Tmpfs, Self::Log, Self::ScriptTime];

    /// The word that manifests use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Processes => "processes",
            Self::Memory => "memory",
            Self::FileSize => "file-size",
            Self::Disk => "disk",
            Self::Inodes => "inodes",
            Self::Tmpfs => "tmpfs",
            Self::Log => "log",
            Self::ScriptTime => "script-time",
        }
    }

    /// What it counts.
    pub fn unit(self) -> LimitUnit {
        match self {
            Self::Processes | Self::Inodes => LimitUnit::Count,
            Self::Memory | Self::FileSize | Self::Disk | Self::Tmpfs | Self::Log => LimitUnit::Bytes,
            Self::ScriptTime => LimitUnit::Seconds,
        }
    }

    /// The limit where a manifest names none: several times what the scripts of Debian's largest packages take.
    pub fn default_value(self) -> u64 {
        match self {
            Self::Processes => 4096,
            Self::Memory => 4 << 30,
            Self::FileSize | Self::Tmpfs => 2 << 30,
            Self::Disk => 8 << 30,
            Self::Inodes => 500_000,
            Self::Log => 32 << 20,
            Self::ScriptTime => 30 * 60,
        }
    }

    /// Reads a size or a time as a manifest has it: `512MiB`, `30m`. Never zero.
    pub fn parse(self, text: &str) -> Option<u64> {
        let units: &[(&str, u64)] = match self.unit() {
            LimitUnit::Count => &[("", 1)],
            LimitUnit::Bytes => &SIZES,
            LimitUnit::Seconds => &TIMES,
        };
        let (number, factor) = units.iter().find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, *factor)))?;
        let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        // What the kernel takes as a size is signed.
        let value = number.parse::<u64>().ok().filter(|_| digits)?.checked_mul(factor)?;
        (1..=i64::MAX as u64).contains(&value).then_some(value)
    }

    /// Writes a value in the largest unit that leaves no remainder.
    pub fn render(self, value: u64) -> String {
        let units: &[(&str, u64)] = match self.unit() {
            LimitUnit::Count => &[],
            LimitUnit::Bytes => &SIZES,
            LimitUnit::Seconds => &TIMES,
        };
        match units.iter().find(|(_, factor)| value >= *factor && value.is_multiple_of(*factor)).or(units.last().filter(|_| value == 0)) {
            Some((unit, factor)) => format!("{}{unit}", value / factor),
            None => value.to_string(),
        }
    }
}

/// Limits that a manifest names.
pub type Limits = BTreeMap<Limit, u64>;

/// Writes limits as the file that steps read has them: one `NAME VALUE` a line.
pub fn render_limits(limits: &Limits) -> String {
    let mut text = String::new();
    for (limit, value) in limits {
        writeln!(text, "{} {value}", limit.as_str()).expect("a string takes all");
    }
    text
}

/// Reads what [`render_limits`] wrote; `None` if it is something else.
pub fn parse_limits(text: &str) -> Option<Limits> {
    let line = |line: &str| {
        let (name, value) = line.split_once(' ')?;
        let limit = Limit::ALL.into_iter().find(|limit| limit.as_str() == name)?;
        Some((limit, value.parse().ok().filter(|value| *value > 0)?))
    };
    text.lines().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes_sizes_and_times() {
        for (limit, text, value) in [
            (Limit::Memory, "512MiB", 512 << 20),
            (Limit::Memory, "3GiB", 3 << 30),
            (Limit::Log, "7KiB", 7 << 10),
            (Limit::ScriptTime, "90s", 90),
            (Limit::ScriptTime, "30m", 1800),
            (Limit::ScriptTime, "2h", 7200),
            (Limit::Processes, "64", 64),
        ] {
            assert_eq!(limit.parse(text), Some(value), "{text}");
            assert_eq!(limit.render(value), text);
        }
        for text in ["", "MiB", "1MB", "1 MiB", "-1MiB", "+1MiB", "0MiB", "1.5GiB", "99999999999GiB", "1m"] {
            assert_eq!(Limit::Memory.parse(text), None, "{text}");
        }
        assert_eq!(["30", "1d", "0s", "m"].map(|text| Limit::ScriptTime.parse(text)), [None; 4]);
    }

    #[test]
    fn the_file_for_steps_is_read_back() {
        let limits: Limits = Limit::ALL.into_iter().map(|limit| (limit, limit.default_value())).collect();
        assert_eq!(parse_limits(&render_limits(&limits)), Some(limits));
        assert_eq!(parse_limits(""), Some(Limits::new()));
        assert_eq!(parse_limits("processes 0\n"), None);
        assert_eq!(parse_limits("rabbits 3\n"), None);
    }
}
