//! The command-line reference as Markdown, from the same definitions as `--help`.

use clap::{Arg, Command};
use std::fmt::Write as _;

const CODES: [(u8, &str); 10] = [
    (0, "done"),
    (
        1,
        "findings: a stale lockfile with `--check` or `--locked`, a failed check of `verify`, `why` of a package that is not in the image, a change with `diff --exit-code`, several candidates of `bisect`, a night of `bot` in which all is held back",
    ),
    (2, "usage, or a faulty manifest"),
    (3, "no solution, or a requested package that no repository has"),
    (4, "network, or a package that is nowhere to be found"),
    (5, "integrity: a wrong checksum, signature or server certificate, a hostile package"),
    (6, "a build step failed"),
    (7, "the host lacks something"),
    (8, "anything else: disk full, input or output, held by another run"),
    (130, "interrupted"),
];

const VARIABLES: [(&str, &str); 11] = [
    ("CI", "`true` makes `build` refuse to change a lockfile, as `--locked` does"),
    ("PINTREE_BUILD_DIR", "the one directory to which `_build` may be a link; a build enters no other link there"),
    ("PINTREE_MIRROR_NAME", "a base URL of the named archive, for example `PINTREE_MIRROR_DEBIAN_SECURITY`"),
    (
        "PINTREE_OWNERSHIP",
        "how the sandbox keeps owners of files: `root`, `subordinate` or `recorded`; the best that the host has if not set",
    ),
    ("XDG_CACHE_HOME", "verified indexes are kept in `pintree` below it; `~/.cache` if unset"),
    ("XDG_CONFIG_HOME", "the user's `pintree/mirrors.toml` lies below it; `~/.config` if unset"),
    ("http_proxy, https_proxy, all_proxy, no_proxy", "proxies"),
    ("NETRC", "the file with credentials; `~/.netrc` if unset"),
    (
        "PINTREE_TOKEN_HOST",
        "a bearer token for one host over https: its name in upper case, `_` for `.` and `__` for `-`, for example `PINTREE_TOKEN_PACKAGES_EXAMPLE_COM`; a name with other characters is `_` and their hexadecimal numbers",
    ),
    ("SSL_CERT_FILE, SSL_CERT_DIR", "certificate authorities that vouch for https servers, in place of the host's"),
    ("NO_COLOR", "not empty: no colour"),
];

/// Renders the reference of `command` and its visible verbs.
pub fn markdown(command: &Command) -> String {
    let mut command = command.clone().term_width(100);
    command.build();
    let mut text = String::from(
        "# Command line\n\nGenerated from `pintree --help` by `pintree util cli-markdown`; a test keeps it in step.\n\n\
         Results go to stdout, talk to stderr.\n",
    );
    section(&mut text, &command, "Every verb takes these options");
    for verb in command.get_subcommands().filter(|verb| !verb.is_hide_set()) {
        section(&mut text, verb, "");
    }
    text.push_str("\n## Exit codes\n\n| code | meaning |\n|---|---|\n");
    for (code, meaning) in CODES {
        line(&mut text, format_args!("| {code} | {meaning} |"));
    }
    text.push_str("\n## Environment\n\n| variable | meaning |\n|---|---|\n");
    for (name, meaning) in VARIABLES {
        line(&mut text, format_args!("| `{name}` | {meaning} |"));
    }
    text
}

fn section(text: &mut String, command: &Command, options: &str) {
    let top = !options.is_empty();
    let name = if top { "pintree".to_owned() } else { format!("pintree {}", command.get_name()) };
    line(text, format_args!("\n## `{name}`\n"));
    if let Some(about) = command.get_long_about().or(command.get_about()) {
        line(text, format_args!("{about}\n"));
    }
    let usage = command.clone().render_usage().to_string();
    line(text, format_args!("```\n{}\n```", usage.trim_start_matches("Usage: ")));
    let arguments: Vec<&Arg> = command.get_arguments().filter(|arg| !arg.is_hide_set() && (top || !arg.is_global_set())).collect();
    if !arguments.is_empty() {
        line(text, format_args!("\n| {} | |\n|---|---|", if top { options } else { "argument" }));
    }
    for arg in arguments {
        let help = arg.get_long_help().or(arg.get_help()).map(ToString::to_string).unwrap_or_default();
        let cell = |words: &str| words.replace('\n', " ").replace('|', "\\|");
        line(text, format_args!("| `{}` | {}{} |", cell(&spelling(arg)), cell(&help), choices(arg)));
    }
    if let Some(after) = command.get_after_help() {
        line(text, format_args!("\n```\n{after}\n```"));
    }
}

/// `-C, --directory <DIR>`
fn spelling(arg: &Arg) -> String {
    arg.get_short().map_or_else(|| arg.to_string(), |short| format!("-{short}, {arg}"))
}

/// What the argument may be, where that is one of few words.
fn choices(arg: &Arg) -> String {
    let values = if arg.get_action().takes_values() { arg.get_possible_values() } else { vec![] };
    let words: Vec<String> = values.iter().filter(|value| !value.is_hide_set()).map(|value| format!("`{}`", value.get_name())).collect();
    if words.is_empty() { String::new() } else { format!(": {}", words.join(", ")) }
}

fn line(text: &mut String, line: std::fmt::Arguments<'_>) {
    text.write_fmt(line).expect("writing to a String cannot fail");
    text.push('\n');
}
