//! Holds and their last days.

use super::Session;
use crate::manifest::Manifest;
use crate::pkg::Hold;
use std::fmt;

/// A hold that holds nothing any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expired {
    /// The manifest's name.
    pub manifest: String,
    /// The hold.
    pub hold: Hold,
}

impl fmt::Display for Expired {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Hold { package, version, reason, until } = &self.hold;
        let until = until.as_deref().unwrap_or_default();
        write!(f, "`{}`: the hold on `{package}` at `{version}` ran out on {until} and holds nothing any more", self.manifest)?;
        reason.as_ref().map_or(Ok(()), |reason| write!(f, " ({reason})"))
    }
}

/// The holds in force today; each that has run out is told.
pub fn active(session: &mut Session<'_>, manifest: &Manifest) -> Vec<Hold> {
    for expired in expired(session, manifest) {
        session.talk.warn(&expired.to_string());
    }
    let today = today(session);
    manifest.holds.iter().filter(|hold| !is_over(hold, &today)).cloned().collect()
}

/// The holds that have run out.
pub fn expired(session: &Session<'_>, manifest: &Manifest) -> Vec<Expired> {
    let today = today(session);
    let over = manifest.holds.iter().filter(|hold| is_over(hold, &today));
    over.map(|hold| Expired { manifest: manifest.name.clone(), hold: hold.clone() }).collect()
}

fn is_over(hold: &Hold, today: &str) -> bool {
    hold.until.as_deref().is_some_and(|until| until < today)
}

fn today(session: &Session<'_>) -> String {
    jiff::Timestamp::try_from(session.now).map(|now| now.strftime("%Y-%m-%d").to_string()).unwrap_or_default()
}
