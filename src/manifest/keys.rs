//! Every key of a manifest, once: the reader, the JSON Schema and the test of the reference page all go by this table.

/// What a key takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// A string.
    Text(Form),
    /// A list of strings.
    List(Form),
    /// A string, or a list of them.
    TextOrList(Form),
    /// `true` or `false`.
    Bool,
    /// A whole number between the two.
    Integer(i64, i64),
    /// A TOML date.
    Date,
    /// Tables by name: `[repo.NAME]`.
    Named(&'static [Key]),
    /// An array of tables: `[[hold]]`.
    Tables(&'static [Key]),
    /// Numbers by user or group name.
    Ids,
    /// One table: `[image.NAME.checks]`.
    Table(&'static [Key]),
    /// Strings by absolute path.
    ByPath(Form),
    /// A string for every suite of the repository, or strings by suite.
    BySuite(Form),
}

/// What the JSON Schema says about a string; the reader checks the same more closely, with better messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Any text but none.
    Any,
    /// Text that this regular expression matches.
    Pattern(&'static str),
    /// One of these words.
    OneOf(&'static [&'static str]),
}

/// Whether this version can do what the key asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Support {
    /// Yes.
    Now,
    /// Not yet, whatever its value.
    Later(&'static str),
    /// Not yet, unless the list is empty.
    OnlyEmpty(&'static str),
}

/// One key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key {
    /// As it is written.
    pub(super) name: &'static str,
    /// What it takes.
    pub(super) shape: Shape,
    /// Whether it must be there; conditions are the reader's.
    pub(super) required: bool,
    /// The value it has when it is left out, as JSON; empty if it has none.
    pub(super) default: &'static str,
    /// Whether this version can do it.
    pub(super) support: Support,
    /// One sentence for the schema.
    pub(super) summary: &'static str,
}

const RPM: Support = Support::Later("it is for rpm images");

impl Key {
    pub(super) const fn new(name: &'static str, shape: Shape, summary: &'static str) -> Self {
        Self { name, shape, required: false, default: "", support: Support::Now, summary }
    }

    const fn required(self) -> Self {
        Self { required: true, ..self }
    }

    const fn default(self, default: &'static str) -> Self {
        Self { default, ..self }
    }

    const fn support(self, support: Support) -> Self {
        Self { support, ..self }
    }
}

const ARCHITECTURE: Form = Form::Pattern("^[a-z][a-z0-9_-]*$");
/// Names of repositories and images: they become parts of paths and refs.
pub(super) const NAME: &str = "^[A-Za-z0-9_][A-Za-z0-9_-]*$";
/// User and group names that `useradd` and Debian's `adduser` take.
pub(super) const ID_NAME: &str = "^[a-z_][a-z0-9_-]*$";
/// A line of `debconf-set-selections`.
const DEBCONF: &str = r"^\s*[^#\s]\S*\s+\S+\s+(string|boolean|select|multiselect|note|password|text|title|error|seen)(\s.*)?$";
/// A host name as RFC 1123 has it, of one or more parts; systemd takes 64 bytes.
const HOSTNAME: &str = "^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?([.][A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$";
/// Owner and mode.
const PERMISSIONS: &str = r"^\s*(([A-Za-z0-9_.-]+:[A-Za-z0-9_.-]+)(\s+[0-7]{3,4})?|[0-7]{3,4})\s*$";
/// A clean absolute path.
pub(super) const ABSOLUTE: &str = "^/[^/]";
const PATH: Form = Form::Pattern("^[^/]");

/// The archives that have a name (design: base URLs come from mirrors, hosts from no manifest).
pub(super) const ARCHIVES: [&str; 4] = ["debian", "debian-security", "ubuntu", "ubuntu-ports"];
/// The keys that are built in, as `builtin:NAME`.
pub(super) const BUILTIN_KEYS: [&str; 2] = ["debian-bookworm", "debian-trixie"];
/// The values of `variant`, smallest first; [`crate::pkg::Variant::ALL`] in words.
pub(super) const VARIANTS: [&str; 5] = ["custom", "essential", "minbase", "important", "standard"];
/// What becomes of a finding; [`crate::pkg::Severity::ALL`] in words.
pub(super) const SEVERITIES: [&str; 3] = ["off", "warn", "fail"];
/// The values of `trust`.
/// What a `Release` that is too old may be.
pub(super) const MAX_AGE_IS: [&str; 2] = ["warning", "error"];
pub(super) const TRUSTS: [&str; 3] = ["index", "packages", "none"];

/// Largest id that a manifest may fix: the next ones are `(uid_t) -1` and its 16-bit ghost's neighbours.
pub(super) const MAX_ID: i64 = u32::MAX as i64 - 1;

pub(super) const TOP: &[Key] = &[
    Key::new("arches", Shape::List(ARCHITECTURE), "Architectures to build; armhf/armv7hl, arm64/aarch64 and amd64/x86_64 are synonyms.")
        .required(),
    Key::new("foreign-arches", Shape::List(ARCHITECTURE), "Multi-Arch: further architectures inside one root.").default("[]"),
    Key::new("accelerate", Shape::List(ARCHITECTURE), "Host architectures whose native twins speed scripts up; [] turns it off.")
        .support(Support::OnlyEmpty("only `[]` is")),
    Key::new("epoch", Shape::Date, "SOURCE_DATE_EPOCH of scripts and generated files.").default("\"2020-01-01\""),
    Key::new("outside", Shape::List(Form::Any), "Directories outside the project to which links of the project may lead.").default("[]"),
    Key::new(
        "min-age",
        Shape::Text(Form::Pattern("^[0-9]+[hdw]$")),
        "How old packages must be before lock takes them, such as 3d; security updates come at once.",
    ),
    Key::new("platform", Shape::Text(Form::Any), "rpm: the platform of module streams, such as platform:el8.").support(RPM),
    Key::new("releasever", Shape::Text(Form::Any), "rpm: the value of $releasever in URLs.").support(RPM),
    Key::new("repo", Shape::Named(REPO), "Repositories by name.").default("{}"),
    Key::new("image", Shape::Named(IMAGE), "Images by name.").required(),
    Key::new("hold", Shape::Tables(HOLD), "Packages that stay inside a version pattern.").default("[]"),
    Key::new("ids", Shape::Ids, "Fixed user and group ids by name.").default("{}"),
    Key::new("limits", Shape::Table(LIMITS), "What scripts may take."),
];

/// Sizes of [`crate::pkg::Limit`].
const SIZE: Form = Form::Pattern("^0*[1-9][0-9]*(KiB|MiB|GiB)$");

/// The keys of `[limits]`; [`crate::pkg::Limit::ALL`] in words.
pub(super) const LIMITS: &[Key] = &[
    Key::new("processes", Shape::Integer(1, u32::MAX as i64), "Processes and threads of one script at once.").default("4096"),
    Key::new("memory", Shape::Text(SIZE), "Memory of one script with all that it started and what lies in file systems in memory.")
        .default("\"4GiB\""),
    Key::new("file-size", Shape::Text(SIZE), "The size of one file that a script leaves; holes count.").default("\"2GiB\""),
    Key::new("disk", Shape::Text(SIZE), "The sizes of all files that the scripts of a stage write; holes count.").default("\"8GiB\""),
    Key::new("inodes", Shape::Integer(1, u32::MAX as i64), "Files and directories that the scripts of a stage make.").default("500000"),
    Key::new("tmpfs", Shape::Text(SIZE), "The size of each file system in memory: /tmp, /run and /dev/shm.").default("\"2GiB\""),
    Key::new("log", Shape::Text(SIZE), "What one script prints.").default("\"32MiB\""),
    Key::new("script-time", Shape::Text(Form::Pattern("^0*[1-9][0-9]*[hms]$")), "How long one script runs, such as 30m.")
        .default("\"30m\""),
];

pub(super) const REPO: &[Key] = &[
    Key::new(
        "deb",
        Shape::TextOrList(Form::Any),
        "A named archive; or one or more URLs (https, http, file) that are tried in turn; or dir:PATH, a directory of package files.",
    ),
    Key::new("rpm", Shape::TextOrList(Form::Any), "rpm: one or more URLs of a repository.")
        .support(Support::Later("it is for rpm repositories")),
    Key::new(
        "suites",
        Shape::List(Form::Pattern("^[A-Za-z0-9._][A-Za-z0-9._/~+-]*$")),
        "Suites; \"./\" or a path that ends in / for a flat repository.",
    ),
    Key::new("components", Shape::List(Form::Pattern("^[A-Za-z0-9][A-Za-z0-9._/+-]*$")), "Components; none for a flat repository."),
    Key::new("key", Shape::TextOrList(Form::Any), "OpenPGP keys that may sign: builtin:NAME, or files of the project."),
    Key::new("trust", Shape::Text(Form::OneOf(&TRUSTS)), "What is signed.").default("\"index\""),
    Key::new(
        "max-age",
        Shape::BySuite(Form::Pattern("^[0-9]+[hdw]$")),
        "How old a suite's Release may be: 30d, 2w or 36h; for all suites, or by suite.",
    ),
    Key::new("max-age-is", Shape::Text(Form::OneOf(&MAX_AGE_IS)), "What a Release older than max-age is.").default("\"warning\""),
    Key::new(
        "suite-name",
        Shape::BySuite(Form::Any),
        "The Suite or Codename that the Release gives itself, where both differ from the suite's name.",
    ),
    Key::new("only", Shape::List(Form::Any), "Name globs: the repository may supply nothing else.").default("[]"),
    Key::new("exclude", Shape::List(Form::Any), "Name globs: the repository does not supply these.").default("[]"),
    Key::new("priority", Shape::Integer(1, 99), "Lower wins: a name comes from the lowest number that has it, then by version.")
        .default("99"),
    Key::new(
        "snapshot",
        Shape::Text(Form::Pattern(r"^(https?|file):.*\{(timestamp|date|unix|day)\}")),
        "Where past states of the repository lie; {timestamp} stands for the moment, as in 20260102T030405Z.",
    ),
    Key::new("cost", Shape::Integer(0, i32::MAX as i64), "rpm: among repositories with the same package, lower wins.").support(RPM),
    Key::new("module-hotfixes", Shape::Bool, "rpm: packages come in whatever module streams say.").support(RPM),
];

pub(super) const IMAGE: &[Key] = &[
    Key::new("extends", Shape::Text(Form::Pattern(NAME)), "The image whose requests, excludes, overlays and scripts come first."),
    Key::new("arches", Shape::List(ARCHITECTURE), "Architectures of this image, if not all of the manifest's."),
    Key::new(
        "ref",
        Shape::Text(Form::Pattern(
            r"^([A-Za-z0-9_]|\{arch\})([A-Za-z0-9._-]|\{arch\})*(/([A-Za-z0-9_]|\{arch\})([A-Za-z0-9._-]|\{arch\})*)*$",
        )),
        "The release branch in the published repository; {arch} stands for the architecture.",
    ),
    Key::new("variant", Shape::Text(Form::OneOf(&VARIANTS)), "The base set of packages.").default("\"essential\""),
    Key::new("packages", Shape::List(Form::Any), "Requests: names, names with a version relation, file paths.").default("[]"),
    Key::new("exclude", Shape::List(Form::Any), "Name globs of packages that must not come in.").default("[]"),
    Key::new("recommends", Shape::Bool, "Whether Recommends are followed.").default("false"),
    Key::new("overlay", Shape::List(PATH), "Directories copied over the tree.").default("[]"),
    Key::new("scripts", Shape::List(PATH), "Scripts run in the sandbox after configure.").default("[]"),
    Key::new(
        "debconf",
        Shape::List(Form::Pattern(DEBCONF)),
        "Answers to the questions of packages, as debconf-set-selections takes them: owner, question, type, value.",
    )
    .default("[]"),
    Key::new("hostname", Shape::Text(Form::Pattern(HOSTNAME)), "The system's name, in /etc/hostname."),
    Key::new("timezone", Shape::Text(Form::Pattern("^[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*$")), "The time zone, such as Europe/Berlin."),
    Key::new("locale", Shape::Text(Form::Pattern("^[A-Za-z0-9_.@-]+$")), "The value of LANG, such as C.UTF-8."),
    Key::new("authorized-keys", Shape::List(PATH), "Files with public keys of those who may log in as root through SSH.").default("[]"),
    Key::new("permissions", Shape::ByPath(Form::Pattern(PERMISSIONS)), "Owner and mode of single paths: \"root:adm 0640\".").default("{}"),
    Key::new("checks", Shape::Table(CHECKS), "What becomes of findings in the finished tree."),
    Key::new("modules", Shape::List(Form::Any), "rpm: module streams to enable (name:stream) or to disable (!name).").support(RPM),
    Key::new("module-defaults", Shape::Text(Form::OneOf(&["dnf", "none"])), "rpm: whether default streams count.").support(RPM),
    Key::new("best", Shape::Bool, "rpm: whether only the newest version of a request will do.").support(RPM),
];

/// The keys of `[image.NAME.checks]`; [`crate::pkg::TreeCheck::ALL`] in words.
pub(super) const CHECKS: &[Key] = &[
    Key::new("dangling-links", Shape::Text(Form::OneOf(&SEVERITIES)), "Symbolic links that lead nowhere.").default("\"warn\""),
    Key::new("world-writable", Shape::Text(Form::OneOf(&SEVERITIES)), "What everybody may write.").default("\"warn\""),
    Key::new("build-paths", Shape::Text(Form::OneOf(&SEVERITIES)), "The project's own path in what overlays and scripts brought.")
        .default("\"warn\""),
    Key::new("unowned-ids", Shape::Text(Form::OneOf(&SEVERITIES)), "Owners that /etc/passwd and /etc/group do not name.")
        .default("\"warn\""),
    Key::new("set-id", Shape::Text(Form::OneOf(&SEVERITIES)), "Set-id programs that no package ships.").default("\"warn\""),
];

/// The key of [`IMAGE`] that may also end in an architecture.
pub(super) const PER_ARCHITECTURE: &str = "packages";

pub(super) const HOLD: &[Key] = &[
    Key::new("package", Shape::Text(Form::Any), "A glob over binary and source package names.").required(),
    Key::new("version", Shape::Text(Form::Any), "A glob over versions.").required(),
    Key::new("reason", Shape::Text(Form::Any), "Why, usually a link."),
    Key::new("until", Shape::Date, "The last day on which the hold is in force."),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pkg::{Limit, Severity, TreeCheck, Trust, Variant};

    #[test]
    fn words_are_those_of_the_types() {
        assert_eq!(VARIANTS.to_vec(), Variant::ALL.map(Variant::as_str).to_vec());
        assert_eq!(SEVERITIES, Severity::ALL.map(Severity::as_str));
        assert_eq!(CHECKS.iter().map(|key| key.name).collect::<Vec<_>>(), TreeCheck::ALL.map(TreeCheck::as_str));
        for (key, limit) in LIMITS.iter().zip(Limit::ALL) {
            assert_eq!(key.name, limit.as_str());
            assert_eq!(key.default.trim_matches('"'), limit.render(limit.default_value()));
        }
        assert_eq!(LIMITS.len(), Limit::ALL.len());
        assert_eq!(TRUSTS, [Trust::Index, Trust::Packages, Trust::None].map(Trust::as_str));
    }
}
