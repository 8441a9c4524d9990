//! `pintree doctor`: what this host lacks, and the command that mends it.

use super::{Error, Session, drivers, network};
use crate::manifest::Manifest;
use crate::pkg::{Architecture, Trust};
use crate::repo::{ARCHIVES, Cache, Client, ClientOptions, ErrorKind, Limit, MirrorSettings, Mirrors, Url, join, shown};
use crate::sandbox::{self, Finding, State};
use crate::util::command::run_checked;
use rustix::fs::{Mode, OFlags, XattrFlags};
use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

/// `restat`, response files and job pools as we use them are older; this is what the oldest supported Debian has.
const NINJA: (u32, u32) = (1, 8);

/// An image of some hundred packages needs about so much.
const SPACE: u64 = 1 << 30;

/// A mirror must answer within this time to count as reachable.
const PATIENCE: Duration = Duration::from_secs(5);

/// A clock that is behind by more than an index may be ahead of it.
const BEHIND: Duration = Duration::from_secs(60 * 60);

/// The largest `Release` that is asked for, to see whether a mirror answers.
const MAX_RELEASE: u64 = 16 << 20;

/// Looks at everything that a build needs.
pub fn doctor(session: &mut Session<'_>) -> Vec<Finding> {
    let mut found = vec![ninja(), companion(), file_system(session), space(session), cache(session), clock(session)];
    let (manifests, finding) = manifests(session);
    found.push(finding);
    found.push(apt_sources());
    for manifest in &manifests {
        found.extend(trust(manifest));
    }
    found.extend(git_drivers(session));
    found.extend(sandbox(session, &manifests));
    found.extend(mirrors(session, &manifests));
    found
}

fn ninja() -> Finding {
    let install = "apt-get install ninja-build";
    let version = match run_checked(Command::new("ninja").arg("--version")) {
        Ok(output) => String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        Err(error) => return Finding::new("ninja", State::Missing, error.to_string(), install),
    };
    let mut numbers = version.split('.').map(|number| number.parse::<u32>().unwrap_or_default());
    let parsed = (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default());
    if parsed >= NINJA {
        return Finding::new("ninja", State::Ok, format!("version {version}"), "");
    }
    Finding::new("ninja", State::Missing, format!("version {version} is older than {}.{}", NINJA.0, NINJA.1), install)
}

fn companion() -> Finding {
    let name = "pintree-ostree";
    let path = std::env::current_exe().map(|program| program.with_file_name(name)).unwrap_or_else(|_| PathBuf::from(name));
    match path.is_file() {
        true => Finding::new(name, State::Ok, "beside pintree", ""),
        false => {
            let mend = "cargo build --release, which builds both programs, and keep them together";
            Finding::new(name, State::Missing, format!("`{}` does not exist", path.display()), mend)
        }
    }
}

/// Whether git merges lockfiles with this program, where the project asks for it.
fn git_drivers(session: &Session<'_>) -> Option<Finding> {
    let subject = "git drivers";
    match drivers::is_configured(session) {
        Ok(None) => None,
        Ok(Some(true)) => Some(Finding::new(subject, State::Ok, "git merges lockfiles by solving".to_owned(), "")),
        Ok(Some(false)) => {
            let text = "`.gitattributes` names drivers that this checkout does not have; git merges lockfiles line by line".to_owned();
            Some(Finding::new(subject, State::Note, text, "pintree init --git-drivers"))
        }
        Err(error) => Some(Finding::new(subject, State::Note, error.to_string(), "")),
    }
}

/// The directory that is there already and in which the store lies or will lie.
fn place(session: &Session<'_>) -> PathBuf {
    let store = session.project.store();
    // The current directory's path is empty, which the system does not take.
    let named = |path| if path == Path::new("") { Path::new(".") } else { path };
    let temporary = store.join("tmp");
    temporary.ancestors().map(named).find(|path| path.is_dir()).unwrap_or(Path::new(".")).to_owned()
}

