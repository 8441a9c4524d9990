//! How this run talks to servers, put together from the session and the environment.

use super::{Error, Session};
use crate::manifest::Repo;
use crate::repo::{Client, ClientOptions, Credentials, MirrorSettings, Mirrors, Proxies, Url, Warning};
use crate::util::environment;
use rustix::fs::MemfdFlags;
use std::ffi::OsString;
use std::fs::File;
use std::io::Write as _;
use std::os::fd::AsRawFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

/// A client with the environment's proxies and credentials, and what is odd about those.
///
/// `slots` bounds connections over all processes that name the same directory.
pub fn client(offline: bool, slots: Option<(PathBuf, usize)>) -> (Client, Vec<Warning>) {
    client_of(variables(), offline, slots)
}

/// As [`client`], for a step: where a build has handed on who we are, that counts.
///
/// # Errors
/// When what was handed on cannot be read.
pub fn step_client(offline: bool, slots: Option<(PathBuf, usize)>) -> std::io::Result<(Client, Vec<Warning>)> {
    let variables = match std::env::var(environment::VARIABLE) {
        Ok(descriptor) => handed_on(&descriptor)?,
        Err(_) => variables(),
    };
    Ok(client_of(variables, offline, slots))
}

fn client_of(variables: Vec<(String, String)>, offline: bool, slots: Option<(PathBuf, usize)>) -> (Client, Vec<Warning>) {
    let proxies = Proxies::from_environment(|name| variables.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone()));
    let (credentials, warnings) = Credentials::from_environment(variables);
    (Client::new(ClientOptions { offline, proxies, credentials, slots, ..ClientOptions::default() }), warnings)
}

/// Where the named archives lie, for this project on this host.
pub fn mirrors(session: &Session<'_>) -> Result<Mirrors, Error> {
    let project = session.project.root().join("mirrors.toml");
    let user = session.config.as_ref().map(|config| config.join("mirrors.toml"));
    Ok(Mirrors::discover(&MirrorSettings {
        arguments: session.mirrors.clone(),
        environment: variables(),
        files: std::iter::once(project).chain(user).collect(),
        host_root: Some(PathBuf::from("/")),
    })?)
}

/// Where a repository of a manifest lies.
pub fn addresses(mirrors: &Mirrors, repo: &Repo) -> Result<Vec<Url>, Error> {
    match &repo.steering.archive {
        Some(archive) => Ok(mirrors.addresses(archive)?.to_vec()),
        None => {
            let parse = |text: &String| Url::parse(text).map_err(|_| crate::repo::Error::Scheme { url: repo.name.clone() });
            Ok(repo.urls.iter().map(parse).collect::<Result<_, _>>()?)
        }
    }
}

/// Puts what says who we are into a file in memory that children inherit: an environment can be read for as long as the
/// process runs, and is handed on to whatever it starts. Gives what keeps it there, and the variable that names it.
pub fn hand_on() -> std::io::Result<(File, (&'static str, OsString))> {
    let mut text = vec![];
    for (name, value) in std::env::vars_os().filter(|(name, _)| environment::is_credential(name)) {
        text.extend([name.as_bytes(), b"=", value.as_bytes(), b"\0"].concat());
    }
    let mut file = File::from(rustix::fs::memfd_create("pintree-credentials", MemfdFlags::empty())?);
    file.write_all(&text)?;
    let variable = (environment::VARIABLE, file.as_raw_fd().to_string().into());
    Ok((file, variable))
}

fn handed_on(descriptor: &str) -> std::io::Result<Vec<(String, String)>> {
    let number: u32 = descriptor.parse().map_err(std::io::Error::other)?;
    // Opened anew, because several steps share the place in one that is inherited.
    let text = std::fs::read(format!("/proc/self/fd/{number}"))?;
    let variable = |entry: &[u8]| {
        let (name, value) = str::from_utf8(entry).ok()?.split_once('=')?;
        Some((name.to_owned(), value.to_owned()))
    };
    Ok(text.split(|byte| *byte == 0).filter_map(variable).collect())
}

/// The environment, without what is not text.
fn variables() -> Vec<(String, String)> {
    std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))).collect()
}
