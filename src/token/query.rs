//! Rules 8 to 10: the query as single, decoded values, each name of which is on the list.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use secrecy::SecretString;
use zeroize::Zeroizing;

use super::{TokenError, zeroed};

/// The names a presigned `GetCallerIdentity` may carry. No caller's text is a name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Name {
    Action,
    Algorithm,
    Credential,
    Date,
    Expires,
    SecurityToken,
    Signature,
    SignedHeaders,
    Version,
}

/// Each allowed parameter once at most, values as the bytes they stand for, in received order with received spelling.
///
/// Owns its bytes in one buffer, zeroised on drop.
#[derive(Clone)]
pub(super) struct Query {
    bytes: Zeroizing<Box<[u8]>>,
    parameters: [Option<Parameter>; Name::COUNT],
}

/// Where name and value stand in the buffer: one behind the other.
#[derive(Clone, Copy)]
struct Parameter {
    name: Name,
    start: usize,
    middle: usize,
    end: usize,
}

/// Unreserved characters stay, every other byte becomes `%XX`, as SigV4 demands.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

impl Query {
    /// Splits at `&`, decodes names and values, and judges all names.
    ///
    /// # Errors
    /// [`TokenError::BadQuery`], then [`TokenError::NamesCollide`], then [`TokenError::ParameterNotAllowed`] or
    /// [`TokenError::ParameterRepeated`], whichever comes first in the query.
    pub(super) fn parse(query: &str) -> Result<Self, TokenError> {
        if query.contains(';') {
            return Err(TokenError::BadQuery);
        }
        // INVARIANT: decoding never lengthens, so the buffer is never moved and leaves no copy behind.
        let mut bytes = zeroed(query.len());
        let mut end = 0;
        let mut parameters = [None; Name::COUNT];
        let mut faults = Faults::default();
        for piece in query.split('&').filter(|piece| !piece.is_empty()) {
            let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
            let start = end;
            let middle = decode(name, &mut bytes, start)?;
            end = decode(value, &mut bytes, middle)?;
            let spelling = bytes.get(start..middle).unwrap_or_default();
            match Name::of(spelling) {
                Some(name) => {
                    let parameter = Parameter { name, start, middle, end };
                    if let Some(earlier) = insert(&mut parameters, parameter) {
                        faults.repeated(bytes.get(earlier.start..earlier.middle) == Some(spelling));
                    }
                }
                None => faults.not_allowed(start, middle),
            }
        }
        faults.judge(&bytes)?;
        Ok(Self { bytes, parameters })
    }

    /// The decoded value of a parameter.
    pub(super) fn value(&self, name: Name) -> Option<&[u8]> {
        let parameter = self.parameters.iter().flatten().find(|parameter| parameter.name == name)?;
        self.bytes.get(parameter.middle..parameter.end)
    }

    /// `/?name=value&…` by the one encoder, in received order.
    pub(super) fn encode(&self) -> SecretString {
        let text = |out: &mut dyn FnMut(&str)| {
            let mut separator = "/?";
            for parameter in self.parameters.iter().flatten() {
                out(separator);
                let name = self.bytes.get(parameter.start..parameter.middle).unwrap_or_default();
                percent_encode(name, ENCODED).for_each(&mut *out);
                out("=");
                let value = self.bytes.get(parameter.middle..parameter.end).unwrap_or_default();
                percent_encode(value, ENCODED).for_each(&mut *out);
                separator = "&";
            }
        };
        // Measured first: a text that grew would leave copies of itself behind.
        let mut length: usize = 0;
        text(&mut |part| length = length.saturating_add(part.len()));
        let mut encoded = String::with_capacity(length);
        text(&mut |part| encoded.push_str(part));
        encoded.into()
    }
}

impl Name {
    const COUNT: usize = 9;

