//! When an entry is valid: `notBefore` up to, and without, `notAfter`.

use jiff::Timestamp;

use crate::clock::UnixSeconds;

/// A span of time; an absent end is open.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Window {
    pub(super) not_before: Option<UnixSeconds>,
    pub(super) not_after: Option<UnixSeconds>,
}

/// Where an instant stands to a window.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Standing {
    Before,
    Within,
    After,
}

impl Window {
    pub(super) fn standing(self, now: UnixSeconds) -> Standing {
        if self.not_before.is_some_and(|start| now < start) {
            Standing::Before
        } else if self.not_after.is_some_and(|end| now >= end) {
            Standing::After
        } else {
            Standing::Within
        }
    }

    /// Whether no instant is in it.
    pub(super) fn is_empty(self) -> bool {
        matches!((self.not_before, self.not_after), (Some(start), Some(end)) if start >= end)
    }
}

/// An RFC 3339 date-time, in whole seconds. A fraction is rounded up, so that no instant before the one written counts as reached.
pub(super) fn parse_rfc3339(text: &str) -> Option<UnixSeconds> {
    // jiff reads more than RFC 3339 (a blank for the T, hours alone, zone names); a person's slip must not pass.
    has_rfc3339_shape(text.as_bytes()).then_some(())?;
    let instant: Timestamp = text.parse().ok()?;
    let fraction = i64::from(instant.subsec_nanosecond() > 0);
    Some(UnixSeconds(instant.as_second()).plus(fraction))
}

/// `dddd-dd-ddTdd:dd:dd[.d+](Z|±dd:dd)`; T and Z in either case.
fn has_rfc3339_shape(text: &[u8]) -> bool {
    let Some((date_time, rest)) = text.split_at_checked(19) else { return false };
    let fits = |text: &[u8], shape: &[u8]| {
        text.len() == shape.len()
            && text.iter().zip(shape).all(|(byte, expected)| match expected {
                b'd' => byte.is_ascii_digit(),
                b's' => matches!(byte, b'+' | b'-'),
                other => byte.eq_ignore_ascii_case(other),
            })
    };
    let zone = match rest.strip_prefix(b".") {
        Some(fraction) => {
            let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
            if digits == 0 {
                return false;
            }
            fraction.get(digits..).unwrap_or_default()
        }
        None => rest,
    };
    fits(date_time, b"dddd-dd-ddTdd:dd:dd") && (fits(zone, b"Z") || fits(zone, b"sdd:dd"))
}
