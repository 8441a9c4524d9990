//! The dates of a `Release`, in every form that apt reads (`RFC1123StrToTime` of apt-pkg).
//!
//! Takes the value of `Date` or `Valid-Until`; gives the moment, or nothing. The forms are those of RFC 1123, RFC 850 and C's
//! `asctime`, all in UTC: apt refuses other zones, and so does this.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

const MONTHS: [&str; 12] =
    ["january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december"];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// Reads a date; none if apt would not read it either, or if there is no such day.
pub(super) fn parse(text: &str) -> Option<Timestamp> {
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    let weekday = words.first()?;
    // The day of the week is not compared with the date, only its length tells the form.
    if !WEEKDAYS.contains(&weekday.get(..3)?.to_ascii_lowercase().as_str()) {
        return None;
    }
    let (day, month, year, time) = match (weekday.len(), &words[1..]) {
        // Sat, 11 Jul 2026 10:16:37 UTC
        (4, [day, month, year, time, zone]) if weekday.ends_with(',') && is_utc(zone) => (*day, *month, number(year)?, *time),
        // Sat Jul 11 10:16:37 2026
        (3, [month, day, time, year]) => (*day, *month, number(year)?, *time),
        // Saturday, 11-Jul-26 10:16:37 GMT
        (5.., [date, time, zone]) if is_utc(zone) => {
            let fields: Vec<&str> = date.split('-').collect();
            let [day, month, year] = fields[..] else { return None };
            let year = match number(year)? {
                // Archives are younger than the two digits are old.
                year @ 0..70 => year + 2000,
                year @ 70..100 => year + 1900,
                year => year,
            };
            (day, month, year, *time)
        }
        _ => return None,
    };
    let month = MONTHS.iter().position(|name| month.eq_ignore_ascii_case(name) || month.eq_ignore_ascii_case(&name[..3]))? + 1;
    let clock: Vec<&str> = time.split(':').collect();
    let [hour, minute, second] = clock[..] else { return None };
    // Fractions do not count.
    let second = number(second.split('.').next()?)?;
    let leap = i64::from(second == 60);
    let civil = DateTime::new(
        year,
        i8::try_from(month).ok()?,
        i8::try_from(number(day)?).ok()?,
        i8::try_from(number(hour)?).ok()?,
        i8::try_from(number(minute)?).ok()?,
        i8::try_from(second).ok()? - i8::from(second == 60),
        0,
    );
    let moment = civil.ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp();
    Timestamp::from_second(moment.as_second() + leap).ok()
}

fn number(text: &str) -> Option<i16> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// A name of UTC, or a number that is zero.
fn is_utc(zone: &str) -> bool {
    let digits = zone.strip_prefix(['+', '-']).unwrap_or(zone);
    matches!(zone, "UTC" | "GMT" | "Z") || (!digits.is_empty() && digits.bytes().all(|byte| byte == b'0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What apt 2.6.1 says of each (`apt_pkg.str_to_time`).
    #[test]
    fn reads_what_apt_reads() {
        for (text, moment) in [
            ("Sat, 11 Jul 2026 10:16:37 UTC", "2026-07-11T10:16:37Z"),
            ("Sat, 11 Jul 2026 10:16:37 GMT", "2026-07-11T10:16:37Z"),
            ("Sat, 11 Jul 2026 10:16:37 Z", "2026-07-11T10:16:37Z"),
            ("Sat, 11 Jul 2026 10:16:37 +0000", "2026-07-11T10:16:37Z"),
            ("Sat, 11 Jul 2026 10:16:37 -0000", "2026-07-11T10:16:37Z"),
            ("Sat, 11 Jul 2026 10:16:37 +000", "2026-07-11T10:16:37Z"),
            ("Sat, 11 Jul 2026 10:16:37 0", "2026-07-11T10:16:37Z"),
            ("Mon, 11 Jul 2026 10:16:37 UTC", "2026-07-11T10:16:37Z"),
            ("Sat, 11 July 2026 10:16:37 UTC", "2026-07-11T10:16:37Z"),
            ("Sat, 011 Jul 2026 10:16:37 UTC", "2026-07-11T10:16:37Z"),
            ("Sat, 1 Jul 2026 1:6:7 UTC", "2026-07-01T01:06:07Z"),
            ("Sat, 11 Jul 2026 10:16:60 UTC", "2026-07-11T10:17:00Z"),
            ("Sat, 11 Jul 2026 10:16:37.5 UTC", "2026-07-11T10:16:37Z"),
            ("Sat Jul 11 10:16:37 2026", "2026-07-11T10:16:37Z"),
            ("Sat Jul  1 10:16:37 2026", "2026-07-01T10:16:37Z"),
            ("Saturday, 11-Jul-94 10:16:37 GMT", "1994-07-11T10:16:37Z"),
            ("Saturday, 11-Jul-70 10:16:37 GMT", "1970-07-11T10:16:37Z"),
        ] {
            assert_eq!(parse(text).map(|moment| moment.to_string()).as_deref(), Some(moment), "{text}");
        }
    }

    /// apt takes the century of two digits for the last one, so that such a file is refused as too old.
    #[test]
    fn two_digits_are_of_this_century() {
        assert_eq!(parse("Saturday, 11-Jul-26 10:16:37 GMT").unwrap().to_string(), "2026-07-11T10:16:37Z");
    }

    #[test]
    fn refuses_what_apt_refuses() {
        for text in [
            "",
            "yesterday",
            "2026-07-11T10:16:37Z",
            "11 Jul 2026 10:16:37 UTC",
            "Sat, 11 Jul 2026 10:16:37",
            "Sat, 11 Jul 2026 10:16:37 +0200",
            "Sat, 11 Jul 2026 10:16:37 +00:00",
            "Sat, 11 Jul 2026 10:16:37 EST",
            "Sat, 11 jul 2026 10:16:37 gmt",
            "Sat, 11 Jul 2026 10:16:37 UTC extra",
            "Sat,11 Jul 2026 10:16:37 UTC",
            "Satx, 11 Jul 2026 10:16:37 UTC",
            "Satu Jul 11 10:16:37 2026",
            "Saturday, 11 Jul 2026 10:16:37 UTC",
            "Sat Jul 11 10:16:37 UTC 2026",
            "Sat, 01 Jul 2026 10:16 UTC",
            "Sat, 11 Jul 2026 25:16:37 UTC",
            "Sat, 11 Jul 2026 24:00:00 UTC",
            "Sat, 32 Jul 2026 10:16:37 UTC",
            "Sat, 11 Jul 12026 10:16:37 UTC",
            "Sät, 11 Jul 2026 10:16:37 UTC",
            "日",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
