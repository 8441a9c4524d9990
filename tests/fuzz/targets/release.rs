//! `Release` files: a value or an error that says something; the files it lists have relative paths.
#![cfg_attr(fuzzing, no_main)]

use pintree::index::release::Release;

/// A whole file.
pub fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match Release::parse(text) {
        Ok(release) => {
            for (path, file) in release.files() {
                assert!(!path.starts_with('/') && path.split('/').all(|part| part != ".."), "{path}");
                assert_eq!(release.file(path), Some(file));
            }
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| check(bytes));
