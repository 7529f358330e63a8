//! Numbers, moments, addresses and base64, read the slow way.

use std::net::IpAddr;

const DAY_MILLIS: i64 = 86_400_000;

/// A decimal number, in millionths.
pub(crate) fn number(text: &str) -> Option<i128> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let all = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
    if !all(whole) || !all(fraction) || fraction.len() > 6 {
        return None;
    }
    let fraction: i128 = format!("{fraction:0<6}").parse().ok()?;
    Some(sign * (whole.parse::<i128>().ok()? * 1_000_000 + fraction))
}

fn leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn month_days(year: i64, month: i64) -> i64 {
    match month {
        2 if leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01, counted one month at a time.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) {
        return None;
    }
    if !(1..=month_days(year, month)).contains(&day) {
        return None;
    }
    let years: i64 = (1970..year).map(|y| if leap(y) { 366 } else { 365 }).sum();
    let months: i64 = (1..month).map(|m| month_days(year, m)).sum();
    Some(years + months + day - 1)
}

/// A date as policies write it: ISO 8601 with or without time, or seconds since the epoch.
/// Milliseconds since the epoch.
pub(crate) fn moment(text: &str) -> Option<i64> {
    if text.len() > 4 && text.chars().all(|c| c.is_ascii_digit()) {
        return text.parse::<i64>().ok().map(|seconds| seconds * 1000);
    }
    let (date, time) = match text.split_once('T') {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    let parts: Vec<i64> = date
        .split('-')
        .map(|part| part.parse().ok())
        .collect::<Option<_>>()?;
    let [year, month, day] = parts[..] else {
        return None;
    };
    let midnight = days(year, month, day)? * DAY_MILLIS;
    Some(midnight + time.map_or(Some(0), time_of_day)?)
}

/// `hh:mm:ss`, maybe a fraction, then `Z` or an offset. Milliseconds.
fn time_of_day(text: &str) -> Option<i64> {
    let (clock, offset) = match text.find(['Z', '+', '-']) {
        Some(at) => text.split_at(at),
        None => return None,
    };
    let minutes = |text: &str| -> Option<i64> {
        let (hours, minutes) = text.split_once(':')?;
        Some(hours.parse::<i64>().ok()? * 60 + minutes.parse::<i64>().ok()?)
    };
    let offset = match offset.split_at(1) {
        ("Z", "") => 0,
        ("+", rest) => minutes(rest)?,
        ("-", rest) => -minutes(rest)?,
        _ => return None,
    };
    let (hours_minutes, seconds) = clock.rsplit_once(':')?;
    let seconds = number(seconds)? / 1000;
    Some((minutes(hours_minutes)? - offset) * 60_000 + i64::try_from(seconds).ok()?)
}

/// A moment as `aws:CurrentTime` shows it: whole seconds, UTC.
pub(crate) fn moment_text(millis: i64) -> String {
    let seconds = millis.div_euclid(1000);
    let (mut left, time) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (mut year, mut month) = (1970, 1);
    while left >= month_days(year, month) {
        left -= month_days(year, month);
        (year, month) = if month == 12 {
            (year + 1, 1)
        } else {
            (year, month + 1)
        };
    }
    let (hour, minute, second) = (time / 3600, time / 60 % 60, time % 60);
    let day = left + 1;
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

fn bits(address: IpAddr) -> Vec<bool> {
    let bytes = match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    };
    let of = |byte: u8| (0..8).rev().map(move |bit| byte >> bit & 1 == 1);
    bytes.into_iter().flat_map(of).collect()
}

/// Whether an address lies in a range; a range without length is one address.
pub(crate) fn in_range(address: IpAddr, range: &str) -> Option<bool> {
    let (base, length) = match range.split_once('/') {
        Some((base, length)) => (base, Some(length.parse::<usize>().ok()?)),
        None => (range, None),
    };
    let (base, address) = (bits(base.parse().ok()?), bits(address));
    let length = length.unwrap_or(base.len());
    Some(base.len() == address.len() && base.get(..length)? == address.get(..length)?)
}

/// Decodes base64 with its padding.
pub(crate) fn base64(text: &str) -> Option<Vec<u8>> {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let body = text.trim_end_matches('=');
    if !text.len().is_multiple_of(4) || text.len() - body.len() > 2 {
        return None;
    }
    let mut bits = Vec::new();
    for c in body.chars() {
        let value = ALPHABET.find(c)?;
        bits.extend((0..6).rev().map(|bit| value >> bit & 1 == 1));
    }
    let byte = |bits: &[bool]| bits.iter().fold(0, |byte, bit| byte << 1 | u8::from(*bit));
    Some(bits.chunks_exact(8).map(byte).collect())
}

#[test]
fn readings() {
    assert_eq!(number("-7.50"), Some(-7_500_000));
    assert_eq!(number("7."), None);
    assert_eq!(moment("2026-01-01T00:00:00Z"), Some(1_767_225_600_000));
    assert_eq!(moment("2026-01-01"), Some(1_767_225_600_000));
    assert_eq!(moment("1767225600"), Some(1_767_225_600_000));
    assert_eq!(
        moment("2026-01-01T01:00:00.250+01:00"),
        Some(1_767_225_600_250)
    );
    assert_eq!(moment("2025-02-29"), None);
    assert_eq!(moment_text(1_767_225_599_999), "2025-12-31T23:59:59Z");
    assert_eq!(
        in_range("10.0.0.9".parse().unwrap(), "10.0.0.0/24"),
        Some(true)
    );
    assert_eq!(
        in_range("10.0.1.9".parse().unwrap(), "10.0.0.0/24"),
        Some(false)
    );
    assert_eq!(in_range("::1".parse().unwrap(), "0.0.0.0/0"), Some(false));
    assert_eq!(base64("YWI="), Some(b"ab".to_vec()));
    assert_eq!(base64("YWJj"), Some(b"abc".to_vec()));
}
