//! A writer for ninja's file format (ninja manual, "Ninja file reference").

use std::fmt::Write as _;

/// Builds the text of a ninja file.
///
/// Paths and values are escaped here and nowhere else. Lines are never wrapped: ninja does not care, and a change of one
/// name then changes one line.
#[derive(Debug, Default)]
pub struct Writer {
    text: String,
}

/// Escapes a path for a `build` or `include` line: `$`, space and `:` would end it.
///
/// ninja has no escape for `|` and line breaks in a path. Callers construct paths from checked names, so none gets here.
pub fn escape_path(path: &str) -> String {
    debug_assert!(!path.contains(['\n', '|']), "ninja has no escape for these in a path: {path:?}");
    let mut text = String::with_capacity(path.len());
    for c in path.chars() {
        if matches!(c, '$' | ' ' | ':') {
            text.push('$');
        }
        text.push(c);
    }
    text
}

/// Escapes the value of a variable: only `$` is special, and leading spaces, which ninja would strip.
pub fn escape_value(value: &str) -> String {
    debug_assert!(!value.contains('\n'), "ninja has no escape for a line break in a value");
    let escaped = value.replace('$', "$$");
    match escaped.strip_prefix(' ') {
        Some(rest) => format!("$ {rest}"),
        None => escaped,
    }
}

impl Writer {
    /// Starts an empty file.
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes a comment, one `#` a line.
    pub fn comment(&mut self, text: &str) {
        for line in text.lines() {
            self.line(format_args!("# {line}"));
        }
    }

    /// Writes an empty line.
    pub fn blank(&mut self) {
        self.text.push('\n');
    }

    /// Sets a variable at file scope.
    pub fn variable(&mut self, name: &str, value: &str) {
        self.line(format_args!("{name} = {}", escape_value(value)));
    }

    /// Includes another file in the same scope.
    pub fn include(&mut self, path: &str) {
        self.line(format_args!("include {}", escape_path(path)));
    }

    /// Writes one edge.
    pub fn build<'a>(
        &mut self,
        output: &str,
        rule: &str,
        inputs: impl IntoIterator<Item = &'a str>,
        variables: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) {
        self.build_after(output, rule, inputs, [], variables);
    }

    /// Writes one edge with implicit inputs: they come first and count as its own, and `$in` does not have them.
    pub fn build_after<'a>(
        &mut self,
        output: &str,
        rule: &str,
        inputs: impl IntoIterator<Item = &'a str>,
        implicit: impl IntoIterator<Item = &'a str>,
        variables: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) {
        self.text.push_str("build ");
        self.text.push_str(&escape_path(output));
        self.text.push_str(": ");
        self.text.push_str(rule);
        let inputs = inputs.into_iter().map(|input| (" ", input));
        let mut bar = " | ";
        let implicit = implicit.into_iter().map(|input| (std::mem::replace(&mut bar, " "), input));
        for (separator, input) in inputs.chain(implicit) {
            self.text.push_str(separator);
            self.text.push_str(&escape_path(input));
        }
        self.text.push('\n');
        for (name, value) in variables {
            self.line(format_args!("  {name} = {}", escape_value(value)));
        }
    }

    /// Names the targets that a bare `ninja` builds.
    pub fn default_targets<'a>(&mut self, targets: impl IntoIterator<Item = &'a str>) {
        self.text.push_str("default");
        for target in targets {
            self.text.push(' ');
            self.text.push_str(&escape_path(target));
        }
        self.text.push('\n');
    }

    /// The text so far.
    pub fn finish(self) -> String {
        self.text
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        self.text.write_fmt(line).expect("writing to a String cannot fail");
        self.text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::process::Command;

    #[test]
    fn writes_edges() {
        let mut writer = Writer::new();
        writer.comment("two\nlines");
        writer.variable("cost", " $5");
        writer.include("a b.ninja");
        writer.blank();
        writer.build("out: x", "cp", ["in 1", "in2"], [("name", "libstdc++6")]);
        writer.build_after("b", "cp", ["a"], ["c d", "e"], []);
        writer.default_targets(["out: x"]);
        insta::assert_snapshot!(writer.finish(), @r"
        # two
        # lines
        cost = $ $$5
        include a$ b.ninja

        build out$:$ x: cp in$ 1 in2
          name = libstdc++6
        build b: cp a | c$ d e
        default out$:$ x
        ");
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
        /// Whatever a path holds, ninja reads the same path back.
        #[test]
        fn ninja_reads_escaped_paths_back(path in "[a-zA-Z0-9$ :~+=#@%é-]{1,20}") {
            // A path of dots and slashes only would be canonicalised by ninja; ours never are.
            let dir = tempfile::tempdir().unwrap();
            let mut writer = Writer::new();
            writer.build(&path, "phony", [], [("v", path.as_str())]);
            std::fs::write(dir.path().join("build.ninja"), writer.finish()).unwrap();
            let output = Command::new("ninja").current_dir(dir.path()).args(["-t", "targets", "all"]).output().unwrap();
            prop_assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            prop_assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("{path}: phony\n"));
        }
    }
}
