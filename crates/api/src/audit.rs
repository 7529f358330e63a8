//! Request parameters as CloudTrail records them.

use keystead_types::Timestamp;

/// Writes the object that `write` makes, or `null` when nothing is left in it.
pub(crate) fn parameters(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    write(out);
    if out.get(start..) == Some(b"{}") {
        out.truncate(start);
        out.extend_from_slice(b"null");
    }
}

/// Writes a moment as CloudTrail prints it in parameters: `"May 21, 2025, 5:47:45 AM"`, UTC.
pub(crate) fn time(out: &mut Vec<u8>, time: Timestamp) {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let seconds = time.as_seconds();
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = civil(days);
    let month = MONTHS.iter().zip(1..).find(|(_, number)| *number == month);
    let month = month.map_or("", |(name, _)| name);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let half = if hour < 12 { "AM" } else { "PM" };
    let hour = (hour + 11) % 12 + 1;
    let text = format!("\"{month} {day}, {year}, {hour}:{minute:02}:{second:02} {half}\"");
    out.extend_from_slice(text.as_bytes());
}

/// Year, month and day of a day counted from 1970-01-01, in the proleptic Gregorian calendar.
/// Years are taken from March, so that the leap day comes last.
pub(crate) fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(seconds: i64) -> String {
        let mut out = Vec::new();
        time(&mut out, Timestamp::from_millis(seconds * 1000));
        String::from_utf8(out).unwrap()
    }

    /// Expected values from `date -u -d @<seconds>`.
    #[test]
    fn moments_are_printed_as_cloudtrail_prints_them() {
        assert_eq!(shown(0), r#""Jan 1, 1970, 12:00:00 AM""#);
        assert_eq!(shown(1_747_806_465), r#""May 21, 2025, 5:47:45 AM""#);
        assert_eq!(shown(951_827_696), r#""Feb 29, 2000, 12:34:56 PM""#);
        assert_eq!(shown(4_107_542_399), r#""Feb 28, 2100, 11:59:59 PM""#);
        assert_eq!(shown(4_107_542_400), r#""Mar 1, 2100, 12:00:00 AM""#);
        assert_eq!(shown(-1), r#""Dec 31, 1969, 11:59:59 PM""#);
    }
}
