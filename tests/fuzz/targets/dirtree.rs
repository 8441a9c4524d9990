//! Directory objects: refused, or sorted and unique names without slashes.
#![cfg_attr(fuzzing, no_main)]

use pintree::store::DirTreeView;

/// A whole object.
pub fn check(bytes: &[u8]) {
    let Ok(view) = DirTreeView::parse(bytes) else { return };
    let tree = view.to_dirtree();
    assert!(tree.files.is_sorted_by(|a, b| a.0 < b.0) && tree.dirs.is_sorted_by(|a, b| a.0 < b.0));
    let names = tree.files.iter().map(|(name, _)| name).chain(tree.dirs.iter().map(|(name, _, _)| name));
    for name in names {
        assert!(!matches!(name.as_str(), "" | "." | "..") && !name.contains(['/', '\0']), "{name:?}");
    }
}

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| check(bytes));
