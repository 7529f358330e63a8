//! The date of a signature: two accepted forms, one strict calendar.

use std::fmt;

use keystead_types::Timestamp;

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];
/// The first day of the Unix epoch was a Thursday.
const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];

/// A moment in whole seconds with its text, `YYYYMMDD'T'HHMMSS'Z'`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    seconds: i64,
    text: [u8; 16],
}

impl fmt::Debug for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl Moment {
    /// Takes exactly `YYYYMMDD'T'HHMMSS'Z'`: a day of the calendar from year 1 on, no second 60.
    pub(crate) fn parse_basic(bytes: &[u8]) -> Option<Self> {
        let text: [u8; 16] = bytes.try_into().ok()?;
        let [
            y1,
            y2,
            y3,
            y4,
            m1,
            m2,
            d1,
            d2,
            b'T',
            h1,
            h2,
            n1,
            n2,
            s1,
            s2,
            b'Z',
        ] = text
        else {
            return None;
        };
        let seconds = seconds_of(
            number(&[y1, y2, y3, y4])?,
            number(&[m1, m2])?,
            number(&[d1, d2])?,
            [number(&[h1, h2])?, number(&[n1, n2])?, number(&[s1, s2])?],
        )?;
        Some(Self { seconds, text })
    }

    /// Takes the value of a `Date` header: the basic form, or `Sun, 30 Aug 2015 12:36:00 GMT`
    /// (RFC 9110, section 5.6.7) with a weekday that is right. botocore writes `-0000` for
    /// `GMT`.
    pub(crate) fn parse_date_header(bytes: &[u8]) -> Option<Self> {
        if bytes.len() == 16 {
            return Self::parse_basic(bytes);
        }
        let text = std::str::from_utf8(bytes).ok()?;
        let mut parts = text.split(' ');
        let weekday = parts.next()?.strip_suffix(',')?;
        let day = two_digits(parts.next()?)?;
        let month = parts.next()?;
        let month = (1..).zip(MONTHS).find(|(_, name)| *name == month)?.0;
        let year = parts.next().filter(|year| year.len() == 4)?;
        let mut clock = parts.next()?.split(':');
        let clock_of = [
            two_digits(clock.next()?)?,
            two_digits(clock.next()?)?,
            two_digits(clock.next()?)?,
        ];
        let zone = parts.next()?;
        if clock.next().is_some()
            || parts.next().is_some()
            || !matches!(zone, "GMT" | "-0000" | "+0000")
        {
            return None;
        }
        let seconds = seconds_of(number(year.as_bytes())?, month, day, clock_of)?;
        let days = usize::try_from(seconds.div_euclid(86_400).rem_euclid(7)).ok()?;
        if WEEKDAYS.get(days) != Some(&weekday) {
            return None;
        }
        Some(Self::from_seconds(seconds))
    }

    /// The second that a timestamp lies in.
    pub(crate) fn of(time: Timestamp) -> Self {
        Self::from_seconds(time.as_seconds())
    }

    /// The moment of that many seconds since the Unix epoch; years outside 1–9999 print wrongly.
    pub(crate) fn from_seconds(seconds: i64) -> Self {
        let (year, month, day) = day_of(seconds.div_euclid(86_400));
        let second = seconds.rem_euclid(86_400);
        let digit = |value: i64, unit: i64| {
            b'0' + u8::try_from((value / unit).rem_euclid(10)).unwrap_or_default()
        };
        let two = |value: i64| (digit(value, 10), digit(value, 1));
        let (m1, m2) = two(month);
        let (d1, d2) = two(day);
        let (h1, h2) = two(second / 3600);
        let (n1, n2) = two(second / 60 % 60);
        let (s1, s2) = two(second % 60);
        let [y1, y2, y3, y4] = [1000, 100, 10, 1].map(|unit| digit(year, unit));
        let text = [
            y1, y2, y3, y4, m1, m2, d1, d2, b'T', h1, h2, n1, n2, s1, s2, b'Z',
        ];
        Self { seconds, text }
    }

    pub(crate) fn seconds(&self) -> i64 {
        self.seconds
    }

