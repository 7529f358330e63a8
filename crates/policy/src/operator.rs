//! Condition operators by name. Source: IAM User Guide, "IAM JSON policy elements: Condition
//! operators" and "Multivalued context keys".

/// How the values of a key that may have several are taken together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Set {
    /// `ForAllValues:` every value of the request fits; also when it has none.
    All,
    /// `ForAnyValue:` at least one value of the request fits.
    Any,
}

/// How numbers and dates compare: request, then policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Order {
    pub(crate) fn holds<T: Ord>(self, request: &T, policy: &T) -> bool {
        match self {
            Self::Equal => request == policy,
            Self::Less => request < policy,
            Self::LessOrEqual => request <= policy,
            Self::Greater => request > policy,
            Self::GreaterOrEqual => request >= policy,
        }
    }
}

/// What is compared, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    /// `StringEquals`
    Equal,
    /// `StringEqualsIgnoreCase`
    EqualIgnoringCase,
    /// `StringLike`
    Like,
    /// `ArnLike`, `ArnEquals`
    Arn,
    /// `Numeric…`
    Number(Order),
    /// `Date…`
    Date(Order),
    /// `Bool`
    Bool,
    /// `BinaryEquals`
    Binary,
    /// `IpAddress`
    Address,
    /// `Null`
    Null,
}

/// An operator taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Operator {
    pub(crate) set: Option<Set>,
    pub(crate) family: Family,
    /// `…Not…`: holds when none of the policy's values fits.
    pub(crate) negated: bool,
    /// `…IfExists`: holds when the request has no such key.
    pub(crate) if_exists: bool,
}

impl Operator {
    /// Takes a name as a policy writes it, with its case. `Null` takes neither prefix nor suffix.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let (set, name) = if let Some(rest) = name.strip_prefix("ForAllValues:") {
            (Some(Set::All), rest)
        } else if let Some(rest) = name.strip_prefix("ForAnyValue:") {
            (Some(Set::Any), rest)
        } else {
            (None, name)
        };
        let (name, if_exists) = match name.strip_suffix("IfExists") {
            Some(name) => (name, true),
            None => (name, false),
        };
        let (family, negated) = match name {
            "StringEquals" => (Family::Equal, false),
            "StringNotEquals" => (Family::Equal, true),
            "StringEqualsIgnoreCase" => (Family::EqualIgnoringCase, false),
            "StringNotEqualsIgnoreCase" => (Family::EqualIgnoringCase, true),
            "StringLike" => (Family::Like, false),
            "StringNotLike" => (Family::Like, true),
            "ArnEquals" | "ArnLike" => (Family::Arn, false),
            "ArnNotEquals" | "ArnNotLike" => (Family::Arn, true),
            "Bool" => (Family::Bool, false),
            "BinaryEquals" => (Family::Binary, false),
            "IpAddress" => (Family::Address, false),
            "NotIpAddress" => (Family::Address, true),
            "Null" if set.is_none() && !if_exists => (Family::Null, false),
            _ => {
                if let Some(order) = name.strip_prefix("Numeric") {
                    let (order, negated) = read_order(order)?;
                    (Family::Number(order), negated)
                } else {
                    let (order, negated) = read_order(name.strip_prefix("Date")?)?;
                    (Family::Date(order), negated)
                }
            }
        };
        Some(Self {
            set,
            family,
            negated,
            if_exists,
        })
    }
}

fn read_order(name: &str) -> Option<(Order, bool)> {
    Some(match name {
        "Equals" => (Order::Equal, false),
        "NotEquals" => (Order::Equal, true),
        "LessThan" => (Order::Less, false),
        "LessThanEquals" => (Order::LessOrEqual, false),
        "GreaterThan" => (Order::Greater, false),
        "GreaterThanEquals" => (Order::GreaterOrEqual, false),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_apart() {
        let operator = Operator::parse("ForAnyValue:StringNotLikeIfExists").unwrap();
        assert_eq!(
            (
                operator.set,
                operator.family,
                operator.negated,
                operator.if_exists
            ),
            (Some(Set::Any), Family::Like, true, true)
        );
        let plain = Operator::parse("DateGreaterThanEquals").unwrap();
        assert_eq!(
            (plain.set, plain.family, plain.negated, plain.if_exists),
            (None, Family::Date(Order::GreaterOrEqual), false, false)
        );
        for bad in [
            "",
            "stringequals",
            "StringEqual",
            "StringEquals ",
            "IfExists",
            "ForAllValues:",
            "ForAllValues:Null",
            "NullIfExists",
            "forAnyValue:StringEquals",
            "ForAnyValue:ForAllValues:Bool",
            "BoolIfExistsIfExists",
            "BinaryNotEquals",
            "NotBool",
            "NumericLike",
            "Date",
            "Numeric",
            "StringLessThan",
            "ArnEqualsIgnoreCase",
        ] {
            assert_eq!(Operator::parse(bad), None, "{bad}");
        }
    }
}
