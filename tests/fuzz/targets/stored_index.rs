//! The stored form of an index, from a cache that anything may have damaged: a value that can be used whole, or an error.
#![cfg_attr(fuzzing, no_main)]

use pintree::index::Index;

/// A whole cache file.
pub fn check(bytes: &[u8]) {
    if let Ok(index) = Index::from_bytes(bytes) {
        assert!(index.to_bytes() == bytes);
    }
}

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| check(bytes));
