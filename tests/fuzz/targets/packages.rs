//! `Packages` files: a value or an error; what was read comes back whole from its stored form.
#![cfg_attr(fuzzing, no_main)]

use pintree::index::{Index, packages::Limits};

/// A whole file, uncompressed.
pub fn check(bytes: &[u8]) {
    let limits = Limits { bytes: 1 << 20, stanza: 1 << 16, packages: 1 << 10, relations: 1 << 14 };
    match Index::parse(bytes, &limits) {
        Ok(index) => {
            let stored = index.to_bytes();
            let again = Index::from_bytes(&stored).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(again.len(), index.len());
            assert!(again.to_bytes() == stored);
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| check(bytes));
