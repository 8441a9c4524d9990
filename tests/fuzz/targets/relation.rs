//! Dependency fields: a value or an error, and what was read is read again from its own text.
#![cfg_attr(fuzzing, no_main)]

use pintree::pkg::Relation;

/// A whole field.
pub fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(groups) = Relation::parse_field(text) else { return };
    for relation in groups.into_iter().flatten() {
        assert_eq!(Relation::parse(&relation.to_string()), Ok(relation));
    }
}

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| check(bytes));
