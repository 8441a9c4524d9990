//! Untrusted text made harmless: names and output of packages, scripts and checkouts in a line for people.

/// Text without anything that a terminal or a reader's eye obeys: control characters, and those that turn the direction
/// of writing or have no width.
pub fn plain(text: &str) -> String {
    text.chars()
        .map(|c| {
            if is_harmless(c) {
                c
            } else if c == '\t' {
                ' '
            } else {
                '\u{fffd}'
            }
        })
        .collect()
}

fn is_harmless(c: char) -> bool {
    !c.is_control()
        && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

/// The same, line by line. Only for text whose line breaks are our own, or a program's whole output.
pub fn lines(text: &str) -> String {
    text.split('\n').map(plain).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_or_an_eye_obeys_is_left() {
        for (text, shown) in [
            ("tar\nget", "tar\u{fffd}get"),
            ("\u{1b}]52;c;eA==\u{7}", "\u{fffd}]52;c;eA==\u{fffd}"),
            ("a\tb\rc", "a b\u{fffd}c"),
            ("exe.\u{202e}gpj", "exe.\u{fffd}gpj"),
            ("größe ► 2", "größe ► 2"),
        ] {
            assert_eq!(plain(text), shown);
        }
        assert_eq!(lines("a\u{1b}\nb"), "a\u{fffd}\nb");
    }
}
