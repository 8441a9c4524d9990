//! `[limits]`: what scripts may take.

use super::keys::LIMITS;
use super::problem::ProblemKind;
use super::table::{Fields, Reader, Spanned};
use crate::pkg::{Limit, LimitUnit, Limits};

/// Reads the table among the manifest's own keys.
pub(super) fn read(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Limits {
    let mut limits = Limits::new();
    let Some((span, table)) = fields.table("limits") else { return limits };
    let fields = Fields::read(reader, table, "`[limits]`".to_owned(), span, LIMITS);
    for limit in Limit::ALL {
        let value = match limit.unit() {
            LimitUnit::Count => fields.integer(reader, limit.as_str(), 1, u32::MAX.into()).and_then(|number| u64::try_from(number).ok()),
            LimitUnit::Bytes => measured(reader, &fields, limit, "a size", "a number and `KiB`, `MiB` or `GiB`: `512MiB`"),
            LimitUnit::Seconds => measured(reader, &fields, limit, "a time", "a number and `s`, `m` or `h`: `30m`"),
        };
        limits.extend(value.map(|value| (limit, value)));
    }
    limits
}

fn measured(reader: &mut Reader<'_>, fields: &Fields<'_>, limit: Limit, expected: &'static str, hint: &str) -> Option<u64> {
    let Spanned { value, span } = fields.text(limit.as_str())?;
    let parsed = limit.parse(value);
    if parsed.is_none() {
        reader.report(&span, ProblemKind::Malformed { value: value.to_owned(), expected, hint: Some(hint.to_owned()) });
    }
    parsed
}

#[cfg(test)]
mod tests {
    use crate::manifest::parse;
    use crate::pkg::Limit;
    use std::path::Path;

    #[test]
    fn reads_limits_and_refuses_what_is_none() {
        let read = |limits: &str| parse(&format!("arches = ['armhf']\n[image.i]\n[limits]\n{limits}\n"), Path::new("m.toml"));
        let limits = read("processes = 64\nmemory = '512MiB'\nscript-time = '90s'").unwrap().limits;
        assert_eq!(limits, [(Limit::Processes, 64), (Limit::Memory, 512 << 20), (Limit::ScriptTime, 90)].into());
        for (text, message) in [
            ("memory = '512MB'", "is not a size"),
            ("log = '0KiB'", "is not a size"),
            ("script-time = '1d'", "is not a time"),
            ("processes = 0", "processes"),
            ("inodes = '5'", "whole number"),
            ("proceses = 5", "processes"),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(message), "{text}: {error}");
        }
    }
}
