//! The sentences in which an [`Unsolvable`] is told to a person, and the hints that go with it.

use super::unsolvable::*;
use std::fmt::{self, Write as _};

impl fmt::Display for Unsolvable {
    /// One line, then one indented paragraph per cause.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no set of packages for {} meets the requests", self.architecture)?;
        for cause in &self.causes {
            let mut text = String::new();
            sentence(cause, &mut text);
            for line in text.lines() {
                write!(f, "\n  {line}")?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for Unsolvable {}

impl fmt::Display for Elsewhere {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {} in `{}` ({})", self.package, self.version, self.repo, self.suite)?;
        match &self.because {
            None => Ok(()),
            Some(because) => write!(f, ": {because}"),
        }
    }
}

impl fmt::Display for Because {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ImageExclude { exclude } => write!(f, "the image excludes `{exclude}`"),
            Self::RepoExclude { exclude } => write!(f, "the repository excludes `{exclude}`"),
            Self::RepoOnly => f.write_str("the repository's `only` does not name it"),
            Self::NotAutomatic => f.write_str("the suite supplies only what is asked `from` it"),
            Self::TooYoung => f.write_str("it is younger than packages must be"),
            Self::Lagging { version } => write!(f, "another architecture has nothing newer than {version} yet"),
            Self::Older { locked } => write!(f, "it is older than the locked {locked}"),
            Self::Hold { package, version, reason } => {
                write!(f, "the hold on `{package}` keeps it at `{version}`")?;
                reason.as_ref().map_or(Ok(()), |reason| write!(f, " ({reason})"))
            }
            Self::Priority { repo } => write!(f, "`{repo}` has the package and a lower priority number"),
        }
    }
}

/// One cause, in lines without a final newline.
fn sentence(cause: &Cause, out: &mut String) {
    match cause {
        Cause::UnknownPackage { request, elsewhere, .. } if elsewhere.is_empty() => line(out, format!("no repository has `{request}`")),
        Cause::UnknownPackage { request, elsewhere, .. } => {
            line(out, format!("no repository may supply `{request}`"));
            list(out, elsewhere);
        }
        Cause::NoVersion { request, available } => {
            line(out, format!("no version fits `{request}`"));
            list(out, available);
        }
        Cause::SeveralProviders { request, providers } => {
            line(out, format!("`{request}` is virtual; one of its providers must be asked for by name"));
            for provider in providers {
                line(out, format!("  `{}` {}", provider.package, provider.version));
            }
        }
        Cause::Excluded { request, exclude } => line(out, format!("`{request}` is asked for and excluded by `{exclude}`")),
        Cause::UnknownArchitecture { request, architecture } => {
            line(out, format!("`{request}`: the image has no architecture `{architecture}`"));
        }
        Cause::UnknownSource { request, from } => line(out, format!("`{request}`: no repository or suite is called `{from}`")),
        Cause::UnknownFile { request } => line(out, format!("no package is known to ship `{request}`")),
        Cause::Chain { request, steps, hindrance } => chain(request, steps, hindrance, out),
    }
}

fn line(out: &mut String, text: impl AsRef<str>) {
    if !out.is_empty() {
        out.push('\n');
    }
    out.push_str(text.as_ref());
}

fn list(out: &mut String, available: &[Elsewhere]) {
    // Long lists help nobody; the first are the best.
    const MOST: usize = 8;
    for entry in available.iter().take(MOST) {
        line(out, format!("  there is {entry}"));
    }
    if available.len() > MOST {
        line(out, format!("  and {} more", available.len() - MOST));
    }
}

/// `requested` and the way down, one dependency a line.
fn path(request: &str, steps: &[Step], out: &mut String) {
    let Some(first) = steps.first() else {
        line(out, format!("`{request}` is requested"));
        return;
    };
    match request.strip_prefix("variant ") {
        None if request.is_empty() => {}
        Some(variant) => line(out, format!("variant `{variant}` brings `{}` {}", first.package, first.version)),
        None if request == first.package => line(out, format!("`{request}` {} is requested", first.version)),
        None => line(out, format!("`{request}` is requested: `{}` {}", first.package, first.version)),
    }
    for step in steps {
        if let (Some(field), Some(group)) = (&step.field, &step.group) {
            let only = step.only.as_ref().map_or_else(String::new, |only| format!(", of which only `{only}` can be had"));
            line(out, format!("`{}` {}: {field} `{group}`{only}", step.package, step.version));
        }
    }
}

