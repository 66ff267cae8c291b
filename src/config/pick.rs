//! Typed values out of a tree, converted as leniently as the reference converts: a number is a text, a text that
//! spells a number is a number. What fits nothing is a fault; the reference takes a zero there.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use crate::diagnostic::Position;
use crate::document::{Faults, Node, Place, Plain, Scalar, Value};

/// A value and where it stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Given<T> {
    /// The value.
    pub value: T,
    /// Where.
    pub at: Position,
}

/// A value, unless it is null (then the default holds) or does not fit (then that is a fault).
pub(super) type Picked<T> = Option<Given<T>>;

fn given<T>(node: Node<'_>, value: T) -> Picked<T> {
    Some(Given { value, at: node.at() })
}

fn scalar<'d>(node: Node<'d>, place: &Place<'_>, faults: &mut Faults, wanted: &str) -> Option<Scalar<'d>> {
    match node.scalar() {
        Some(scalar) if scalar.is_null() => None,
        Some(scalar) => Some(scalar),
        None => {
            faults.error(node.at(), place, "bad-type", format!("{} stands where {wanted} belongs", node.kind()), "");
            None
        }
    }
}

/// A scalar as text: numbers in decimal, `true` and `false` as such.
pub(super) fn text(node: Node<'_>, place: &Place<'_>, faults: &mut Faults) -> Picked<String> {
    scalar(node, place, faults, "a text").and_then(|scalar| given(node, config_text(scalar)))
}

/// Numbers in their decimal form, booleans as words.
fn config_text(scalar: Scalar<'_>) -> String {
    match scalar.plain() {
        Plain::Bool(value) => value.to_string(),
        Plain::Float(_) | Plain::Int(_) | Plain::Null | Plain::Text(_) => scalar.to_mapping_text(),
    }
}

/// A text that is read by `parse`; its error is the fault's text.
pub(super) fn parsed<T, E: std::fmt::Display>(
    node: Node<'_>,
    place: &Place<'_>,
    faults: &mut Faults,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Picked<T> {
    let scalar = scalar(node, place, faults, "a text")?;
    match parse(&config_text(scalar)) {
        Ok(value) => given(node, value),
        Err(error) => {
            faults.error(node.at(), place, "bad-value", error.to_string(), "");
            None
        }
    }
}

/// `true` or `false`, bare or as text.
pub(super) fn boolean(node: Node<'_>, place: &Place<'_>, faults: &mut Faults) -> Picked<bool> {
    let scalar = scalar(node, place, faults, "true or false")?;
    match scalar.to_bool() {
        Some(value) => given(node, value),
        None => {
            faults.error(
                node.at(),
                place,
                "bad-value",
                format!("`{}` is not a boolean", scalar.text),
                "write true or false",
            );
            None
        }
    }
}

/// A whole number from `least` to `most`, bare or as text.
pub(super) fn number<T: TryFrom<i128> + PartialOrd + std::fmt::Display>(
    node: Node<'_>,
    place: &Place<'_>,
    faults: &mut Faults,
    (least, most): (T, T),
) -> Picked<T> {
    let scalar = scalar(node, place, faults, "a number")?;
    let fits = |value: &T| *value >= least && *value <= most;
    match scalar.to_integer().and_then(|number| T::try_from(number).ok()).filter(fits) {
        Some(value) => given(node, value),
        None => {
            let what = format!("`{}` is not a whole number from {least} to {most}", scalar.text);
            faults.error(node.at(), place, "bad-value", what, "");
            None
        }
    }
}

/// `150s`, `5m`, `1h30m`, or a number of seconds.
pub(super) fn duration(node: Node<'_>, place: &Place<'_>, faults: &mut Faults) -> Picked<Duration> {
    parsed(node, place, faults, |text| {
        let seconds = text.parse().ok().map(Duration::from_secs);
        let spelled = || text.parse::<jiff::SignedDuration>().ok().and_then(|length| Duration::try_from(length).ok());
        seconds
            .or_else(spelled)
            .ok_or_else(|| format!("`{text}` is not a duration; write 150s, 5m or a number of seconds"))
    })
}

/// A list of scalars, or one scalar that is split at blanks.
pub(super) fn words(node: Node<'_>, place: &Place<'_>, faults: &mut Faults) -> Picked<Vec<Given<String>>> {
    let items: Vec<Given<String>> = match node.value() {
        Value::Map(_) => {
            faults.error(node.at(), place, "bad-type", "a map stands where a list belongs".to_owned(), "");
            return None;
        }
        Value::Scalar(scalar) if scalar.is_null() => return None,
        Value::Scalar(scalar) => {
            let words = config_text(scalar);
            words.split_whitespace().map(|word| Given { value: word.to_owned(), at: node.at() }).collect()
        }
        Value::List(items) => items
            .enumerate()
            .filter_map(|(number, item)| match item.scalar() {
                Some(scalar) => given(item, config_text(scalar)),
                None => {
                    let what = format!("{} stands where a text belongs", item.kind());
                    faults.error(item.at(), &Place::Item(place, number), "bad-type", what, "");
                    None
                }
            })
            .collect(),
    };
    given(node, items)
}

/// `IP:PORT`, `[IP]:PORT`, `:PORT` (all interfaces), or an IP alone with `port`.
pub(super) fn socket_address(text: &str, port: u16) -> Result<SocketAddr, String> {
    let all =
        || text.strip_prefix(':').and_then(|port| port.parse().ok()).map(|port| (Ipv6Addr::UNSPECIFIED, port).into());
    let alone = || text.parse::<IpAddr>().ok().map(|ip| SocketAddr::new(ip, port));
    text.parse().ok().or_else(all).or_else(alone).ok_or_else(|| format!("`{text}` is not IP:PORT"))
}

/// `HOST:PORT`, or nothing.
pub(super) fn host_and_port(text: &str) -> Result<String, String> {
    let good = text.rsplit_once(':').is_some_and(|(host, port)| {
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let host_is_good = match bare {
            Some(inner) => inner.parse::<Ipv6Addr>().is_ok(),
            None => !host.is_empty() && !host.contains([':', '/', '@']) && !host.contains(char::is_whitespace),
        };
        host_is_good && port.parse::<u16>().is_ok_and(|port| port > 0)
    });
    if good || text.is_empty() { Ok(text.to_owned()) } else { Err(format!("`{text}` is not HOST:PORT")) }
}

/// A text that is given and not blank.
pub(super) fn text_of(given: &Option<Given<String>>) -> Option<String> {
    given.as_ref().map(|given| given.value.clone()).filter(|text| !text.trim().is_empty())
}

/// The texts of a list.
pub(super) fn values(given: &Option<Given<Vec<Given<String>>>>) -> impl Iterator<Item = String> {
    given.iter().flat_map(|given| &given.value).map(|item| item.value.clone())
}
