//! Member names as paths that can do no harm.

use super::{Error, Problem};

/// Longest path in bytes, as the kernel has it.
const MAX_PATH: usize = 4095;
/// Longest component in bytes, as common file systems have it.
const MAX_COMPONENT: usize = 255;
/// Deepest nesting; the deepest of Debian is about 30.
const MAX_DEPTH: usize = 128;

/// Normalises a member name; the root is the empty path.
pub(super) fn normalise(name: &[u8]) -> Result<String, Error> {
    let fail = |problem| Error::member(name, problem);
    if name.first() == Some(&b'/') {
        return Err(fail(Problem::Absolute));
    }
    if name.is_empty() {
        return Err(fail(Problem::Empty));
    }
    if name.len() > MAX_PATH {
        return Err(fail(Problem::TooLong));
    }
    let name = text(name).map_err(fail)?;
    let mut path = String::with_capacity(name.len());
    let mut depth = 0;
    for component in name.split('/').filter(|c| !matches!(*c, "" | ".")) {
        depth += 1;
        if component == ".." {
            return Err(fail(Problem::ParentComponent));
        }
        if component.len() > MAX_COMPONENT || depth > MAX_DEPTH {
            return Err(fail(Problem::TooLong));
        }
        if !path.is_empty() {
            path.push('/');
        }
        path.push_str(component);
    }
    Ok(path)
}

/// Checks a symlink's target, which may point anywhere but must be storable.
pub(super) fn target(name: &[u8], target: &[u8]) -> Result<String, Error> {
    let fail = |problem| Error::member(name, problem);
    if target.is_empty() {
        return Err(fail(Problem::NoTarget));
    }
    if target.len() > MAX_PATH {
        return Err(fail(Problem::TooLong));
    }
    text(target).map(str::to_owned).map_err(fail)
}

/// `.list` files have one path a line, and OSTree's strings are UTF-8 without NUL.
fn text(bytes: &[u8]) -> Result<&str, Problem> {
    if memchr::memchr2(0, b'\n', bytes).is_some() {
        return Err(Problem::ControlCharacter);
    }
    std::str::from_utf8(bytes).map_err(|_| Problem::NotUtf8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normalises_what_real_packages_have() {
        for (name, path) in [
            ("./", ""),
            (".", ""),
            ("./usr/bin/a", "usr/bin/a"),
            ("usr//bin/./a/", "usr/bin/a"),
            ("./usr/share/é", "usr/share/é"),
            ("./..a/b..", "..a/b.."),
        ] {
            assert_eq!(normalise(name.as_bytes()).unwrap(), path, "{name}");
        }
    }

    #[test]
    fn refuses_what_can_do_harm() {
        let long = vec![b'a'; 256];
        let deep = b"a/".repeat(129);
        for (name, problem) in [
            (&b"/etc/passwd"[..], Problem::Absolute),
            (b"../x", Problem::ParentComponent),
            (b"./a/../../x", Problem::ParentComponent),
            (b"", Problem::Empty),
            (b"a\nb", Problem::ControlCharacter),
            (b"a\0b", Problem::ControlCharacter),
            (b"caf\xe9", Problem::NotUtf8),
            (&long, Problem::TooLong),
            (&deep, Problem::TooLong),
        ] {
            let error = normalise(name).unwrap_err();
            assert!(matches!(&error, Error::Member { problem: p, .. } if *p == problem), "{error}");
        }
    }
}
