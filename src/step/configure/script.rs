//! Runs maintainer scripts in the sandbox, with the environment that dpkg gives them.

use super::Error;
use super::engine::{Call, Root};
use super::unpack::DATABASE;
use crate::sandbox::{self, Command, Ended, Limits, Sandbox};
use crate::step::log::Log;
use std::collections::{BTreeMap, BTreeSet};

/// What every program in the sandbox sees; nothing of the caller's environment.
pub(in crate::step) const ENVIRONMENT: &[(&str, &str)] = &[
    ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
    ("HOME", "/root"),
    ("SHELL", "/bin/sh"),
    ("TERM", "dumb"),
    ("LC_ALL", "C.UTF-8"),
    ("DEBIAN_FRONTEND", "noninteractive"),
    ("DEBCONF_NONINTERACTIVE_SEEN", "true"),
    // Tables in these languages come in another order each time otherwise.
    ("PERL_HASH_SEED", "0"),
    ("PYTHONHASHSEED", "0"),
];

/// Where dpkg has the control members of a package that it is unpacking, and runs `preinst` from. debconf finds the package
/// that asks by the file `control` there.
const CONTROL: &str = "var/lib/dpkg/tmp.ci";

/// What lies in [`CONTROL`] while the `preinst` of a package runs.
pub(super) struct Unpacking {
    /// The control paragraph.
    pub(super) control: String,
    /// The names of the other members, as `preinst`, `templates`.
    pub(super) members: Vec<String>,
}

/// Keeps services from being started (invoke-rc.d(8)).
const POLICY: &str = "usr/sbin/policy-rc.d";

/// The root as the rules of configuring see it.
pub(super) struct Scripts<'a> {
    pub(super) sandbox: &'a Sandbox,
    pub(super) root: &'a sandbox::Root,
    pub(super) log: &'a mut Log,
    /// Which scripts there are, as `name:architecture.script`.
    pub(super) known: &'a BTreeSet<String>,
    /// The name of each package's files below `info`, by `name:architecture`.
    pub(super) info_names: &'a BTreeMap<String, String>,
    pub(super) epoch: &'a str,
    /// The control paragraphs and members of packages that have a `preinst`, by `name:architecture`.
    pub(super) unpacking: &'a BTreeMap<String, Unpacking>,
    /// The version of the image's dpkg.
    pub(super) dpkg_version: &'a str,
    /// What ran, as `PACKAGE SCRIPT ARGUMENTS`.
    pub(super) ran: &'a mut Vec<String>,
    /// What each of them may take.
    pub(super) limits: Limits,
}

impl Scripts<'_> {
    /// Says after which script something stands in the tree that cannot be used.
    fn left(&self, source: sandbox::Error) -> Error {
        match self.ran.last() {
            Some(script) if source.is_left() => Error::Left { script: script.clone(), source },
            _ => source.into(),
        }
    }

    /// Runs `work` while no service can be started.
    pub(super) fn without_services<T>(root: &sandbox::Root, work: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
        // What starts services and asks the policy lies there too.
        if !root.exists("usr/sbin") {
            return work();
        }
        let old = root.read(POLICY)?;
        root.write(POLICY, b"#!/bin/sh\nexit 101\n", 0o755)?;
        let result = work()?;
        match old {
            Some(content) => root.write(POLICY, &content, 0o755)?,
            None => drop(root.remove(POLICY)?),
        }
        Ok(result)
    }

    /// Copies a package's control members to where they are while it is unpacked.
    fn lay_out(&self, info: &str, unpacking: &Unpacking) -> Result<(), Error> {
        self.root.make_directory(CONTROL, 0o755)?;
        self.root.write(&format!("{CONTROL}/control"), unpacking.control.as_bytes(), 0o644)?;
        for member in &unpacking.members {
            let path = format!("{DATABASE}/info/{info}.{member}");
            let mode = if self.root.is_executable(&path) { 0o755 } else { 0o644 };
            if let Some(content) = self.root.read(&path)? {
                self.root.write(&format!("{CONTROL}/{member}"), &content, mode)?;
            }
        }
        Ok(())
    }

    fn clear(&self, unpacking: &Unpacking) -> Result<(), Error> {
        for member in unpacking.members.iter().map(String::as_str).chain(["control"]) {
            self.root.remove(&format!("{CONTROL}/{member}"))?;
        }
        self.root.remove(CONTROL)?;
        Ok(())
    }

    /// Answers debconf's questions before any script asks them.
    pub(super) fn preseed(&mut self, lines: &[String]) -> Result<(), Error> {
        const PROGRAM: &str = "usr/bin/debconf-set-selections";
        if !self.root.exists(PROGRAM) {
            return Err(Error::NoDebconf);
        }
        let input: String = lines.iter().map(|line| format!("{line}\n")).collect();
        let mut environment = ENVIRONMENT.to_vec();
        environment.push(("SOURCE_DATE_EPOCH", self.epoch));
        let command = Command {
            program: "/usr/bin/debconf-set-selections",
            arguments: &[],
            environment: &environment,
            directory: "/",
            input: Some(input.as_bytes()),
            limits: self.limits,
        };
        let ended = self.log.run::<Error>("debconf set-selections", self.sandbox, self.root, &command)?;
        if ended == Ended::Exit(0) {
            return Ok(());
        }
        self.log.refuse_full(&ended)?;
        Err(Error::Debconf { ended, output: self.log.tail() })
    }
}

