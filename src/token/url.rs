//! Rule 4: a text is split into the parts of a URL, or is none.
//!
//! Nothing is normalised, resolved or repaired, and no part leaves this room: the parts are judged by rules 5 to 10, and
//! what STS sees is rebuilt. What counts as a URL follows the reference's parser (Go's net/url), on printable ASCII only.

use std::net::Ipv6Addr;

use super::TokenError;

/// The parts, as they stand in the text.
#[derive(Debug)]
pub(super) struct UrlParts<'u> {
    /// What stands before the first colon; empty when there is none.
    pub(super) scheme: &'u str,
    /// Whether an `@` stands in the authority.
    pub(super) has_userinfo: bool,
    /// The authority without userinfo, port included.
    pub(super) host: &'u str,
    /// The path, not decoded.
    pub(super) path: &'u str,
    /// What stands between `?` and `#`, not decoded.
    pub(super) query: &'u str,
}

impl<'u> UrlParts<'u> {
    /// Splits `url`. The fragment is dropped.
    ///
    /// # Errors
    /// [`TokenError::UnparsableUrl`].
    pub(super) fn split(url: &'u [u8]) -> Result<Self, TokenError> {
        let printable = url.iter().fold(true, |all, byte| all & matches!(byte, b' '..=b'~'));
        let text = std::str::from_utf8(url).ok().filter(|_| printable);
        text.and_then(Self::of_text).ok_or(TokenError::UnparsableUrl)
    }

    fn of_text(text: &'u str) -> Option<Self> {
        let (text, fragment) = text.split_once('#').unwrap_or((text, ""));
        has_good_escapes(fragment).then_some(())?;
        let (scheme, rest) = split_scheme(text)?;
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let nowhere = Self { scheme, has_userinfo: false, host: "", path: "", query };
        if !rest.starts_with('/') {
            // `https:text` is an opaque URL: it has no host. Without a scheme, a colon makes the first piece look like one.
            let first_piece = rest.split('/').next().unwrap_or_default();
            let legal = !scheme.is_empty() || (!first_piece.contains(':') && has_good_escapes(rest));
            return legal.then_some(nowhere);
        }
        let authority = rest.strip_prefix("//").filter(|after| !scheme.is_empty() || !after.starts_with('/'));
        let Some(authority) = authority else {
            return has_good_escapes(rest).then_some(Self { path: rest, ..nowhere });
        };
        let path_at = authority.find('/').unwrap_or(authority.len());
        let (authority, path) = authority.split_at_checked(path_at)?;
        let (userinfo, host) = match authority.rsplit_once('@') {
            Some((userinfo, host)) => (Some(userinfo), host),
            None => (None, authority),
        };
        let legal = is_legal_host(host) && userinfo.is_none_or(is_legal_userinfo) && has_good_escapes(path);
        legal.then_some(Self { scheme, has_userinfo: userinfo.is_some(), host, path, query })
    }
}

/// `None` for a text that begins with a colon.
fn split_scheme(text: &str) -> Option<(&str, &str)> {
    let no_scheme = ("", text);
    let Some((scheme, rest)) = text.split_once(':') else { return Some(no_scheme) };
    let first = scheme.bytes().next()?;
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    let is_scheme = first.is_ascii_alphabetic() && scheme.bytes().all(legal);
    Some(if is_scheme { (scheme, rest) } else { no_scheme })
}

/// Bytes and escapes that may stand in a host and its optional port, whether or not such a host exists.
fn is_legal_host(host: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~!$&'()*+,;=:[]<>\"%".contains(&byte);
    // What stands after a bracketed address, or from the first colon on.
    let port = match host.split_once('[') {
        Some(("", bracketed)) => match bracketed.rsplit_once(']') {
            Some((address, port)) if is_ipv6(address) => port,
            _ => return false,
        },
        Some(_) => return false,
        None => host.find(':').and_then(|at| host.get(at..)).unwrap_or_default(),
    };
    let digits = if port.is_empty() { Some("") } else { port.strip_prefix(':') };
    // An escape in a host may stand for a non-ASCII byte or for the percent sign itself.
    let is_legal_escape =
        |escape: &str| escape.starts_with("25") || !escape.starts_with(|c: char| ('0'..='7').contains(&c));
    host.bytes().all(legal)
        && digits.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
        && has_good_escapes(host)
        && host.split('%').skip(1).all(is_legal_escape)
}

/// An address, with or without a zone.
fn is_ipv6(address: &str) -> bool {
    let address = address.split_once("%25").map_or(address, |(address, _zone)| address);
    address.parse::<Ipv6Addr>().is_ok()
}

fn is_legal_userinfo(userinfo: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:~!$&'()*+,;=%@".contains(&byte);
    userinfo.bytes().all(legal) && has_good_escapes(userinfo)
}

/// Whether two hex digits follow each percent sign.
fn has_good_escapes(text: &str) -> bool {
    let is_escape = |after: &[u8]| matches!(after, [a, b, ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit());
    text.as_bytes().split(|byte| *byte == b'%').skip(1).all(is_escape)
}
