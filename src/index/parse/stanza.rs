//! Cuts a stanza's lines into fields, as slices of the text.

use crate::index::Field;
use crate::index::packages::Error;

/// The values of one stanza, as slices of the text.
pub(super) struct Stanza<'t> {
    pub(super) first_line: u64,
    /// By the field's number.
    values: [Option<&'t [u8]>; Field::ALL.len()],
    /// The field that a continuation line continues: its number and where its value starts.
    open: Option<(usize, usize)>,
    any: bool,
    pub(super) twice: Option<Field>,
}

impl<'t> Stanza<'t> {
    pub(super) fn new(first_line: u64) -> Self {
        Self { first_line, values: [None; Field::ALL.len()], open: None, any: false, twice: None }
    }

    pub(super) fn is_empty(&self) -> bool {
        !self.any
    }

    pub(super) fn get(&self, field: Field) -> Option<&'t [u8]> {
        self.values[field as usize]
    }

    /// Takes one line, which ends at `end` of `text`.
    pub(super) fn line(&mut self, text: &'t [u8], line: &'t [u8], end: usize, number: u64) -> Result<(), Error> {
        let malformed = || Error::Line { line: number, text: String::from_utf8_lossy(&line[..line.len().min(80)]).into_owned() };
        if matches!(line[0], b' ' | b'\t') {
            if !self.any {
                return Err(malformed());
            }
            if let Some((place, start)) = self.open {
                self.values[place] = Some(&text[start..end]);
            }
            return Ok(());
        }
        let colon = memchr::memchr(b':', line).filter(|&colon| colon > 0).ok_or_else(malformed)?;
        let name = &line[..colon];
        self.any = true;
        let place =
            Field::ALL.iter().position(|field| field.as_str().len() == colon && field.as_str().as_bytes().eq_ignore_ascii_case(name));
        self.open = place.map(|place| (place, end - (line.len() - colon - 1)));
        if let Some(place) = place
            && self.values[place].replace(&line[colon + 1..]).is_some()
        {
            self.twice = self.twice.or(Some(Field::ALL[place]));
        }
        Ok(())
    }
}