fn file_system(session: &Session<'_>) -> Finding {
    let subject = "file system";
    let place = place(session);
    let elsewhere = "put the project on ext4, xfs or btrfs; on tmpfs user xattrs need Linux 6.6";
    let name = place.join(format!(".pintree-doctor-{}", std::process::id()));
    let link = name.with_extension("link");
    let tried = (|| -> Result<(), (&str, std::io::Error)> {
        let file = File::create(&name).map_err(|error| ("cannot be written to", error))?;
        rustix::fs::fsetxattr(&file, "user.pintree", b"x", XattrFlags::empty())
            .map_err(|error| ("has no user xattrs", std::io::Error::from(error)))?;
        std::fs::hard_link(&name, &link).map_err(|error| ("has no hard links", error))
    })();
    // What was not made cannot be removed.
    let _unused = (std::fs::remove_file(&link), std::fs::remove_file(&name));
    if let Err((what, error)) = tried {
        return Finding::new(subject, State::Missing, format!("`{}` {what}: {error}", place.display()), elsewhere);
    }
    let unnamed = rustix::fs::open(&place, OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC, Mode::RUSR | Mode::WUSR);
    match unnamed {
        Ok(_) => Finding::new(subject, State::Ok, format!("`{}` has user xattrs, hard links and unnamed files", place.display()), ""),
        Err(_) => Finding::new(subject, State::Note, format!("`{}` has no unnamed files; named ones are used", place.display()), ""),
    }
}

fn space(session: &Session<'_>) -> Finding {
    let place = place(session);
    let subject = "free space";
    match rustix::fs::statvfs(&place) {
        Ok(stat) => {
            let free = stat.f_bavail.saturating_mul(stat.f_frsize);
            let text = format!("{:.1} GB in `{}`", free as f64 / 1e9, place.display());
            match free >= SPACE {
                true => Finding::new(subject, State::Ok, text, ""),
                false => Finding::new(subject, State::Missing, text, "pintree gc, or make room"),
            }
        }
        Err(error) => Finding::new(subject, State::Note, format!("unknown: {}", std::io::Error::from(error)), ""),
    }
}

fn cache(session: &Session<'_>) -> Finding {
    let directory = &session.cache;
    let probe = directory.join(format!(".doctor-{}", std::process::id()));
    let written = std::fs::create_dir_all(directory).and_then(|()| File::create(&probe)).and_then(|_| std::fs::remove_file(&probe));
    match written {
        Ok(()) => Finding::new("cache", State::Ok, format!("`{}` can be written to", directory.display()), ""),
        Err(error) => {
            let text = format!("`{}` cannot be written to: {error}", directory.display());
            Finding::new("cache", State::Missing, text, "set XDG_CACHE_HOME to a directory of yours")
        }
    }
}

