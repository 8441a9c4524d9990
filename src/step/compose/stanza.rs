//! A control paragraph, and how dpkg's `status` file has it.

use crate::pkg::Relation;

/// Fields in their order, names as written, values with their continuation lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::step) struct Stanza {
    fields: Vec<(String, String)>,
}

/// The order in which dpkg writes the fields that it knows. Others follow in the order of the control file.
const ORDER: [&str; 24] = [
    "Package",
    "Essential",
    "Protected",
    "Status",
    "Priority",
    "Section",
    "Installed-Size",
    "Origin",
    "Maintainer",
    "Bugs",
    "Architecture",
    "Multi-Arch",
    "Source",
    "Version",
    "Replaces",
    "Provides",
    "Depends",
    "Pre-Depends",
    "Recommends",
    "Suggests",
    "Breaks",
    "Conflicts",
    "Enhances",
    "Conffiles",
];

/// Fields of archive indexes, which the database does not keep.
const DROPPED: [&str; 9] =
    ["Filename", "Size", "MD5sum", "MSDOS-Filename", "Config-Version", "Triggers-Pending", "Triggers-Awaited", "Optional", "Revision"];

const RELATIONS: [&str; 9] =
    ["Replaces", "Provides", "Depends", "Pre-Depends", "Recommends", "Suggests", "Breaks", "Conflicts", "Enhances"];

impl Stanza {
    /// Reads one paragraph.
    pub(in crate::step) fn parse(text: &str) -> Result<Self, &'static str> {
        let mut fields: Vec<(String, String)> = Vec::with_capacity(24);
        for line in text.lines() {
            if line.starts_with([' ', '\t']) {
                let (_, value) = fields.last_mut().ok_or("it starts with a continuation line")?;
                value.push('\n');
                value.push_str(line);
            } else if !line.trim().is_empty() {
                let (name, value) = line.split_once(':').ok_or("a line is neither a field nor a continuation")?;
                if name.is_empty() || name.contains(char::is_whitespace) {
                    return Err("a field's name is malformed");
                }
                if fields.iter().any(|(old, _)| old.eq_ignore_ascii_case(name)) {
                    return Err("a field stands twice");
                }
                fields.push((name.to_owned(), value.trim_start().to_owned()));
            }
        }
        // Spaces at the end of a line inside a value stay, as in dpkg's database; those at its end do not.
        for (_, value) in &mut fields {
            value.truncate(value.trim_end().len());
        }
        Ok(Self { fields })
    }

    /// The value of a field, if it is there and not empty.
    pub(in crate::step) fn get(&self, name: &str) -> Option<&str> {
        let field = self.fields.iter().find(|(field, _)| field.eq_ignore_ascii_case(name));
        field.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// The paragraph, as it stood in the package.
    pub(in crate::step) fn to_control(&self) -> String {
        self.fields.iter().map(|(name, value)| format!("{name}:{}{value}\n", if value.starts_with('\n') { "" } else { " " })).collect()
    }

    /// Appends the stanza as dpkg writes it for a package that is unpacked and not configured.
    pub(in crate::step) fn render_status(&self, conffiles: &str, status: &mut String) {
        let mut field = |name: &str, value: &str| {
            status.push_str(name);
            status.push(':');
            // A value that begins on the next line has no space before it.
            if !value.starts_with('\n') {
                status.push(' ');
            }
            status.push_str(value);
            status.push('\n');
        };
        for name in ORDER {
            match name {
                "Status" => field(name, "install ok unpacked"),
                "Conffiles" if !conffiles.is_empty() => field(name, conffiles),
                "Conffiles" => {}
                _ => {
                    let Some(value) = self.get(name) else { continue };
                    if RELATIONS.contains(&name) { field(name, &relations(value)) } else { field(name, value) }
                }
            }
        }
        if let Some(description) = self.get("Description") {
            field("Description", description);
        }
        let known = |name: &str| ORDER.iter().chain(&DROPPED).chain(&["Description"]).any(|known| known.eq_ignore_ascii_case(name));
        for (name, value) in self.fields.iter().filter(|(name, value)| !known(name) && !value.is_empty()) {
            field(name, value);
        }
        status.push('\n');
    }
}

/// A relation field in dpkg's spelling; what cannot be read stays as it stands, on one line.
fn relations(value: &str) -> String {
    match Relation::parse_field(value) {
        Ok(groups) => {
            let alternatives = |group: &Vec<Relation>| group.iter().map(ToString::to_string).collect::<Vec<_>>().join(" | ");
            groups.iter().map(alternatives).collect::<Vec<_>>().join(", ")
        }
        Err(_) => value.split_whitespace().collect::<Vec<_>>().join(" "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_fields_as_dpkg_does() {
        let stanza = Stanza::parse(
            "Package: a\nVersion: 1:2\nHomepage: https://example.org\nArchitecture: armhf\nDepends: b(>=1),\n c | d\nFilename: x\nPriority: optional\nDescription: short\n long\n .\n more\nTag: x\n",
        )
        .unwrap();
        let mut status = String::new();
        stanza.render_status("\n /etc/a 0123", &mut status);
        insta::assert_snapshot!(status, @r"
        Package: a
        Status: install ok unpacked
        Priority: optional
        Architecture: armhf
        Version: 1:2
        Depends: b (>= 1), c | d
        Conffiles:
         /etc/a 0123
        Description: short
         long
         .
         more
        Homepage: https://example.org
        Tag: x
        ");
    }

    #[test]
    fn keeps_spaces_inside_a_value() {
        let stanza = Stanza::parse("Package: a\nDescription: short \n long \n more  \n").unwrap();
        assert_eq!(stanza.get("Description"), Some("short \n long \n more"));
        assert_eq!(stanza.to_control(), "Package: a\nDescription: short \n long \n more\n");
    }

    #[test]
    fn refuses_what_is_no_paragraph() {
        for text in [" a", "a", "a b: c", "A: 1\na: 2", ": x"] {
            assert!(Stanza::parse(text).is_err(), "{text:?}");
        }
    }
}