fn chain(request: &str, steps: &[Step], hindrance: &Hindrance, out: &mut String) {
    match hindrance {
        Hindrance::Missing { group, available } => {
            path(request, steps, out);
            line(out, format!("nothing provides `{group}`"));
            list(out, available);
        }
        Hindrance::Conflict { package, field, relation, other, other_request, because } => {
            match field.as_str() {
                "Version" => line(out, format!("`{package}` is needed in two versions")),
                _ => line(out, format!("`{package}` and `{other}` exclude each other: `{package}` {field} `{relation}`")),
            }
            path(request, steps, out);
            path(other_request, because, out);
        }
        Hindrance::Alternatives { group, each } => {
            path(request, steps, out);
            line(out, format!("no alternative of `{group}` works"));
            for cause in each {
                let mut text = String::new();
                sentence(cause, &mut text);
                for (at, inner) in text.lines().enumerate() {
                    let _ = write!(out, "\n  {}{inner}", if at == 0 { "- " } else { "  " });
                }
            }
        }
        Hindrance::Together { requests } => {
            let all: Vec<String> = requests.iter().map(|request| format!("`{request}`")).collect();
            match all.len() {
                1 => line(out, format!("{} cannot be installed, for reasons that are no single chain", all[0])),
                _ => line(out, format!("these requests do not go together: {}", all.join(", "))),
            }
        }
    }
}

/// What the user could do about it.
pub(super) fn hints(causes: &[Cause]) -> Vec<String> {
    let mut hints = Vec::new();
    causes.iter().for_each(|cause| hint(cause, &mut hints));
    let mut seen = std::collections::BTreeSet::new();
    hints.retain(|hint| seen.insert(hint.clone()));
    hints
}

fn hint(cause: &Cause, hints: &mut Vec<String>) {
    match cause {
        Cause::UnknownPackage { request, similar, elsewhere, .. } => {
            if let [first, rest @ ..] = &similar[..] {
                let rest: String = rest.iter().map(|name| format!(" or `{name}`")).collect();
                hints.push(format!("did you mean `{first}`{rest}?"));
            }
            lift(elsewhere, hints);
            let known = elsewhere.iter().find(|entry| entry.because.is_none() && entry.package != *request);
            hints.extend(known.map(|entry| format!("ask for `{}`", entry.package)));
        }
        Cause::NoVersion { available, request } => {
            let before = hints.len();
            lift(available, hints);
            if hints.len() == before {
                hints.push(format!("add a repository or suite that has `{request}`"));
            }
        }
        Cause::SeveralProviders { providers, .. } => {
            hints.extend(providers.first().map(|provider| format!("ask for one of them, for instance `{}`", provider.package)));
        }
        Cause::Excluded { request, exclude } => hints.push(format!("drop `{request}` from `packages` or `{exclude}` from `exclude`")),
        Cause::UnknownArchitecture { architecture, .. } => hints.push(format!("add \"{architecture}\" to `foreign-arches`")),
        Cause::UnknownSource { .. } => hints.push("name a `[repo.…]` of the manifest or one of its suites after `from`".to_owned()),
        Cause::UnknownFile { .. } => hints.push("ask for the package by name".to_owned()),
        Cause::Chain { request, hindrance, .. } => match hindrance {
            Hindrance::Missing { available, group } => {
                let before = hints.len();
                lift(available, hints);
                if hints.len() == before {
                    hints.push(format!("add a repository or suite that has `{group}`"));
                }
            }
            Hindrance::Conflict { other_request, .. } if request != other_request => {
                let asked: Vec<&String> = [request, other_request].into_iter().filter(|text| !text.is_empty()).collect();
                match asked.iter().find(|text| text.starts_with("variant ")) {
                    None if asked.len() == 2 => hints.push(format!("drop `{request}` or `{other_request}`")),
                    None => {}
                    Some(_) => {
                        let asked = asked.iter().find(|text| !text.starts_with("variant "));
                        let drop = asked.map_or_else(String::new, |text| format!("drop `{text}`, or "));
                        hints.push(format!("{drop}choose a smaller `variant`"));
                    }
                }
            }
            Hindrance::Conflict { .. } => {}
            Hindrance::Alternatives { each, .. } => each.iter().for_each(|cause| hint(cause, hints)),
            Hindrance::Together { requests } if requests.len() > 1 => hints.push("drop one of these requests".to_owned()),
            Hindrance::Together { .. } => {}
        },
    }
}

/// What would let a hidden package be chosen.
fn lift(available: &[Elsewhere], hints: &mut Vec<String>) {
    for entry in available {
        let Elsewhere { package, repo, suite, .. } = entry;
        match &entry.because {
            None => {}
            Some(Because::ImageExclude { exclude }) => hints.push(format!("drop `{exclude}` from the image's `exclude`")),
            Some(Because::RepoExclude { exclude }) => hints.push(format!("drop `{exclude}` from `exclude` of `[repo.{repo}]`")),
            Some(Because::RepoOnly) => hints.push(format!("add `{package}` to `only` of `[repo.{repo}]`")),
            Some(Because::NotAutomatic) => hints.push(format!("ask for `{package} from {suite}`")),
            Some(Because::TooYoung) => hints.push(format!("wait until `{package}` is old enough, or lower `min-age`")),
            Some(Because::Lagging { .. }) => hints.push("let architectures differ with `--allow-skew`".to_owned()),
            Some(Because::Older { .. }) => hints.push(super::GO_BACK.to_owned()),
            Some(Because::Hold { package, version, .. }) => hints.push(format!("lift or change the hold of `{package}` at `{version}`")),
            Some(Because::Priority { repo: other }) => {
                hints.push(format!("give `{repo}` the lower priority number, or exclude `{package}` from `{other}`"));
            }
        }
    }
}
