//! What a scalar without quotes means: numbers, booleans and nulls as the reference's YAML reader resolves them.

/// A scalar as it stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Scalar<'d> {
    /// Its text, escapes resolved.
    pub text: &'d str,
    /// `true` for `"…"`, `'…'`, `|` and `>`, in JSON for strings: then it is a string whatever it looks like.
    pub quoted: bool,
}

/// What a scalar resolves to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Plain<'d> {
    /// `true`, `false` in lower, upper or title case. `yes`, `on`, `y` are text, as in the reference.
    Bool(bool),
    /// A number with fraction or exponent, or digits that fit no other form (`012345678901` has an 8: not octal).
    Float(f64),
    /// Decimal, `0x…`, `0b…`, `0o…` or octal by a leading zero; underscores are skipped.
    Int(i128),
    /// Empty, `~`, `null`.
    Null,
    /// Anything else, dates included, and everything in quotes.
    Text(&'d str),
}

impl<'d> Scalar<'d> {
    /// What it means.
    #[must_use]
    pub fn plain(self) -> Plain<'d> {
        if self.quoted {
            return Plain::Text(self.text);
        }
        match self.text {
            "" | "~" | "null" | "Null" | "NULL" => return Plain::Null,
            "true" | "True" | "TRUE" => return Plain::Bool(true),
            "false" | "False" | "FALSE" => return Plain::Bool(false),
            _ => {}
        }
        let first = self.text.as_bytes().first().copied().unwrap_or_default();
        if !(first.is_ascii_digit() || matches!(first, b'+' | b'-' | b'.')) {
            return Plain::Text(self.text);
        }
        let digits = self.text.replace('_', "");
        if let Some(number) = integer(&digits) {
            return Plain::Int(number);
        }
        match digits.parse() {
            Ok(number) if is_decimal_float(&digits) => Plain::Float(number),
            _ => Plain::Text(self.text),
        }
    }

    /// What it means in YAML 1.1, as the YAML reader of Kubernetes has it: `y`, `n`, `yes`, `no`, `on` and `off` are
    /// booleans, `.inf` and `.nan` are numbers. Dates stay texts, as there.
    #[must_use]
    pub fn yaml_1_1(self) -> Plain<'d> {
        if self.quoted {
            return Plain::Text(self.text);
        }
        match self.text {
            "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Plain::Bool(true),
            "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => Plain::Bool(false),
            ".nan" | ".NaN" | ".NAN" => Plain::Float(f64::NAN),
            ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Plain::Float(f64::INFINITY),
            "-.inf" | "-.Inf" | "-.INF" => Plain::Float(f64::NEG_INFINITY),
            // Underscores are no part of a fraction that begins so.
            text if text.starts_with('.') && text.contains('_') => Plain::Text(text),
            _ => self.plain(),
        }
    }

    /// Whether it is empty or `null`, without quotes.
    #[must_use]
    pub fn is_null(self) -> bool {
        matches!(self.plain(), Plain::Null)
    }

    /// As the reference turns a value into the text of a mapping's field: numbers in their shortest decimal form (a
    /// leading zero is lost, octal is converted), booleans as `1` and `0`, null as nothing.
    #[must_use]
    pub fn to_mapping_text(self) -> String {
        match self.plain() {
            Plain::Bool(value) => if value { "1" } else { "0" }.to_owned(),
            Plain::Float(number) => number.to_string(),
            Plain::Int(number) => number.to_string(),
            Plain::Null => String::new(),
            Plain::Text(text) => text.to_owned(),
        }
    }

    /// A boolean: `true` and `false`, or text as Go's `ParseBool` takes it.
    #[must_use]
    pub fn to_bool(self) -> Option<bool> {
        match self.text {
            "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
            "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
            _ => None,
        }
    }

    /// A whole number, from a number or from text that spells one.
    #[must_use]
    pub fn to_integer(self) -> Option<i128> {
        match (Scalar { text: self.text.trim(), quoted: false }).plain() {
            Plain::Int(number) => Some(number),
            Plain::Bool(_) | Plain::Float(_) | Plain::Null | Plain::Text(_) => None,
        }
    }
}

/// Go's `ParseInt` with base 0, within 64 bits of either sign.
fn integer(text: &str) -> Option<i128> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, text.get(1..)?),
        b'+' => (false, text.get(1..)?),
        _ => (false, text),
    };
    let lower = digits.get(..2).map(str::to_ascii_lowercase);
    let (radix, digits) = match lower.as_deref() {
        Some("0x") => (16, digits.get(2..)?),
        Some("0b") => (2, digits.get(2..)?),
        Some("0o") => (8, digits.get(2..)?),
        Some(_) if digits.starts_with('0') => (8, digits.get(1..)?),
        _ => (10, digits),
    };
    if digits.is_empty() || digits.starts_with(['+', '-']) {
        return None;
    }
    let size = i128::from(u64::from_str_radix(digits, radix).ok()?);
    Some(if negative { size.checked_neg()? } else { size })
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`: neither `inf`, `NaN` nor version numbers are floats.
fn is_decimal_float(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).map_or((unsigned, None), |(m, e)| (m, Some(e)));
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let good_exponent = exponent.is_none_or(|exponent| {
        let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        !digits.is_empty() && all_digits(digits)
    });
    all_digits(whole) && all_digits(fraction) && !(whole.is_empty() && fraction.is_empty()) && good_exponent
}
