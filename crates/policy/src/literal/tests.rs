use super::*;

#[test]
fn numbers_are_exact() {
    for (text, expected) in [
        ("0", Some(0)),
        ("-7", Some(-7 * SCALE)),
        ("+10.5", Some(10 * SCALE + SCALE / 2)),
        ("9223372036854775807", Some(of_number(i64::MAX))),
        ("0.000000001", Some(1)),
        ("007", Some(7 * SCALE)),
        ("", None),
        ("-", None),
        (".5", None),
        ("1.", None),
        ("1e3", None),
        ("--1", None),
        ("1 ", None),
        ("٣", None),
        ("0.0000000001", None),
        ("12345678901234567890", None),
    ] {
        assert_eq!(number(text), expected, "{text}");
    }
}

#[test]
fn dates_are_moments() {
    for (text, seconds) in [
        ("1970-01-01T00:00:00Z", 0),
        ("1969-12-31T23:59:59Z", -1),
        ("2026-05-01T10:20:30Z", 1_777_630_830),
        ("2026-05-01t10:20:30z", 1_777_630_830),
        ("2026-05-01T10:20:30", 1_777_630_830),
        ("2026-05-01T12:20:30+02:00", 1_777_630_830),
        ("2026-05-01T04:50:30-05:30", 1_777_630_830),
        ("2026-05-01T10:20Z", 1_777_630_800),
        ("2026-05-01", 1_777_593_600),
        ("2026-05", 1_777_593_600),
        ("2024-02-29", 1_709_164_800),
        ("2000-02-29", 951_782_400),
        ("2000-03-01", 951_868_800),
        ("0000-01-01", -62_167_219_200),
        ("1443024000", 1_443_024_000),
        ("02026", 2026),
        ("2026.0", 2026),
    ] {
        assert_eq!(date(text), Some(of_number(seconds)), "{text}");
    }
    let half = date("2026-05-01T10:20:30.5Z").unwrap();
    assert_eq!(half, of_moment(Timestamp::from_millis(1_777_630_830_500)));
    for bad in [
        "",
        "-",
        // A year to its writer, a moment of 1970 to others.
        "2026",
        "T",
        "2026-",
        "2026-13",
        "2026-00-01",
        "2026-02-29",
        "1900-02-29",
        "2026-04-31",
        "2026-5-1",
        "26-05-01",
        "2026-05-01T",
        "2026-05-01T24:00Z",
        "2026-05-01T10Z",
        "2026-05-01T10:60Z",
        "2026-05-01T10:20:60Z",
        "2026-05T10:20Z",
        "2026-05-01T10:20:30.Z",
        "2026-05-01T10:20:30+2:00",
        "2026-05-01T10:20:30+0200",
        "2026-05-01T10:20:30+24:00",
        "2026-05-01 10:20",
        "2026-05-01T10:20:30ZZ",
        "-2026-05-01",
        "2026-05-01-01",
        "yesterday",
        "2026-05-01T10:20:30Zx",
    ] {
        assert_eq!(date(bad), None, "{bad}");
    }
}

#[test]
fn moments_are_printed_as_they_are_read() {
    for text in [
        "1970-01-01T00:00:00Z",
        "1969-12-31T23:59:59Z",
        "2024-02-29T12:00:01Z",
        "2000-03-01T00:00:00Z",
        "1900-02-28T23:00:00Z",
        "2026-12-31T23:59:59Z",
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
    ] {
        let millis = date(text).unwrap() / (SCALE / 1000);
        let moment = Timestamp::from_millis(i64::try_from(millis).unwrap());
        let mut printed = String::new();
        write_moment(&mut printed, moment).unwrap();
        assert_eq!(printed, text);
    }
}

/// Counts through 220 years: three ends of a century, of which one has a leap day.
#[test]
fn every_day_has_one_name() {
    let mut midnight = -29_219 * 86_400;
    let mut days = 0;
    for year in 1890..2110 {
        let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
        let february = if leap { 29 } else { 28 };
        let months = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        for (month, last) in (1..).zip(months) {
            for day in 1..=last {
                let name = format!("{year}-{month:02}-{day:02}");
                assert_eq!(date(&name), Some(of_number(midnight)), "{name}");
                // Its last second.
                let moment = Timestamp::from_millis((midnight + 86_399) * 1000);
                let mut printed = String::new();
                write_moment(&mut printed, moment).unwrap();
                assert_eq!(printed, format!("{name}T23:59:59Z"));
                midnight += 86_400;
                days += 1;
            }
            assert_eq!(date(&format!("{year}-{month:02}-{}", last + 1)), None);
        }
    }
    assert_eq!(days, 80_353);
}

#[test]
fn networks_hold_their_addresses() {
    for (network, address, expected) in [
        ("203.0.113.0/24", "203.0.113.255", true),
        ("203.0.113.0/24", "203.0.114.0", false),
        ("203.0.113.77/24", "203.0.113.1", true),
        ("203.0.113.7", "203.0.113.7", true),
        ("203.0.113.7/32", "203.0.113.6", false),
        ("0.0.0.0/0", "255.1.2.3", true),
        ("0.0.0.0/0", "::1", false),
        ("::/0", "::1", true),
        ("::/0", "1.2.3.4", false),
        ("2001:db8::/32", "2001:db8:ffff::", true),
        ("2001:db8::/32", "2001:db9::", false),
        ("2001:db8::1", "2001:db8::1", true),
        ("2001:db8::1", "2001:db8::2", false),
        ("10.0.0.0/8", "::ffff:10.1.2.3", true),
        ("::ffff:10.0.0.0/104", "10.1.2.3", true),
        ("::ffff:10.0.0.0/104", "11.1.2.3", false),
    ] {
        let network = Network::parse(network).unwrap();
        assert_eq!(
            network.contains(address.parse().unwrap()),
            expected,
            "{network:?} {address}"
        );
    }
    for bad in [
        "",
        "/",
        "10.0.0.0/",
        "10.0.0.0/33",
        "::/129",
        "10.0.0",
        "10.0.0.0/08",
        "10.0.0.0/-1",
        "10.0.0.0/8/8",
        "010.0.0.0/8",
        "*",
        "10.0.0.0/ 8",
        "1::2::3",
        "fe80::1%eth0",
    ] {
        assert_eq!(Network::parse(bad), None, "{bad}");
    }
}

#[test]
fn base64_has_one_form() {
    for good in ["", "QQ==", "QUI=", "QUJD", "+/+/"] {
        assert!(is_base64(good), "{good}");
    }
    // The last letter before one `=` has two bits that count for nothing, before two `=` four.
    let letters = ('A'..='Z')
        .chain('a'..='z')
        .chain('0'..='9')
        .chain(['+', '/']);
    for (value, letter) in letters.enumerate() {
        assert!(is_base64(&format!("{letter}{letter}{letter}{letter}")));
        let one = is_base64(&format!("QU{letter}="));
        assert_eq!(one, value % 4 == 0, "{letter}");
        let two = is_base64(&format!("Q{letter}=="));
        assert_eq!(two, value % 16 == 0, "{letter}");
    }
    for bad in [
        "Q", "QQ", "QQ=", "QR==", "QUJ=", "QQ==QQ==", "QQ===", "Q Q=", "QQ-_", "====",
    ] {
        assert!(!is_base64(bad), "{bad}");
    }
}
