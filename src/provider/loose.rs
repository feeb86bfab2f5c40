//! Reading JSON as clouds write it: numbers as strings and the other way round, whole numbers with a fraction of zero,
//! `null` and `""` for what is absent, members that nobody has heard of.

use jiff::Timestamp;
use serde_json::Value;

/// A member, unless absent or null.
#[must_use]
pub fn member<'a>(object: &'a Value, name: &str) -> Option<&'a Value> {
    object.get(name).filter(|value| !value.is_null())
}

/// A text or a number, as text; empty ones too.
#[must_use]
pub fn text(object: &Value, name: &str) -> Option<String> {
    match member(object, name)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A text or a number, as text without blanks around it, unless empty.
#[must_use]
pub fn word(object: &Value, name: &str) -> Option<String> {
    let text = text(object, name)?;
    let word = text.trim();
    (!word.is_empty()).then(|| word.to_owned())
}

/// A whole number, also as text.
#[must_use]
pub fn integer(object: &Value, name: &str) -> Option<i64> {
    let value = member(object, name)?;
    if let Some(number) = value.as_i64() {
        return Some(number);
    }
    if let Some(text) = value.as_str() {
        let text = text.trim();
        return text.parse().ok().or_else(|| whole(text.parse().ok()?));
    }
    whole(value.as_f64()?)
}

/// A number, also as text.
#[must_use]
pub fn number(object: &Value, name: &str) -> Option<f64> {
    let value = member(object, name)?;
    let number = match value {
        Value::String(text) => text.trim().parse().ok(),
        _ => value.as_f64(),
    };
    number.filter(|number| number.is_finite())
}

/// A truth, also as a number or as text.
#[must_use]
pub fn boolean(object: &Value, name: &str) -> Option<bool> {
    match member(object, name)? {
        Value::Bool(truth) => Some(*truth),
        Value::Number(number) => Some(number.as_f64()? != 0.0),
        Value::String(text) => match text.trim().to_ascii_lowercase().as_str() {
            "true" | "1" => Some(true),
            "false" | "0" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

/// A moment in seconds since 1970; 0 means absent.
#[must_use]
pub fn unix_seconds(object: &Value, name: &str) -> Option<Timestamp> {
    let seconds = integer(object, name).filter(|seconds| *seconds > 0)?;
    Timestamp::from_second(seconds).ok()
}

/// An id: letters, digits, `.`, `_` and `-`, at most 128 of them. Anything else is no id that a later call, a URL or
/// an annotation could hold.
#[must_use]
pub fn id(object: &Value, name: &str) -> Option<String> {
    word(object, name).filter(|id| is_plain(id) && id.len() <= 128)
}

/// Letters, digits, `.`, `_` and `-` only, and not nothing: safe in a shell, a URL and a file name.
#[must_use]
pub fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
}

/// A vendor's word for status: without control characters, 64 characters at most.
#[must_use]
pub fn state_word(object: &Value, name: &str) -> String {
    let text = word(object, name).unwrap_or_default();
    text.chars().filter(|c| !c.is_control()).take(64).collect()
}

fn whole(number: f64) -> Option<i64> {
    // Every whole number in this range is exact in floating point.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    #[allow(clippy::cast_possible_truncation, reason = "whole and in range")]
    (number.fract() == 0.0 && number.abs() <= EXACT).then_some(number as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_come_in_many_spellings() {
        for (value, expected) in [
            (json!(33251), Some(33251)),
            (json!("33251"), Some(33251)),
            (json!(" 33251 "), Some(33251)),
            (json!(33251.0), Some(33251)),
            (json!("33251.0"), Some(33251)),
            (json!(1.5), None),
            (json!(1e300), None),
            (json!("NaN"), None),
            (json!(""), None),
            (json!(null), None),
            (json!([1]), None),
        ] {
            assert_eq!(integer(&json!({ "n": value }), "n"), expected, "{value}");
        }
        assert_eq!(number(&json!({"n": "1.89"}), "n"), Some(1.89));
        assert_eq!(number(&json!({"n": "inf"}), "n"), None);
    }

    #[test]
    fn truths_and_texts_come_in_many_spellings() {
        for (value, expected) in [
            (json!(true), Some(true)),
            (json!(1.0), Some(true)),
            (json!(0), Some(false)),
            (json!("True"), Some(true)),
            (json!("no idea"), None),
        ] {
            assert_eq!(boolean(&json!({ "b": value }), "b"), expected, "{value}");
        }
        assert_eq!(word(&json!({"w": " "}), "w"), None);
        assert_eq!(text(&json!({"w": ""}), "w"), Some(String::new()));
        assert_eq!(text(&json!({"w": 7}), "w"), Some("7".to_owned()));
        assert_eq!(state_word(&json!({"s": "a\u{1b}[31mb"}), "s"), "a[31mb");
    }

    #[test]
    fn an_id_is_something_that_a_later_call_can_hold() {
        for (value, good) in [
            (json!("cfwbjwa0soug79w2"), true),
            (json!(42), true),
            (json!("a/../b"), false),
            (json!("a b"), false),
            (json!("中"), false),
            (json!("x".repeat(129)), false),
        ] {
            assert_eq!(id(&json!({ "id": value }), "id").is_some(), good, "{value}");
        }
    }

    #[test]
    fn a_moment_of_zero_is_absent() {
        assert_eq!(unix_seconds(&json!({"t": 0}), "t"), None);
        assert_eq!(
            unix_seconds(&json!({"t": "1732240000"}), "t").map(Timestamp::as_second),
            Some(1_732_240_000)
        );
    }
}
