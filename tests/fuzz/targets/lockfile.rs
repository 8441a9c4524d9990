//! Lockfiles, which people merge by hand: an error that says something, or a value whose own text is read as that value.
#![cfg_attr(fuzzing, no_main)]

use pintree::lock::Lockfile;

/// A whole file.
pub fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match Lockfile::parse(text) {
        Ok(lockfile) => {
            let rendered = lockfile.render();
            let again = Lockfile::parse(&rendered).unwrap_or_else(|error| panic!("{error}\n{rendered}"));
            assert_eq!(again.render(), rendered);
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| check(bytes));
