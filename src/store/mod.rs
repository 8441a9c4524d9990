//! The OSTree repository: objects, refs, trees; the only module that knows OSTree.
