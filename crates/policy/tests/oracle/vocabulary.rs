//! The few names, keys and values that everything is made of, so that near-misses are frequent.

/// A small generator of its own (SplitMix64), so that a case is repeated by its seed alone.
#[derive(Debug, Clone)]
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.roll() % n as u64).unwrap()
    }

    pub(crate) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub(crate) fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }

    pub(crate) fn name(&mut self, of: &[&'static str]) -> &'static str {
        of[self.below(of.len())]
    }

    pub(crate) fn text(&mut self, of: &[&str]) -> String {
        (*self.pick(of)).to_owned()
    }
}

pub(crate) const ACCOUNTS: [&str; 2] = ["111122223333", "444455556666"];
pub(crate) const USERS: [&str; 3] = ["alice", "team/alice", "Alice"];
pub(crate) const ROLES: [&str; 3] = ["worker", "svc/worker", "work"];
pub(crate) const SESSIONS: [&str; 2] = ["one", "two"];
pub(crate) const SERVICES: [&str; 3] = [
    "s3.amazonaws.com",
    "sns.amazonaws.com",
    "s3.amazonaws.com.evil.example",
];
pub(crate) const PROVIDERS: [&str; 3] = [
    "arn:aws:iam::111122223333:oidc-provider/accounts.example.com",
    "accounts.example.com",
    "accounts.example.com.evil.example",
];
pub(crate) const PARTITIONS: [&str; 8] =
    ["aws", "aws", "aws", "aws", "aws", "aws", "aws", "aws-cn"];

pub(crate) const ACTIONS: [&str; 5] = [
    "kms:Encrypt",
    "kms:Decrypt",
    "kms:ReEncryptTo",
    "kms:ReEncryptFrom",
    "kms:PutKeyPolicy",
];
pub(crate) const ACTION_PATTERNS: [&str; 13] = [
    "kms:*",
    "kms:*",
    "kms:Encrypt",
    "KMS:encrypt",
    "kms:Decryp?",
    "kms:ReEncrypt*",
    "kms:*crypt",
    "kms:ReEncrypt",
    "kms:De*t",
    "kms:?????????",
    "s3:*",
    "kms:Put*",
    "kms:*Encrypt*",
];
pub(crate) const TRUST_ACTIONS: [&str; 4] = [
    "sts:AssumeRole",
    "sts:AssumeRoleWithWebIdentity",
    "sts:TagSession",
    "sts:SetSourceIdentity",
];
pub(crate) const TRUST_ACTION_PATTERNS: [&str; 6] = [
    "sts:AssumeRole",
    "sts:*",
    "STS:assumerole",
    "sts:TagSession",
    "sts:Assume*",
    "sts:AssumeRoleWith*",
];

pub(crate) const RESOURCES: [&str; 7] = [
    "arn:aws:kms:eu-west-1:111122223333:key/ab",
    "arn:aws:kms:eu-west-1:111122223333:key/AB",
    "arn:aws:kms:eu-west-1:111122223333:key/ab*",
    "arn:aws:kms:eu-west-1:444455556666:key/ab",
    "arn:aws:kms:us-east-1:111122223333:key/mrk-ab",
    "arn:aws:kms:eu-west-1:111122223333:alias/alice",
    "arn:aws:kms:eu-west-1:111122223333:alias/a*",
];
pub(crate) const RESOURCE_PATTERNS: [&str; 18] = [
    "*",
    "*",
    "arn:aws:kms:*:111122223333:key/*",
    "arn:aws:kms:eu-west-1:*:key/ab",
    "arn:aws:kms:eu-west-1:111122223333:key/ab",
    "arn:aws:kms:eu-west-1:111122223333:key/a?",
    "arn:aws:kms:eu-west-1:111122223333:*",
    "arn:aws:kms:*:*:*",
    "arn:aws:kms:eu-west-?:1111*:key/mrk-*",
    "arn:aws:kms:eu-west-1:111122223333:alias/${aws:username}",
    "arn:aws:kms:eu-west-1:111122223333:key/${aws:PrincipalTag/team}",
    "arn:aws:kms:eu-west-1:111122223333:*/${aws:PrincipalTag/team}*",
    "arn:aws:kms:eu-west-1:111122223333:key/${aws:PrincipalTag/team, 'ab'}",
    "arn:aws:kms:eu-west-1:111122223333:key/${aws:PrincipalTag/unit, 'a*'}",
    "arn:aws:kms:eu-west-1:111122223333:key/${aws:TagKeys}",
    "arn:aws:kms:eu-west-1:111122223333:key/ab${*}",
    "arn:aws:kms:eu-west-1:111122223333:key/a${?}",
    "arn:aws:kms:eu-west-1:${aws:PrincipalAccount}:*",
];

/// What a condition key holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Type {
    Text,
    Arn,
    Number,
    Flag,
    Moment,
    Seconds,
    Address,
    Bytes,
}

