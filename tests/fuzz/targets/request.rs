//! Requests of a manifest: a value or an error, and what was read is read again from its own text.
#![cfg_attr(fuzzing, no_main)]

use pintree::pkg::{Ecosystem, Request};

/// One request, as both ecosystems read it.
pub fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    for ecosystem in [Ecosystem::Deb, Ecosystem::Rpm] {
        if let Ok(request) = Request::parse(text, ecosystem) {
            assert_eq!(Request::parse(&request.to_string(), ecosystem), Ok(request));
        }
    }
}

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| check(bytes));
