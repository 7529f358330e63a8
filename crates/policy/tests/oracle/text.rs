//! Texts with wildcards and policy variables.

use crate::facts::Facts;

/// One piece of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Token {
    /// That character.
    Char(char),
    /// `?`: any one character.
    One,
    /// `*`: any characters, or none.
    Any,
}

/// Whether `*` and `?` of the policy's own text mean something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wildcards {
    Yes,
    No,
}

/// A policy's text without variables.
pub(crate) fn plain(text: &str, wildcards: Wildcards) -> Vec<Token> {
    let token = |c| match (c, wildcards) {
        ('*', Wildcards::Yes) => Token::Any,
        ('?', Wildcards::Yes) => Token::One,
        (c, _) => Token::Char(c),
    };
    text.chars().map(token).collect()
}

fn literal(text: &str) -> Vec<Token> {
    text.chars().map(Token::Char).collect()
}

/// A policy's text with its variables replaced; what replaces them is literal. `None` when a
/// variable has no single value and no default: there is no equal or like value then.
///
/// Source: IAM User Guide, "Policy elements: variables and tags"; variables exist from version
/// 2012-10-17 on.
pub(crate) fn expand(
    text: &str,
    variables: bool,
    wildcards: Wildcards,
    facts: &Facts,
) -> Option<Vec<Token>> {
    let Some((before, rest)) = text.split_once("${").filter(|_| variables) else {
        return Some(plain(text, wildcards));
    };
    let (inside, after) = rest.split_once('}')?;
    let mut tokens = plain(before, wildcards);
    match inside {
        "*" | "?" | "$" => tokens.extend(literal(inside)),
        _ => tokens.extend(literal(&resolve(inside, facts)?)),
    }
    tokens.extend(expand(after, variables, wildcards, facts)?);
    Some(tokens)
}

fn resolve(inside: &str, facts: &Facts) -> Option<String> {
    let (key, default) = match inside.split_once(',') {
        Some((key, default)) => (key.trim(), Some(default.trim().trim_matches('\''))),
        None => (inside, None),
    };
    match facts.single(key) {
        Some(value) => Some(value.text()),
        None => default.map(str::to_owned),
    }
}

/// Whether the whole text fits. Tries every way; the texts here have few stars.
pub(crate) fn like(pattern: &[Token], text: &str) -> bool {
    fits(pattern, &text.chars().collect::<Vec<char>>())
}

fn fits(pattern: &[Token], text: &[char]) -> bool {
    let Some((token, rest)) = pattern.split_first() else {
        return text.is_empty();
    };
    match (token, text.split_first()) {
        (Token::Any, None) => fits(rest, text),
        (Token::Any, Some((_, after))) => fits(rest, text) || fits(pattern, after),
        (Token::One, Some((_, after))) => fits(rest, after),
        (Token::Char(c), Some((first, after))) => c == first && fits(rest, after),
        (Token::One | Token::Char(_), None) => false,
    }
}

/// Splits an ARN's pattern at its first five colons.
fn fields(pattern: &[Token]) -> Option<Vec<Vec<Token>>> {
    let mut fields = vec![Vec::new()];
    for token in pattern {
        let last = fields.len() - 1;
        if *token == Token::Char(':') && last < 5 {
            fields.push(Vec::new());
        } else {
            fields[last].push(*token);
        }
    }
    (fields.len() == 6).then_some(fields)
}

/// Whether an ARN fits a pattern: "each of the six colon-delimited components of the ARN is
/// checked separately and each can include" wildcards. What has fewer fits nothing.
pub(crate) fn arn_like(pattern: &[Token], text: &str) -> bool {
    let (Some(patterns), Some(texts)) = (fields(pattern), fields(&literal(text))) else {
        return false;
    };
    let back = |tokens: &[Token]| -> String {
        let char = |token: &Token| match token {
            Token::Char(c) => *c,
            Token::One | Token::Any => unreachable!("literal"),
        };
        tokens.iter().map(char).collect()
    };
    let mut pairs = patterns.iter().zip(&texts);
    pairs.all(|(pattern, text)| like(pattern, &back(text)))
}

#[test]
fn patterns_and_variables() {
    let facts = Facts::of(&[("aws:PrincipalTag/team", "a*")]);
    let fit = |pattern: &str, text: &str| {
        let tokens = expand(pattern, true, Wildcards::Yes, &facts);
        tokens.is_some_and(|tokens| like(&tokens, text))
    };
    assert!(fit("a*c?", "abbcd") && !fit("a*c?", "abbc"));
    assert!(fit("${AWS:principaltag/TEAM}b", "a*b"));
    assert!(!fit("${aws:PrincipalTag/team}b", "axb"));
    assert!(
        fit("${aws:PrincipalTag/x, 'd*'}*", "d*z") && !fit("${aws:PrincipalTag/x, 'd*'}", "dz")
    );
    assert!(!fit("${aws:PrincipalTag/x}", "") && !fit("*${aws:PrincipalTag/x}", "a"));
    assert!(fit("${*}${?}${$}", "*?$") && !fit("${*}", "a"));
    assert!(arn_like(
        &plain("arn:aws:*:::b*", Wildcards::Yes),
        "arn:aws:s3:::b:c"
    ));
    assert!(!arn_like(
        &plain("arn:aws:*", Wildcards::Yes),
        "arn:aws:s3:::b"
    ));
    assert!(!arn_like(
        &plain("arn:*:s3:::b", Wildcards::Yes),
        "arn:aws:x:s3:::b"
    ));
}
