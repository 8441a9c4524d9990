//! The mirror list: an error that says something, or a value whose own text is read as that value.
#![cfg_attr(fuzzing, no_main)]

use pintree::repo::Mirrors;

/// A whole file.
pub fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match Mirrors::parse(text, "mirrors.toml") {
        Ok(mirrors) => {
            let written = mirrors.to_toml();
            let again = Mirrors::parse(&written, "mirrors.toml").unwrap_or_else(|error| panic!("{error}\n{written}"));
            assert_eq!(again.to_toml(), written);
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| check(bytes));
