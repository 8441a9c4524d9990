//! What compose makes of small packages.