impl Root for Scripts<'_> {
    fn has(&self, package: &str, script: &str) -> bool {
        self.known.contains(&format!("{package}.{script}"))
    }

    fn write_status(&mut self, status: &str) -> Result<(), Error> {
        self.root.write(&format!("{DATABASE}/status"), status.as_bytes(), 0o644).map_err(|source| self.left(source))
    }

    fn run(&mut self, call: &Call<'_>) -> Result<(), Error> {
        let (name, architecture) = call.package.rsplit_once(':').unwrap_or((call.package, ""));
        let info = self.info_names.get(call.package).map_or(name, String::as_str);
        let instances = self.info_names.keys().filter(|key| key.rsplit_once(':').is_some_and(|(other, _)| other == name)).count();
        let instances = instances.to_string();
        let mut environment = ENVIRONMENT.to_vec();
        // dpkg(1), "External environment", of what maintainer scripts see.
        environment.extend([
            ("SOURCE_DATE_EPOCH", self.epoch),
            ("DPKG_MAINTSCRIPT_PACKAGE", name),
            ("DPKG_MAINTSCRIPT_PACKAGE_REFCOUNT", &instances),
            ("DPKG_MAINTSCRIPT_ARCH", architecture),
            ("DPKG_MAINTSCRIPT_NAME", call.script),
            ("DPKG_MAINTSCRIPT_DEBUG", "0"),
            ("DPKG_RUNNING_VERSION", self.dpkg_version),
            ("DPKG_ADMINDIR", "/var/lib/dpkg"),
            ("DPKG_ROOT", ""),
        ]);
        let unpacking = self.unpacking.get(call.package).filter(|_| call.script == "preinst");
        let program = match unpacking {
            Some(unpacking) => {
                self.lay_out(info, unpacking)?;
                format!("/{CONTROL}/{}", call.script)
            }
            None => format!("/{DATABASE}/info/{info}.{}", call.script),
        };
        let arguments: Vec<&str> = call.arguments.iter().map(String::as_str).collect();
        let command = Command {
            program: &program,
            arguments: &arguments,
            environment: &environment,
            directory: "/",
            input: None,
            limits: self.limits,
        };
        let script = format!("{} {}", call.script, call.arguments.join(" ")).trim_end().to_owned();
        let title = format!("{} {script}", call.package);
        let ended = self.log.run::<Error>(&title, self.sandbox, self.root, &command)?;
        if ended != Ended::Exit(0) {
            self.log.refuse_full(&ended)?;
            let (output, log) = (self.log.tail(), self.log.path().to_owned());
            return Err(Error::Script { package: call.package.to_owned(), script, ended, output, log });
        }
        if let Some(unpacking) = unpacking {
            self.clear(unpacking)?;
        }
        self.ran.push(title);
        Ok(())
    }

    fn take_deferred(&mut self) -> Result<String, Error> {
        let path = format!("{DATABASE}/triggers/Unincorp");
        let text = self.root.read(&path).map_err(|source| self.left(source))?.unwrap_or_default();
        if !text.is_empty() {
            self.root.write(&path, b"", 0o644).map_err(|source| self.left(source))?;
        }
        Ok(String::from_utf8_lossy(&text).into_owned())
    }
}
