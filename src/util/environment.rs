//! Which variables of the environment children get: what they work with, and nothing that somebody must not see.
//!
//! A step that runs foreign programs has no use for tokens, and what is not in its environment cannot leak from there:
//! not through `/proc`, not through a dump, not through a mistake of the sandbox.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;

/// Where a build tells its steps the descriptor from which those that fetch read [`CREDENTIALS`].
pub const VARIABLE: &str = "PINTREE_CREDENTIALS";

/// What a step works with. Languages, time zone and clock are among them so that a second build can prove that they
/// change nothing; the loader's, so that the program starts where it did before; `MAKEFLAGS` tells ninja of a job server.
const PLAIN: [&str; 25] = [
    "LANG",
    "LANGUAGE",
    "LD_LIBRARY_PATH",
    "LD_PRELOAD",
    "MAKEFLAGS",
    "NINJA_STATUS",
    "OLDPWD",
    "PATH",
    "PINTREE_ARCHIVES",
    "PINTREE_BUILD_DIR",
    "PINTREE_CONNECTIONS",
    "PINTREE_CPU_SLOTS",
    VARIABLE,
    "PINTREE_OFFLINE",
    "PINTREE_OUTCOMES",
    "PINTREE_OWNERSHIP",
    "PWD",
    "RUST_BACKTRACE",
    "SHLVL",
    "SOURCE_DATE_EPOCH",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "TMPDIR",
    "TZ",
    "container",
];

/// What says who one is to a server, and how to reach it.
const CREDENTIALS: [&str; 9] =
    ["ALL_PROXY", "HOME", "HTTPS_PROXY", "NETRC", "NO_PROXY", "all_proxy", "http_proxy", "https_proxy", "no_proxy"];

/// Tells whether every step may have the variable.
pub fn is_plain(name: &OsStr) -> bool {
    // The shell that ninja runs may leave `_`.
    name == "_" || name.as_bytes().starts_with(b"LC_") || PLAIN.iter().any(|plain| name == *plain)
}

/// Tells whether steps that fetch need the variable.
pub fn is_credential(name: &OsStr) -> bool {
    name.as_bytes().starts_with(b"PINTREE_TOKEN_") || CREDENTIALS.iter().any(|credential| name == *credential)
}

/// The caller's variables that every step may have.
pub fn plain() -> impl Iterator<Item = (OsString, OsString)> {
    std::env::vars_os().filter(|(name, _)| is_plain(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_what_is_secret() {
        for name in ["PINTREE_TOKEN_HOST", "NETRC", "http_proxy", "HTTPS_PROXY", "HOME"] {
            assert!(is_credential(OsStr::new(name)) && !is_plain(OsStr::new(name)), "{name}");
        }
        for name in ["GITHUB_TOKEN", "AWS_SECRET_ACCESS_KEY", "SSH_AUTH_SOCK", "PINTREE_MIRROR_DEBIAN", "XDG_RUNTIME_DIR"] {
            assert!(!is_credential(OsStr::new(name)) && !is_plain(OsStr::new(name)), "{name}");
        }
        assert!(is_plain(OsStr::new("PATH")) && is_plain(OsStr::new("LC_ALL")));
    }
}
