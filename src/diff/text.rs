//! Untrusted text made harmless for Markdown, and as wide as a line may be.

pub use crate::util::text::plain;

/// Text as code in a cell of a Markdown table.
pub fn cell(text: &str) -> String {
    code(text).replace('|', "\\|")
}

/// Text as code in Markdown: nothing in it is markup, a mention or a link.
pub fn code(text: &str) -> String {
    let text = plain(text);
    if text.trim().is_empty() {
        return "–".to_owned();
    }
    let fence = "`".repeat(longest_run(&text) + 1);
    // A backtick at either end would join the fence, and a blank at both ends is taken away.
    let pad = if text.starts_with(['`', ' ']) || text.ends_with(['`', ' ']) { " " } else { "" };
    format!("{fence}{pad}{text}{pad}{fence}")
}

/// Lines as a block of code in Markdown.
pub fn block(lines: &[String]) -> String {
    let longest = lines.iter().map(|line| longest_run(line)).max().unwrap_or_default();
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}text\n{}\n{fence}\n", lines.iter().map(|line| plain(line)).collect::<Vec<_>>().join("\n"))
}

fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or_default()
}

/// Words broken into lines of at most `width` characters, further lines indented by `indent` blanks. A word is never
/// broken.
pub(super) fn wrapped(text: &str, width: usize, indent: usize) -> String {
    let (mut out, mut column) = (String::new(), 0);
    let start = text.len() - text.trim_start_matches(' ').len();
    out.push_str(&text[..start]);
    column += start;
    let mut first = true;
    for word in text[start..].split(' ') {
        let length = word.chars().count();
        if !first && column + 1 + length > width {
            out.push('\n');
            out.push_str(&" ".repeat(indent));
            column = indent;
        } else if !first {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += length;
        first = false;
    }
    out
}

/// What a state is called, with the checksums of commits shortened.
pub fn short(name: &str) -> &str {
    let is_checksum = name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_checksum { &name[..12] } else { name }
}

/// A number and its noun: `1 package`, `2 packages`.
pub(super) fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// Bytes as a person reads them: `54.7 MB`.
pub(super) fn size(bytes: u64) -> String {
    crate::util::size::human(bytes)
}

/// A growth as a person reads it: `+1.2 MB`, `-300 B`, `±0`.
pub(super) fn growth(bytes: i64) -> String {
    match bytes {
        0 => "±0".to_owned(),
        more if more > 0 => format!("+{}", size(more.unsigned_abs())),
        less => format!("-{}", size(less.unsigned_abs())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_cannot_be_left() {
        let table = [
            ("plain", "`plain`"),
            ("a|b", "`a|b`"),
            ("a`b``c", "```a`b``c```"),
            ("`", "`` ` ``"),
            ("x\ny\u{1b}[31m\u{202e}", "`x\u{fffd}y\u{fffd}[31m\u{fffd}`"),
            ("", "–"),
        ];
        for (text, expected) in table {
            assert_eq!(code(text), expected, "{text:?}");
        }
        assert_eq!(cell("a|b"), "`a\\|b`");
        assert_eq!(block(&["````".into(), "<b>".into()]), "`````text\n````\n<b>\n`````\n");
    }

    #[test]
    fn lines_are_broken_between_words() {
        assert_eq!(wrapped("  one two three", 9, 4), "  one two\n    three");
        assert_eq!(wrapped("averyverylongword x", 5, 2), "averyverylongword\n  x");
    }

    #[test]
    fn growth_has_a_sign() {
        assert_eq!([0, 1_200_000, -300].map(growth), ["±0", "+1.2 MB", "-300 B"]);
    }
}
