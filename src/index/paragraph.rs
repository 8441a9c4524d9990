//! A control paragraph as a stanza of an index: with the fields that only an archive knows.

use crate::pkg::Sha256;

/// Appends a package's control paragraph and what is known of its file as a stanza.
pub fn push_paragraph(text: &mut String, paragraph: &str, path: &str, size: u64, sha256: &Sha256) {
    let mut keep = true;
    for line in paragraph.lines().filter(|line| !line.trim().is_empty()) {
        if !line.starts_with([' ', '\t']) {
            let name = line.split(':').next().unwrap_or_default();
            keep = !["Filename", "Size", "SHA256"].iter().any(|field| field.eq_ignore_ascii_case(name));
        }
        if keep {
            text.push_str(line);
            text.push('\n');
        }
    }
    text.push_str(&format!("Filename: {path}\nSize: {size}\nSHA256: {sha256}\n\n"));
}
