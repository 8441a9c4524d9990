//! Diversions that a package's `preinst` declares in so many words.
//!
//! dpkg runs `preinst` before it unpacks, so a package may move another's file out of the way first. Nothing is run
//! here; a `dpkg-divert` whose arguments are all literal is read instead, and only where two packages clash.

/// A file that gives way: `from` of every package but `package` lies at `to`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::step) struct Diversion {
    /// Without the leading slash, like every path here.
    pub(in crate::step) from: String,
    pub(in crate::step) to: String,
    pub(in crate::step) package: String,
}

/// Finds the diversions that `script`, the `preinst` of `package`, adds.
pub(in crate::step) fn declared(script: &str, package: &str) -> Vec<Diversion> {
    let joined = script.replace("\\\n", " ");
    joined.split(['\n', ';', '&', '|']).filter_map(|command| parse(command, package)).collect()
}

fn parse(command: &str, package: &str) -> Option<Diversion> {
    let words: Vec<&str> = command.split_whitespace().map(|word| word.trim_matches(['"', '\''])).collect();
    let start = words.iter().position(|word| *word == "dpkg-divert" || word.ends_with("/dpkg-divert"))?;
    let mut words = words[start + 1..].iter();
    let (mut owner, mut to, mut from, mut adds) = (None, None, None, true);
    while let Some(word) = words.next() {
        match *word {
            "--add" | "--rename" | "--no-rename" | "--quiet" => {}
            "--package" => owner = Some(*words.next()?),
            "--divert" => to = Some(*words.next()?),
            "--remove" | "--list" | "--listpackage" | "--truename" | "--local" | "--test" | "--admindir" | "--root" => adds = false,
            word if word.starts_with("--package=") => owner = word.split_once('=').map(|(_, value)| value),
            word if word.starts_with("--divert=") => to = word.split_once('=').map(|(_, value)| value),
            word if word.starts_with('-') || from.is_some() => break,
            word if word.starts_with('>') || word.starts_with("2>") => break,
            word => from = Some(word),
        }
    }
    let literal = |path: &str| {
        let legal = path.len() > 1 && !path.contains(['$', '`', '*', '?', '[', '"', '\'']) && !path.split('/').any(|part| part == "..");
        path.strip_prefix('/').filter(|_| legal).map(str::to_owned)
    };
    let from = literal(from?)?;
    let to = to.map_or_else(|| Some(format!("{from}.distrib")), literal)?;
    (adds && owner == Some(package) && from != to).then(|| Diversion { from, to, package: package.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_literal_diversions_only() {
        let script = r#"#!/bin/sh
set -e
if [ "$1" = install ]; then
    dpkg-divert --package b --add --rename \
        --divert /usr/bin/x.real /usr/bin/x >/dev/null
    dpkg-divert --package=b "/usr/bin/y" || true
    dpkg-divert --package b --add /usr/bin/$f
    dpkg-divert --package c --add /usr/bin/z
    dpkg-divert --package b --remove /usr/bin/w
    dpkg-divert --package b --add /usr/../etc/passwd
fi
"#;
        let diversion = |from: &str, to: &str| Diversion { from: from.into(), to: to.into(), package: "b".into() };
        assert_eq!(declared(script, "b"), [diversion("usr/bin/x", "usr/bin/x.real"), diversion("usr/bin/y", "usr/bin/y.distrib")]);
    }
}
