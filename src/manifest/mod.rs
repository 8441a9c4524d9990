//! Manifest text ► a validated manifest.