/// Signatures and indexes are judged by the clock.
fn clock(session: &Session<'_>) -> Finding {
    let now = session.now;
    let newest = Cache::new(&session.cache).newest_date().and_then(|date| u64::try_from(date).ok());
    let newest = newest.map(|seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
    let show = |time: SystemTime| {
        jiff::Timestamp::try_from(time).map_or_else(|_| "unknown".to_owned(), |time| time.strftime("%Y-%m-%d %H:%M UTC").to_string())
    };
    match newest {
        Some(newest) if newest > now + BEHIND => {
            let text = format!("it is {} here, and an index is of {}", show(now), show(newest));
            Finding::new("clock", State::Missing, text, "set the clock: timedatectl set-ntp true")
        }
        _ => Finding::new("clock", State::Ok, "not behind any index that was read", ""),
    }
}

fn manifests(session: &Session<'_>) -> (Vec<Manifest>, Finding) {
    let paths = match session.project.manifests() {
        Ok(paths) => paths,
        Err(Error::NoManifests { directory }) => {
            let text = format!("there is none in `{}`", directory.display());
            return (vec![], Finding::new("manifests", State::Note, text, "pintree init"));
        }
        Err(error) => return (vec![], Finding::new("manifests", State::Missing, error.to_string(), "")),
    };
    let mut good = vec![];
    let mut bad = vec![];
    for path in &paths {
        match session.project.load(path) {
            Ok(manifest) => good.push(manifest),
            Err(_) => bad.push(format!("`{}`", path.display())),
        }
    }
    let found = if bad.is_empty() {
        Finding::new("manifests", State::Ok, format!("{} can be read", paths.len()), "")
    } else {
        Finding::new(
            "manifests",
            State::Missing,
            format!("cannot read {}", bad.join(", ")),
            "pintree lock --check says what is wrong in them",
        )
    };
    (good, found)
}

/// Which mirror the host's own apt configuration names.
fn apt_sources() -> Finding {
    let subject = "apt sources";
    let of = |host_root| Mirrors::discover(&MirrorSettings { host_root, ..MirrorSettings::default() });
    let (with, without) = match (of(Some(PathBuf::from("/"))), of(None)) {
        (Ok(with), Ok(without)) => (with, without),
        (Err(error), _) | (_, Err(error)) => return Finding::new(subject, State::Note, error.to_string(), ""),
    };
    let addresses = |mirrors: &Mirrors, archive: &str| mirrors.addresses(archive).map(<[Url]>::to_vec).unwrap_or_default();
    let named: Vec<String> = ARCHIVES
        .iter()
        .filter_map(|archive| {
            let found = addresses(&with, archive);
            let first = found.first().filter(|_| found != addresses(&without, archive))?;
            Some(format!("{archive} at {}", shown(first)))
        })
        .collect();
    if named.is_empty() {
        return Finding::new(subject, State::Note, "they name no mirror; the built-in ones are used", "");
    }
    Finding::new(subject, State::Ok, named.join(", "), "")
}

fn trust(manifest: &Manifest) -> Vec<Finding> {
    let bare = manifest.repos.values().filter(|repo| repo.steering.trust == Trust::None);
    bare.map(|repo| {
        Finding::new("trust", State::Note, format!("repository `{}` of `{}` is used without a signature", repo.name, manifest.name), "")
    })
    .collect()
}

/// Tries what maintainer scripts need: namespaces, owners, overlays, and an emulator for each architecture.
fn sandbox(session: &Session<'_>, manifests: &[Manifest]) -> Vec<Finding> {
    let architectures: BTreeSet<Architecture> =
        manifests.iter().flat_map(|manifest| manifest.arches.iter().chain(&manifest.foreign_arches).cloned()).collect();
    let architectures: Vec<Architecture> = architectures.into_iter().collect();
    sandbox::survey(&architectures, &place(session))
}

/// Asks the first address of every repository for a `Release`.
fn mirrors(session: &Session<'_>, manifests: &[Manifest]) -> Vec<Finding> {
    let subject = "mirror";
    if session.offline {
        return vec![Finding::new(subject, State::Note, "not tried, because of --offline", "")];
    }
    let known = match network::mirrors(session) {
        Ok(known) => known,
        Err(error) => return vec![Finding::new(subject, State::Missing, error.to_string(), "")],
    };
    let (client, _) = network::client(false, None);
    let options = ClientOptions { tries: 1, connect_timeout: PATIENCE, read_timeout: PATIENCE, ..client.options().clone() };
    let client = Client::new(options);
    let mut tried = BTreeSet::new();
    let mut found = vec![];
    for (manifest, repo) in manifests.iter().flat_map(|manifest| manifest.repos.values().map(move |repo| (manifest, repo))) {
        let base = match network::addresses(&known, repo) {
            Ok(addresses) => addresses.into_iter().next(),
            Err(error) => {
                found.push(Finding::new(
                    subject,
                    State::Missing,
                    format!("repository `{}` of `{}`: {error}", repo.name, manifest.name),
                    "",
                ));
                continue;
            }
        };
        let Some((base, suite)) = base.zip(repo.steering.suites.first()) else { continue };
        let directory = if repo.is_flat() { join(&base, suite) } else { join(&base, &format!("dists/{suite}")) };
        if !tried.insert(shown(&base)) {
            continue;
        }
        let mut body = Vec::new();
        found.push(match client.get(&join(&directory, "Release"), Limit::AtMost(MAX_RELEASE), &mut body) {
            Err(error) if error.kind() != ErrorKind::Missing || base.scheme() == "file" => {
                let mend = "pintree --mirror ARCHIVE=URL, or mirrors.toml; --offline uses what is there";
                Finding::new(subject, State::Missing, format!("{} of repository `{}`: {error}", shown(&base), repo.name), mend)
            }
            // A server without this file answers, too; whether it has the suite is the question of `lock`.
            _ => Finding::new(subject, State::Ok, format!("{} answers", shown(&base)), ""),
        });
    }
    found
}
