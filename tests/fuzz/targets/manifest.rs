//! Manifests and the bot's rules: a value, or problems that each say something.
#![cfg_attr(fuzzing, no_main)]

use pintree::manifest::{self, BotRules};
use std::path::Path;

/// A whole file, read as both.
pub fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Err(error) = manifest::parse(text, Path::new("manifests/a.toml")) {
        assert!(!error.to_string().is_empty());
    }
    if let Err(error) = BotRules::parse(text, Path::new("bot.toml")) {
        assert!(!error.to_string().is_empty());
    }
}

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| check(bytes));