    /// Names compare without ASCII case: a Kelvin sign is no k.
    fn of(spelling: &[u8]) -> Option<Self> {
        const NAMES: [(&[u8], Name); Name::COUNT] = [
            (b"action", Name::Action),
            (b"version", Name::Version),
            (b"x-amz-algorithm", Name::Algorithm),
            (b"x-amz-credential", Name::Credential),
            (b"x-amz-date", Name::Date),
            (b"x-amz-expires", Name::Expires),
            (b"x-amz-security-token", Name::SecurityToken),
            (b"x-amz-signature", Name::Signature),
            (b"x-amz-signedheaders", Name::SignedHeaders),
        ];
        NAMES.into_iter().find(|(text, _)| text.eq_ignore_ascii_case(spelling)).map(|(_, name)| name)
    }
}

/// Puts a parameter behind the others; an earlier one of the same name stays, and is returned.
fn insert(parameters: &mut [Option<Parameter>; Name::COUNT], parameter: Parameter) -> Option<Parameter> {
    for slot in parameters {
        match slot {
            Some(earlier) if earlier.name == parameter.name => return Some(*earlier),
            Some(_) => {}
            None => {
                *slot = Some(parameter);
                return None;
            }
        }
    }
    None
}

/// Form rules: `+` is a space, `%XX` a byte. Writes to `out` from `at` on; yields where the decoded text ends.
fn decode(text: &str, out: &mut [u8], mut at: usize) -> Result<usize, TokenError> {
    let mut put = |bytes: &[u8]| {
        let end = at.saturating_add(bytes.len());
        out.get_mut(at..end).ok_or(TokenError::BadQuery)?.copy_from_slice(bytes);
        at = end;
        Ok(end)
    };
    let mut rest = text.as_bytes();
    loop {
        let run = rest.iter().position(|byte| matches!(byte, b'%' | b'+')).unwrap_or(rest.len());
        let (plain, special) = rest.split_at_checked(run).unwrap_or((rest, &[]));
        let end = put(plain)?;
        rest = match special {
            [] => return Ok(end),
            [b'+', after @ ..] => {
                put(b" ")?;
                after
            }
            [_, high, low, after @ ..] => {
                let (Some(high), Some(low)) = (hex_digit(*high), hex_digit(*low)) else {
                    return Err(TokenError::BadQuery);
                };
                put(&[(high << 4) | low])?;
                after
            }
            _ => return Err(TokenError::BadQuery),
        };
    }
}

fn hex_digit(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

/// Faults of names: they are judged when the whole query is known to be well formed.
#[derive(Default)]
struct Faults {
    collision: bool,
    first_of_rule_10: Option<TokenError>,
    unknown_names: Vec<(usize, usize)>,
}

impl Faults {
    fn repeated(&mut self, same_spelling: bool) {
        if same_spelling {
            self.first_of_rule_10.get_or_insert(TokenError::ParameterRepeated);
        } else {
            self.collision = true;
        }
    }

    fn not_allowed(&mut self, start: usize, end: usize) {
        self.first_of_rule_10.get_or_insert(TokenError::ParameterNotAllowed);
        self.unknown_names.push((start, end));
    }

    fn judge(self, bytes: &[u8]) -> Result<(), TokenError> {
        let Some(fault) = self.first_of_rule_10 else {
            return if self.collision { Err(TokenError::NamesCollide) } else { Ok(()) };
        };
        let names = self.unknown_names.iter().filter_map(|(start, end)| bytes.get(*start..*end)).collect();
        Err(if self.collision || have_two_spellings(names) { TokenError::NamesCollide } else { fault })
    }
}

/// Whether two of `names` differ in ASCII case alone.
fn have_two_spellings(mut names: Vec<&[u8]>) -> bool {
    let folded = |name: &[u8]| name.iter().map(u8::to_ascii_lowercase).collect::<Vec<u8>>();
    names.sort_by_cached_key(|name| folded(name));
    names.windows(2).any(|pair| matches!(pair, [one, other] if one != other && one.eq_ignore_ascii_case(other)))
}
