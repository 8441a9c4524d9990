//! dpkg's `status` file while packages are being configured: who is in which state.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The state of a package, third word of `Status` (dpkg(1), "Package states").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Unpacked,
    HalfConfigured,
    TriggersAwaited,
    TriggersPending,
    Installed,
}

impl State {
    fn as_str(self) -> &'static str {
        match self {
            Self::Unpacked => "unpacked",
            Self::HalfConfigured => "half-configured",
            Self::TriggersAwaited => "triggers-awaited",
            Self::TriggersPending => "triggers-pending",
            Self::Installed => "installed",
        }
    }
}

/// One package of the database.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) state: State,
    /// Trigger names that its `postinst triggered` is to be run for, latest first, as dpkg keeps them.
    pub(super) pending: Vec<String>,
    /// Packages (`name:architecture`) whose triggers it waits for.
    pub(super) awaited: Vec<String>,
    /// Its stanza, cut where the `Status` line stood.
    before: String,
    after: String,
}

/// The database, by `name:architecture`.
#[derive(Clone, Debug, Default)]
pub(super) struct Database {
    records: BTreeMap<String, Record>,
    /// The order of the file.
    order: Vec<String>,
}

impl Database {
    /// Reads a `status` file as compose writes it, with every package unpacked.
    pub(super) fn parse(text: &str) -> Self {
        let mut database = Self::default();
        for stanza in text.split_terminator("\n\n").filter(|stanza| !stanza.trim().is_empty()) {
            let (mut name, mut architecture) = ("", "");
            let (mut before, mut after, mut seen) = (String::new(), String::new(), false);
            for line in stanza.lines() {
                if let Some(value) = line.strip_prefix("Package: ") {
                    name = value;
                } else if let Some(value) = line.strip_prefix("Architecture: ") {
                    architecture = value;
                } else if line.starts_with("Status: ") {
                    seen = true;
                    continue;
                }
                let part = if seen { &mut after } else { &mut before };
                part.push_str(line);
                part.push('\n');
            }
            let key = format!("{name}:{architecture}");
            let record = Record { state: State::Unpacked, pending: vec![], awaited: vec![], before, after };
            database.order.push(key.clone());
            database.records.insert(key, record);
        }
        database
    }

    /// The file's text, in dpkg's layout.
    pub(super) fn render(&self) -> String {
        let mut text = String::new();
        for key in &self.order {
            let Record { state, pending, awaited, before, after } = &self.records[key];
            let _infallible = write!(text, "{before}Status: install ok {}\n{after}", state.as_str());
            // dpkg has both fields last.
            if !pending.is_empty() {
                let _infallible = writeln!(text, "Triggers-Pending: {}", pending.join(" "));
            }
            if !awaited.is_empty() {
                let _infallible = writeln!(text, "Triggers-Awaited: {}", awaited.join(" "));
            }
            text.push('\n');
        }
        text
    }

    pub(super) fn get(&self, key: &str) -> Option<&Record> {
        self.records.get(key)
    }

    pub(super) fn get_mut(&mut self, key: &str) -> Option<&mut Record> {
        self.records.get_mut(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_back_what_it_read() {
        let text = "Package: a\nStatus: install ok unpacked\nArchitecture: armhf\nVersion: 1\n\nPackage: b\nEssential: yes\nStatus: install ok unpacked\nArchitecture: all\nDescription: x\n .\n y\n\n";
        let mut database = Database::parse(text);
        assert_eq!(database.render(), text);
        database.get_mut("b:all").unwrap().state = State::Installed;
        database.get_mut("a:armhf").unwrap().pending = vec!["ldconfig".into()];
        let text = database.render();
        assert!(text.contains("Essential: yes\nStatus: install ok installed\n"), "{text}");
        assert!(text.contains("Version: 1\nTriggers-Pending: ldconfig\n\n"), "{text}");
    }
}
