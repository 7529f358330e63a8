//! Condition values that are no text: numbers, moments, networks. Read when a policy is compiled,
//! and from a request's texts when it is evaluated. Nothing here allocates.
//!
//! Numbers and moments share one scale, billionths, so that every comparison is exact: a moment
//! is its seconds since the Unix epoch.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use keystead_types::Timestamp;

/// Billionths.
pub(crate) type Scaled = i128;

const SCALE: Scaled = 1_000_000_000;
const FRACTION_DIGITS_MAX: usize = 9;
/// Whole digits of a number. Ours: holds every i64.
const WHOLE_DIGITS_MAX: usize = 19;

/// A whole number on the scale.
pub(crate) fn of_number(number: i64) -> Scaled {
    Scaled::from(number) * SCALE
}

/// A moment on the scale.
pub(crate) fn of_moment(moment: Timestamp) -> Scaled {
    Scaled::from(moment.as_millis()) * (SCALE / 1000)
}

/// Reads `[+-]digits[.digits]`, at most 19 whole digits and nine of a fraction.
pub(crate) fn number(text: &str) -> Option<Scaled> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = match digits.split_once('.') {
        Some((whole, fraction)) => (whole, scaled_fraction(fraction)?),
        None => (digits, 0),
    };
    if whole.is_empty() || whole.len() > WHOLE_DIGITS_MAX {
        return None;
    }
    let magnitude = all_digits(whole)? * SCALE + fraction;
    Some(if negative { -magnitude } else { magnitude })
}

/// Reads a moment: whole or fractional seconds since the Unix epoch, or ISO 8601 as W3C profiles
/// it: `2026-05`, `2026-05-01`, `2026-05-01T10:20Z`, `2026-05-01T10:20:30.5+02:00`. A time
/// without zone is UTC. `None` for dates that do not exist, and for four digits alone, which a
/// reader takes for a year and a machine for a moment of 1970. Source: IAM User Guide, "Date
/// condition operators"; <https://www.w3.org/TR/NOTE-datetime>.
pub(crate) fn date(text: &str) -> Option<Scaled> {
    let is_epoch = |b: u8| b.is_ascii_digit() || b == b'.';
    if text.bytes().all(is_epoch) {
        return number(text).filter(|_| fixed(text, 4).is_none());
    }
    let (day, time) = match text.split_once(['T', 't']) {
        Some((day, time)) => (day, Some(time)),
        None => (text, None),
    };
    let mut fields = day.split('-');
    let year = fixed(fields.next()?, 4)?;
    let month = fixed(fields.next()?, 2)?;
    let date = match fields.next() {
        Some(date) => fixed(date, 2)?,
        None if time.is_none() => 1,
        None => return None,
    };
    if fields.next().is_some() || !(1..=days_of(year, month)?).contains(&date) {
        return None;
    }
    let midnight = days_since_epoch(year, month, date) * 86_400 * SCALE;
    Some(match time {
        Some(time) => midnight + time_of_day(time)?,
        None => midnight,
    })
}

/// `hh:mm[:ss[.fraction]]` and a zone.
fn time_of_day(text: &str) -> Option<Scaled> {
    let (clock, offset) = match text.strip_suffix(['Z', 'z']) {
        Some(clock) => (clock, 0),
        None => match text.rfind(['+', '-']) {
            Some(at) => {
                let (clock, zone) = text.split_at_checked(at)?;
                let (sign, zone) = (zone.starts_with('-'), zone.get(1..)?);
                let (hours, minutes) = zone.split_once(':')?;
                let minutes = fixed_below(hours, 24)? * 60 + fixed_below(minutes, 60)?;
                (clock, if sign { -minutes } else { minutes })
            }
            None => (text, 0),
        },
    };
    let mut fields = clock.splitn(3, ':');
    let hours = fixed_below(fields.next()?, 24)?;
    let minutes = fixed_below(fields.next()?, 60)?;
    let seconds = match fields.next() {
        None => 0,
        Some(seconds) => {
            let (whole, fraction) = match seconds.split_once('.') {
                Some((whole, fraction)) => (whole, scaled_fraction(fraction)?),
                None => (seconds, 0),
            };
            fixed_below(whole, 60)? * SCALE + fraction
        }
    };
    Some((hours * 60 + minutes - offset) * 60 * SCALE + seconds)
}

fn fixed_below(text: &str, bound: Scaled) -> Option<Scaled> {
    fixed(text, 2).filter(|value| *value < bound)
}

fn fixed(text: &str, digits: usize) -> Option<Scaled> {
    if text.len() == digits {
        all_digits(text)
    } else {
        None
    }
}

fn all_digits(text: &str) -> Option<Scaled> {
    let digit = |value: Scaled, b: u8| {
        b.is_ascii_digit()
            .then(|| value * 10 + Scaled::from(b - b'0'))
    };
    text.bytes().try_fold(0, digit)
}