/// Condition keys: name, type, whether a set.
pub(crate) const KEYS: [(&str, Type, bool); 27] = [
    ("aws:username", Type::Text, false),
    ("aws:PrincipalTag/team", Type::Text, false),
    ("aws:PrincipalTag/unit", Type::Text, false),
    ("aws:RequestTag/team", Type::Text, false),
    ("kms:EncryptionContext:team", Type::Text, false),
    ("kms:ViaService", Type::Text, false),
    ("sts:ExternalId", Type::Text, false),
    ("acme:unknown", Type::Text, false),
    ("accounts.example.com:aud", Type::Text, false),
    ("aws:PrincipalAccount", Type::Text, false),
    ("aws:PrincipalArn", Type::Arn, false),
    ("aws:SourceArn", Type::Arn, false),
    ("aws:TagKeys", Type::Text, true),
    ("kms:EncryptionContextKeys", Type::Text, true),
    ("kms:GrantOperations", Type::Text, true),
    ("aws:CalledVia", Type::Text, true),
    ("kms:RotationPeriodInDays", Type::Number, false),
    ("aws:MultiFactorAuthAge", Type::Number, false),
    ("acme:size", Type::Number, false),
    ("aws:SecureTransport", Type::Flag, false),
    ("kms:MultiRegion", Type::Flag, false),
    ("aws:CurrentTime", Type::Moment, false),
    ("aws:TokenIssueTime", Type::Moment, false),
    ("aws:EpochTime", Type::Seconds, false),
    ("aws:SourceIp", Type::Address, false),
    ("aws:VpcSourceIp", Type::Address, false),
    ("acme:digest", Type::Bytes, false),
];

/// Values of requests.
pub(crate) const TEXTS: [&str; 13] = [
    "a",
    "A",
    "ab",
    "a*",
    "*",
    "a?",
    "alice",
    "team",
    "Team",
    "111122223333",
    "é",
    "É",
    "${aws:username}",
];
/// Values of policies, beside those of requests.
pub(crate) const TEXT_PATTERNS: [&str; 18] = [
    "a*",
    "?",
    "*b",
    "*",
    "a${*}",
    "a${?}",
    "${*}",
    "${$}{aws:username}",
    "${aws:username}",
    "${AWS:UserName}*",
    "${aws:PrincipalTag/team}",
    "${aws:PrincipalTag/TEAM}*",
    "${aws:PrincipalTag/unit, 'a*'}",
    "${aws:PrincipalTag/unit, 'ab'}?",
    "${aws:TagKeys}",
    "?${kms:EncryptionContext:team}",
    "é*",
    "",
];
pub(crate) const ARNS: [&str; 6] = [
    "arn:aws:iam::111122223333:user/alice",
    "arn:aws:iam::111122223333:role/svc/worker",
    "arn:aws:s3:::bucket",
    "arn:aws:s3:::bucket:x",
    "arn:aws:s3:::Bucket",
    "bucket",
];
pub(crate) const ARN_PATTERNS: [&str; 8] = [
    "arn:aws:iam::111122223333:*",
    "arn:aws:iam::*:user/*",
    "arn:*:s3:::bucket",
    "arn:aws:s3:::buck?t*",
    "arn:aws:s3:*:bucket",
    "arn:aws:iam::111122223333:user/${aws:username}",
    "arn:aws:iam::${aws:PrincipalAccount}:*",
    "arn:aws:*:*:*:*",
];
/// Numbers of requests; those of policies are written in several ways.
pub(crate) const NUMBERS: [i64; 6] = [-1, 0, 7, 8, 90, 365];
pub(crate) const NUMBER_TEXTS: [&str; 9] =
    ["-1", "0", "7", "7.0", "7.5", "8", "90", "365", "365.25"];
/// Moments, in milliseconds: around the turn of the year 2026, and a leap day.
pub(crate) const MOMENTS: [i64; 5] = [
    1_767_225_599_000,
    1_767_225_600_000,
    1_767_225_600_500,
    1_767_225_601_000,
    1_709_164_800_000,
];
pub(crate) const MOMENT_TEXTS: [&str; 9] = [
    "2025-12-31T23:59:59Z",
    "2026-01-01T00:00:00Z",
    "2026-01-01",
    "2026-01-01T01:00:00+01:00",
    "2025-12-31T19:00:01-05:00",
    "2026-01-01T00:00:00.500Z",
    "1767225600",
    "1767225601",
    "2024-02-29",
];
pub(crate) const ADDRESSES: [&str; 6] = [
    "10.0.0.1",
    "10.0.0.130",
    "10.0.1.1",
    "192.0.2.1",
    "2001:db8::1",
    "2001:db8:1::1",
];
pub(crate) const RANGES: [&str; 11] = [
    "10.0.0.0/24",
    "10.0.0.128/25",
    "10.0.0.1",
    "10.0.0.1/32",
    "10.0.0.0/23",
    "0.0.0.0/0",
    "::/0",
    "2001:db8::/32",
    "2001:db8::/48",
    "2001:db8::1",
    "192.0.2.0/30",
];
pub(crate) const BYTES: [&str; 3] = ["YWI=", "YWJj", "QUI="];
