//! The lockfile: pins and steering ◄► canonical text.