    /// `YYYYMMDD'T'HHMMSS'Z'`.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.text).unwrap_or_default()
    }

    /// `YYYYMMDD`.
    pub(crate) fn day(&self) -> &str {
        self.text().get(..8).unwrap_or_default()
    }
}

fn two_digits(text: &str) -> Option<i64> {
    number(text.as_bytes()).filter(|_| text.len() == 2)
}

/// The number that ASCII digits spell; nothing else may stand there, not even a sign.
fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |n, b| {
        b.is_ascii_digit().then(|| n * 10 + i64::from(b - b'0'))
    })
}

fn seconds_of(year: i64, month: i64, day: i64, [hour, minute, second]: [i64; 3]) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return None,
    };
    if !(1..=9999).contains(&year) || !(1..=days).contains(&day) {
        return None;
    }
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    Some(((days_before(year, month, day) * 24 + hour) * 60 + minute) * 60 + second)
}

/// Days from 1970-01-01 to a day of the Gregorian calendar. The year is counted from March, so
/// that the leap day is its last: months then begin after (153 m + 2) / 5 days.
fn days_before(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year
        - 719_468
}

/// The reverse of [`days_before`]: year, month, day.
fn day_of(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn basic(text: &str) -> Option<i64> {
        Moment::parse_basic(text.as_bytes()).map(|moment| moment.seconds())
    }

    fn header(text: &str) -> Option<i64> {
        Moment::parse_date_header(text.as_bytes()).map(|moment| moment.seconds())
    }

    #[test]
    fn known_moments() {
        assert_eq!(basic("19700101T000000Z"), Some(0));
        assert_eq!(basic("20150830T123600Z"), Some(1_440_938_160));
        assert_eq!(basic("20000229T235959Z"), Some(951_868_799));
        assert_eq!(header("Sun, 30 Aug 2015 12:36:00 GMT"), Some(1_440_938_160));
        assert_eq!(
            header("Sun, 30 Aug 2015 12:36:00 -0000"),
            Some(1_440_938_160)
        );
        assert_eq!(header("20150830T123600Z"), Some(1_440_938_160));
    }

    #[test]
    fn every_day_of_800_years_round_trips_in_order() {
        let first = days_before(1600, 1, 1);
        let last = days_before(2400, 1, 1);
        assert_eq!(last - first, 2 * 146_097);
        for day in first..last {
            let moment = Moment::from_seconds(day * 86_400 + 86_399);
            assert_eq!(Moment::parse_basic(&moment.text), Some(moment));
        }
    }

    #[test]
    fn other_forms_are_refused() {
        for bad in [
            "",
            "2015083T0123600Z",
            "20150830T123600",
            "20150830T123600z",
            "20150830t123600Z",
            "20150830T123660Z",
            "20150830T126000Z",
            "20150830T240000Z",
            "20150229T000000Z",
            "21000229T000000Z",
            "20260230T000000Z",
            "20150431T000000Z",
            "20151301T000000Z",
            "20150001T000000Z",
            "20150100T000000Z",
            "00000101T000000Z",
            "+2150830T123600Z",
            "2015-08-30T12:36:00Z",
            " 20150830T12360Z",
            "20150830T123600Z ",
            "20150830T1236+0Z",
        ] {
            assert_eq!(basic(bad), None, "{bad}");
            assert_eq!(header(bad), None, "{bad}");
        }
        for bad in [
            "Mon, 30 Aug 2015 12:36:00 GMT",
            "Sun, 30 Aug 2015 12:36:60 GMT",
            "Sun, 30 Aug 2015 12:36:00 +0100",
            "Sun, 30 Aug 2015 12:36:00",
            "Sun, 30 aug 2015 12:36:00 GMT",
            "Sun, 30 Aug 15 12:36:00 GMT",
            "Sun, 3 Aug 2015 12:36:00 GMT",
            "Sun, 30 Aug 2015 12:36 GMT",
            "Sun, 30 Aug 2015 12:36:00:00 GMT",
            "Sun, 30 Aug 2015 12:36:00 GMT x",
            "Sunday, 30-Aug-15 12:36:00 GMT",
            "Sun Aug 30 12:36:00 2015",
            "Sun, 30 Aug 2015 12:36:00 UTC",
        ] {
            assert_eq!(header(bad), None, "{bad}");
        }
    }
}
