//! What an unquoted word means: the rules of go-yaml v2, by which kubectl reads files. They are
//! YAML 1.1's with a few exceptions (no base 60, `0o17` as well as `017`).

use serde_json::{Number, Value};

/// A resolved scalar, before it becomes a value or a key.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Scalar {
    Null,
    Bool(bool),
    Int(i128),
    Float(f64),
    Text(String),
}

impl Scalar {
    /// The short name of its YAML tag.
    pub(super) fn tag(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Float(_) => "float",
            Self::Text(_) => "str",
        }
    }

    /// As JSON, which knows neither infinities nor a difference between `1e3` and `1000`.
    pub(super) fn into_value(self) -> Result<Value, String> {
        Ok(match self {
            Self::Null => Value::Null,
            Self::Bool(b) => Value::Bool(b),
            Self::Int(i) => Value::Number(Number::from_i128(i).ok_or("the number is too large")?),
            Self::Float(f) => number(f)?,
            Self::Text(s) => Value::String(s),
        })
    }

    /// As a mapping's key: everything but null is turned into text.
    pub(super) fn into_key(self) -> Result<String, String> {
        match self {
            Self::Null => Err("a key must not be null: write it in quotes".into()),
            Self::Bool(b) => Ok(b.to_string()),
            Self::Int(i) if i > i128::from(i64::MAX) => {
                Err("a number this large cannot be a key: write it in quotes".into())
            }
            Self::Int(i) => Ok(i.to_string()),
            Self::Float(f) => Ok(float_key(f)),
            Self::Text(s) => Ok(s),
        }
    }
}

/// Go prints whole floats without a fraction, and Kubernetes reads such numbers as integers.
fn number(float: f64) -> Result<Value, String> {
    if float.fract() == 0.0 && float.abs() < 9.2e18 {
        #[allow(clippy::cast_possible_truncation, reason = "whole, and within the bounds of i64")]
        return Ok(Value::from(float as i64));
    }
    Number::from_f64(float).map(Value::Number).ok_or_else(|| "JSON has no infinity and no NaN".to_owned())
}

/// `strconv.FormatFloat(f, 'g', -1, 32)`, by which sigs.k8s.io/yaml writes keys.
fn float_key(float: f64) -> String {
    #[allow(clippy::cast_possible_truncation, reason = "the original prints 32 bits")]
    let short = float as f32;
    if short.is_nan() {
        return ".nan".into();
    }
    if short.is_infinite() {
        return if short > 0.0 { ".inf" } else { "-.inf" }.into();
    }
    let scientific = format!("{short:e}");
    let Some((mantissa, exponent)) = scientific.split_once('e') else { return scientific };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..6).contains(&exponent) {
        return format!("{short}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.abs())
}

/// Resolves a plain scalar without a tag.
pub(super) fn resolve(text: &str) -> Scalar {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Scalar::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            return Scalar::Bool(true);
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            return Scalar::Bool(false);
        }
        ".nan" | ".NaN" | ".NAN" => return Scalar::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => return Scalar::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => return Scalar::Float(f64::NEG_INFINITY),
        _ => {}
    }
    let resolved = match text.as_bytes()[0] {
        b'.' => underscores_between_digits(text).then(|| float(&text.replace('_', ""))).flatten(),
        b'+' | b'-' | b'0'..=b'9' => {
            let plain = text.replace('_', "");
            integer(&plain).map(Scalar::Int).or_else(|| float(&plain))
        }
        _ => None,
    };
    resolved.unwrap_or_else(|| Scalar::Text(text.to_owned()))
}

/// Resolves a scalar that carries the tag `!!tag`.
pub(super) fn resolve_as(tag: &str, text: &str) -> Result<Scalar, String> {
    let found = resolve(text);
    match (tag, found) {
        ("str", _) => Ok(Scalar::Text(text.to_owned())),
        #[allow(clippy::cast_precision_loss, reason = "what the tag asks for")]
        ("float", Scalar::Int(i)) => Ok(Scalar::Float(i as f64)),
        ("timestamp", Scalar::Text(text)) => Ok(Scalar::Text(text)),
        (tag, found) if tag == found.tag() => Ok(found),
        (tag @ ("bool" | "int" | "float" | "null" | "timestamp"), found) => {
            Err(format!("{text:?} is not a !!{tag} but a !!{}", found.tag()))
        }
        _ => Err(format!("the tag !!{tag} is not supported here")),
    }
}

/// `strconv.ParseInt(text, 0, 64)`, or `ParseUint`: a sign, then a prefix that gives the base.
fn integer(text: &str) -> Option<i128> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let lower = digits.to_ascii_lowercase();
    let (base, digits) = if let Some(rest) = lower.strip_prefix("0x") {
        (16, rest)
    } else if let Some(rest) = lower.strip_prefix("0b") {
        (2, rest)
    } else if let Some(rest) = lower.strip_prefix("0o") {
        (8, rest)
    } else if lower.len() > 1 && lower.starts_with('0') {
        (8, &lower[1..])
    } else {
        (10, lower.as_str())
    };
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return None;
    }
    let magnitude = i128::from(u64::from_str_radix(digits, base).ok()?);
    let value = if negative { -magnitude } else { magnitude };
    // A sign of either sort rules out the unsigned range.
    let signed = text.starts_with(['-', '+']);
    (value >= i128::from(i64::MIN) && !(signed && value > i128::from(i64::MAX))).then_some(value)
}

