//! How this run talks to servers, put together from the session and the environment.

use super::{Error, Session};
use crate::manifest::Repo;
use crate::repo::{Client, ClientOptions, Credentials, MirrorSettings, Mirrors, Proxies, Url, Warning};
use std::path::PathBuf;

/// A client with the environment's proxies and credentials, and what is odd about those.
///
/// `slots` bounds connections over all processes that name the same directory.
pub fn client(offline: bool, slots: Option<(PathBuf, usize)>) -> (Client, Vec<Warning>) {
    let (credentials, warnings) = Credentials::from_environment(variables());
    let proxies = Proxies::from_environment(|name| std::env::var(name).ok());
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

/// The environment, without what is not text.
fn variables() -> Vec<(String, String)> {
    std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))).collect()
}
