//! What each ninja edge runs: arguments in, refs out.