fn scaled_fraction(text: &str) -> Option<Scaled> {
    if text.is_empty() || text.len() > FRACTION_DIGITS_MAX {
        return None;
    }
    let missing = u32::try_from(FRACTION_DIGITS_MAX - text.len()).ok()?;
    Some(all_digits(text)? * Scaled::from(10_u32.pow(missing)))
}

fn days_of(year: Scaled, month: Scaled) -> Option<Scaled> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => Some(31),
        4 | 6 | 9 | 11 => Some(30),
        2 => Some(if leap { 29 } else { 28 }),
        _ => None,
    }
}

/// Of the Gregorian calendar; the year begins in March here, so that the leap day is its last.
fn days_since_epoch(year: Scaled, month: Scaled, date: Scaled) -> Scaled {
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    let day_of_year = (153 * month + 2) / 5 + date - 1;
    year * 365 + leap_days + day_of_year - 719_468
}

/// Prints a moment as `2026-05-01T10:20:30Z`, the form of `aws:CurrentTime`.
pub(crate) fn write_moment(out: &mut dyn fmt::Write, moment: Timestamp) -> fmt::Result {
    let seconds = moment.as_seconds();
    let (days, time) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // The inverse of `days_since_epoch`; 146,097 days are 400 years.
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let leaps = day_of_era / 1460 - day_of_era / 36_524 + day_of_era / 146_096;
    let year_of_era = (day_of_era - leaps) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let date = day_of_year - (153 * march_month + 2) / 5 + 1;
    let (month, carry) = if march_month < 10 {
        (march_month + 3, 0)
    } else {
        (march_month - 9, 1)
    };
    let year = year_of_era + era * 400 + carry;
    let (hours, minutes, seconds) = (time / 3600, time / 60 % 60, time % 60);
    write!(
        out,
        "{year:04}-{month:02}-{date:02}T{hours:02}:{minutes:02}:{seconds:02}Z"
    )
}

/// An address or a CIDR block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Network {
    V4 { bits: u32, prefix: u32 },
    V6 { bits: u128, prefix: u32 },
}

impl Network {
    /// Takes `203.0.113.0/24`, `2001:db8::/32`, or one address. Bits behind the prefix count for
    /// nothing, as at AWS.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let prefix = |most: u32| match prefix {
            None => Some(most),
            Some(text) if text.len() > 1 && text.starts_with('0') => None,
            Some(text) => {
                let prefix = u32::try_from(all_digits(text).filter(|_| !text.is_empty())?).ok()?;
                (prefix <= most).then_some(prefix)
            }
        };
        match address.parse().ok()? {
            IpAddr::V4(address) => {
                let prefix = prefix(32)?;
                let bits = address.to_bits() & mask_v4(prefix);
                Some(Self::V4 { bits, prefix })
            }
            IpAddr::V6(address) => Some(Self::of_v6(address, prefix(128)?)),
        }
    }

    /// A block of IPv4 addresses written as IPv6 (`::ffff:a.b.c.d`) is that IPv4 block, because
    /// the request's address is read that way too.
    fn of_v6(address: Ipv6Addr, prefix: u32) -> Self {
        match (address.to_ipv4_mapped(), prefix.checked_sub(96)) {
            (Some(address), Some(prefix)) => Self::V4 {
                bits: address.to_bits() & mask_v4(prefix),
                prefix,
            },
            _ => Self::V6 {
                bits: address.to_bits() & mask_v6(prefix),
                prefix,
            },
        }
    }

    /// Whether the address is in it. IPv4 blocks hold no IPv6 address and the reverse.
    pub(crate) fn contains(self, address: IpAddr) -> bool {
        match (self, address.to_canonical()) {
            (Self::V4 { bits, prefix }, IpAddr::V4(address)) => {
                address.to_bits() & mask_v4(prefix) == bits
            }
            (Self::V6 { bits, prefix }, IpAddr::V6(address)) => {
                address.to_bits() & mask_v6(prefix) == bits
            }
            _ => false,
        }
    }
}

fn mask_v4(prefix: u32) -> u32 {
    u32::MAX.checked_shl(32 - prefix).unwrap_or(0)
}

fn mask_v6(prefix: u32) -> u128 {
    u128::MAX.checked_shl(128 - prefix).unwrap_or(0)
}

/// Whether it is base64 with padding in its only canonical form (RFC 4648, 4 and 3.5), so that
/// equal bytes are equal texts.
pub(crate) fn is_base64(text: &str) -> bool {
    let value = |b: u8| match b {
        b'A'..=b'Z' => Some(b - b'A'),
        b'a'..=b'z' => Some(b - b'a' + 26),
        b'0'..=b'9' => Some(b - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    let data = text.trim_end_matches('=');
    let unused_bits = match text.len() - data.len() {
        0 => 0,
        1 => 0b11,
        2 => 0b1111,
        _ => return false,
    };
    let last = data.bytes().last().and_then(value).unwrap_or(0);
    text.len().is_multiple_of(4)
        && data.bytes().all(|b| value(b).is_some())
        && last & unused_bits == 0
}

#[cfg(test)]
mod tests;
