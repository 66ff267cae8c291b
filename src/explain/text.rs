//! An explanation for the eye.

use std::fmt::{self, Display, Write};

use super::access_entry::{DecidingEntry, PolicyGroup};
use super::explanation::{Decision, Explanation, Outcome, Step};

impl Explanation {
    /// The text of `-o text`: the decision first, then who asks, the walk, the names, what is near.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = self.write_to(&mut text);
        text
    }

    fn write_to(&self, to: &mut String) -> fmt::Result {
        self.write_decision(to)?;
        if let Some(caller) = &self.caller {
            writeln!(to, "\ncaller")?;
            field(to, "ARN", &caller.arn)?;
            field(to, "canonical ARN", &caller.canonical_arn)?;
            field(to, "unique id", caller.user_id.as_deref().unwrap_or("(not known)"))?;
            field(to, "session name", caller.session_name.as_deref().unwrap_or("(not known)"))?;
            field(to, "access key id", caller.access_key_id.as_deref().unwrap_or("(not known)"))?;
        }
        writeln!(to, "\nsteps")?;
        for (number, step) in (1..).zip(&self.steps) {
            writeln!(to, "  {number}. {step}")?;
        }
        if let Some(entry) = &self.entry {
            write_entry(entry, to)?;
        }
        if !self.rendered.is_empty() {
            writeln!(to, "\nnames")?;
        }
        for name in &self.placeholders {
            let value = name.value.as_ref().map(|value| format!("`{value}`"));
            let value = value.or_else(|| name.fault.clone()).unwrap_or_default();
            field(to, "placeholder", format_args!("`{}` is {value}", name.template))?;
        }
        for name in &self.rendered {
            let outcome = match (&name.value, &name.fault) {
                (Some(value), _) => format!("`{value}`"),
                (None, fault) => format!("nothing: {}", fault.as_deref().unwrap_or_default()),
            };
            field(to, name.key, format_args!("`{}` → {outcome}", name.template))?;
        }
        if !self.policies.is_empty() {
            writeln!(to, "\naccess policies")?;
        }
        for policy in &self.policies {
            write_policy(policy, to)?;
        }
        if let Some(user) = &self.user {
            writeln!(to, "\nuser")?;
            field(to, "username", &user.username)?;
            field(to, "uid", &user.uid)?;
            field(to, "groups", user.groups.join(", "))?;
            for (key, value) in &user.extra {
                field(to, "extra", format_args!("{key}: {value}"))?;
            }
        }
        if !self.nearest.is_empty() {
            writeln!(to, "\nnearest entries")?;
        }
        for near in &self.nearest {
            let hint = near.hint.map(|hint| format!(" ({hint})")).unwrap_or_default();
            let place = near.place.as_deref().map(|place| format!("{place} ")).unwrap_or_default();
            writeln!(to, "  {place}`{}`{hint}", near.principal)?;
            writeln!(to, "    {}; {}", near.differs, near.cure)?;
        }
        if !self.notes.is_empty() {
            writeln!(to, "\nnotes")?;
        }
        self.notes.iter().try_for_each(|note| writeln!(to, "  {note}"))
    }

    fn write_decision(&self, to: &mut String) -> fmt::Result {
        match (self.decision, &self.user) {
            (Decision::Allowed, Some(user)) => {
                write!(to, "allowed: user `{}`", user.username)?;
                match user.groups.as_slice() {
                    [] => writeln!(to, ", no groups"),
                    groups => writeln!(to, ", groups `{}`", groups.join("`, `")),
                }
            }
            (Decision::Allowed, None) => writeln!(to, "allowed"),
            (Decision::Refused, _) => {
                write!(to, "refused: {}", self.reason.unwrap_or_default())?;
                let beside: Vec<&str> = self.detail.into_iter().chain(self.hints.iter().copied()).collect();
                if !beside.is_empty() {
                    write!(to, " ({})", beside.join(", "))?;
                }
                writeln!(to)?;
                field(to, "why", self.message.as_deref().unwrap_or_default())?;
                field(to, "remedy", self.remedy.as_deref().unwrap_or_default())
            }
        }
    }
}

fn write_entry(entry: &DecidingEntry, to: &mut String) -> fmt::Result {
    writeln!(to, "\nentry")?;
    field(to, "source", entry.source)?;
    field(to, "principal", &entry.principal)?;
    field(to, "matched by", &entry.key)?;
    field(to, "type", entry.r#type)?;
    match (&entry.pin, entry.pin_holds) {
        (Some(pin), Some(true)) => field(to, "pin", format_args!("{pin}, which is the caller's id"))?,
        (Some(pin), _) => field(to, "pin", format_args!("{pin}, which is not the caller's id"))?,
        (None, _) => field(to, "pin", "none: whoever makes a principal of this name gets in by it")?,
    }
    for (name, value) in
        [("not before", &entry.not_before), ("expires at", &entry.expires_at), ("reason", &entry.reason)]
    {
        if let Some(value) = value {
            field(to, name, value)?;
        }
    }
    Ok(())
}

fn write_policy(policy: &PolicyGroup, to: &mut String) -> fmt::Result {
    let place = match policy.namespaces.as_slice() {
        [] => "in the whole cluster".to_owned(),
        patterns => format!("in namespaces {}", patterns.join(", ")),
    };
    let until =
        policy.expires_at.as_ref().filter(|_| policy.given).map(|end| format!(" until {end}")).unwrap_or_default();
    write!(to, "  {} {place}{until} → ", policy.policy)?;
    match &policy.left_out {
        None => writeln!(to, "group `{}`", policy.group),
        Some(why) => writeln!(to, "nothing: {why}"),
    }
}

impl Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.source, self.outcome)?;
        if let Some(principal) = &self.principal {
            write!(f, ": `{principal}`")?;
        }
        if let Some(place) = &self.place {
            write!(f, " at {place}")?;
        }
        match &self.note {
            Some(note) => write!(f, " ({note})"),
            None => Ok(()),
        }
    }
}

impl Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Denied => "denied",
            Self::Matched => "matched",
            Self::Missed => "no match",
            Self::NotAsked => "not asked",
            Self::Passed => "passed",
            Self::Refused => "refused",
        })
    }
}

fn field(to: &mut String, name: &str, value: impl Display) -> fmt::Result {
    writeln!(to, "  {name:<15}{value}")
}
