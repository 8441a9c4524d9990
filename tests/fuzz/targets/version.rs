//! Version numbers: those that are read print as they were written, and any three are in one total order.
#![cfg_attr(fuzzing, no_main)]

use pintree::pkg::DebVersion;
use std::cmp::Ordering;

/// Three lines are three versions.
pub fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let read: Vec<DebVersion> = text.lines().take(3).filter_map(|line| line.parse().ok()).collect();
    for a in &read {
        assert_eq!(a.to_string().parse().as_ref(), Ok(a));
        for b in &read {
            assert_eq!(a.cmp(b), b.cmp(a).reverse(), "{a} and {b}");
            for c in &read {
                if a.cmp(b) != Ordering::Greater && b.cmp(c) != Ordering::Greater {
                    assert_ne!(a.cmp(c), Ordering::Greater, "{a}, {b}, {c}");
                }
            }
        }
    }
}

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| check(bytes));
