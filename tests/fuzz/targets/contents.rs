//! `Contents` files: who ships a path is found however the file is framed, and never in more memory than a few pieces.
#![cfg_attr(fuzzing, no_main)]

use pintree::index::contents::owners;

/// A whole file, uncompressed.
pub fn check(bytes: &[u8]) {
    let paths = ["/usr/bin/env", "/bin/sh", "/etc/a b"];
    if let Ok(found) = owners(bytes, &paths, 1 << 20) {
        assert_eq!(found.len(), paths.len());
        for packages in found.values() {
            assert!(packages.iter().all(|package| !package.is_empty()));
        }
    }
}

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| check(bytes));
