//! Debian changelogs: whatever a package ships there, what is shown of it is bounded and has no control characters.
#![cfg_attr(fuzzing, no_main)]

use pintree::diff::{Changelog, changelog};

/// A whole file, and the two versions it is asked about.
pub fn check(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (read, flaws) = changelog::between(&text, "1.0-1", "1.2-1");
    if let Changelog::Read { entries, .. } = read {
        let lines: Vec<&String> = entries.iter().flat_map(|entry| &entry.lines).collect();
        assert!(lines.len() <= changelog::LINES);
        assert!(lines.iter().all(|line| !line.contains(char::is_control)));
    }
    assert!(flaws.is_sorted() && flaws.iter().all(|flaw| flaw.is_ascii()));
}

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| check(bytes));