/// `^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$`, and not beyond a float's range.
fn float(text: &str) -> Option<Scalar> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let all_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let shaped = all_digits(whole)
        && all_digits(fraction)
        && !(whole.is_empty() && fraction.is_empty())
        && exponent.is_none_or(|e| {
            let digits = e.strip_prefix(['-', '+']).unwrap_or(e);
            !digits.is_empty() && all_digits(digits)
        });
    let value: f64 = shaped.then(|| text.parse().ok()).flatten()?;
    value.is_finite().then_some(Scalar::Float(value))
}

/// A float that begins with a dot goes through Go's own parser, which is strict about underscores.
fn underscores_between_digits(text: &str) -> bool {
    let bytes = text.as_bytes();
    let digit = |i: Option<usize>| i.and_then(|i| bytes.get(i)).is_some_and(u8::is_ascii_digit);
    (0..bytes.len()).filter(|&i| bytes[i] == b'_').all(|i| digit(i.checked_sub(1)) && digit(Some(i + 1)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Each line was read by sigs.k8s.io/yaml 1.6 and gave what stands beside it.
    #[test]
    fn unquoted_words_mean_what_they_mean_to_kubectl() {
        let table = [
            ("no", json!(false)),
            ("y", json!(true)),
            ("On", json!(true)),
            ("oN", json!("oN")),
            ("nULL", json!("nULL")),
            ("~", json!(null)),
            ("1e3", json!(1000)),
            ("1.e5", json!(100_000)),
            (".5e3", json!(500)),
            ("0.5", json!(0.5)),
            ("+.5", json!(0.5)),
            ("0.", json!(0)),
            ("-0", json!(0)),
            ("1e21", json!(1e21)),
            ("1e400", json!("1e400")),
            ("08", json!(8)),
            ("017", json!(15)),
            ("-017", json!(-15)),
            ("00", json!(0)),
            ("0o17", json!(15)),
            ("0O7", json!(7)),
            ("0x1f", json!(31)),
            ("-0x1f", json!(-31)),
            ("0x_1f", json!(31)),
            ("0x", json!("0x")),
            ("0x1p-2", json!("0x1p-2")),
            ("0b12", json!("0b12")),
            ("-0b11", json!(-3)),
            ("1_000", json!(1000)),
            ("1_", json!(1)),
            ("_1", json!("_1")),
            ("+12", json!(12)),
            ("+", json!("+")),
            (".", json!(".")),
            (".e5", json!(".e5")),
            (".5_0", json!(0.5)),
            ("._5", json!("._5")),
            (".5__0", json!(".5__0")),
            (".5e1_0", json!(5_000_000_000_i64)),
            (".infinity", json!(".infinity")),
            ("12:30:45", json!("12:30:45")),
            ("2001-01-01", json!("2001-01-01")),
            ("2001-12-14T21:59:43.10-05:00", json!("2001-12-14T21:59:43.10-05:00")),
            ("=", json!("=")),
            ("18446744073709551615", json!(18_446_744_073_709_551_615_u64)),
            ("18446744073709551616", json!(18_446_744_073_709_551_616_f64)),
            ("-9223372036854775809", json!(-9_223_372_036_854_775_809_f64)),
        ];
        for (text, meant) in table {
            assert_eq!(resolve(text).into_value(), Ok(meant), "{text}");
        }
        for text in [".inf", "-.INF", ".NaN"] {
            assert!(resolve(text).into_value().is_err(), "{text}");
        }
    }

    #[test]
    fn keys_become_text() {
        let table = [
            ("on", "true"),
            ("N", "false"),
            ("0x10", "16"),
            ("1.5", "1.5"),
            ("1000000.0", "1e+06"),
            ("100000.0", "100000"),
            ("1234567.0", "1.234567e+06"),
            ("123456789.5", "1.2345679e+08"),
            ("1e30", "1e+30"),
            ("0.00001", "1e-05"),
            ("0.0001", "0.0001"),
            ("word", "word"),
        ];
        for (text, key) in table {
            assert_eq!(resolve(text).into_key().as_deref(), Ok(key), "{text}");
        }
        assert!(resolve("~").into_key().is_err());
    }

    #[test]
    fn tags_are_honoured_or_refused() {
        assert_eq!(resolve_as("str", "no"), Ok(Scalar::Text("no".into())));
        assert_eq!(resolve_as("int", "3"), Ok(Scalar::Int(3)));
        assert_eq!(resolve_as("float", "3"), Ok(Scalar::Float(3.0)));
        assert!(resolve_as("bool", "3").is_err());
        assert!(resolve_as("binary", "aGk=").is_err());
    }
}
