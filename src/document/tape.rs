//! The tree as one flat array, and the handles that walk it.

use std::collections::HashSet;

use super::Scalar;
use crate::diagnostic::Position;

/// A text, read. Borrows it.
#[derive(Debug)]
pub struct Document<'t> {
    pub(super) text: &'t str,
    /// Scalars that do not stand in the text as they read: escapes, folded lines.
    pub(super) decoded: String,
    /// Never empty once parsed: the first cell is the root.
    pub(super) cells: Vec<Cell>,
    pub(super) second: Option<Position>,
}

/// One node of the array; a collection is followed by its children, a key by its value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cell {
    pub(super) at: Position,
    /// Scalar: where its text begins. Collection: number of items or members.
    pub(super) start: u32,
    /// Scalar: bytes of its text.
    pub(super) len: u32,
    /// Cells of the whole subtree, this one included.
    pub(super) span: u32,
    pub(super) kind: Kind,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    List,
    Map,
    Scalar { quoted: bool, decoded: bool },
}

/// A value and its place; as cheap to copy as a reference.
#[derive(Clone, Copy, Debug)]
pub struct Node<'d> {
    document: &'d Document<'d>,
    index: usize,
}

/// What stands at a node.
#[derive(Clone, Debug)]
pub enum Value<'d> {
    /// A list.
    List(Items<'d>),
    /// A map, in the order of the text.
    Map(Members<'d>),
    /// A scalar.
    Scalar(Scalar<'d>),
}

/// One key of a map and its value.
#[derive(Clone, Copy, Debug)]
pub struct Member<'d> {
    /// The key as written.
    pub key: &'d str,
    /// Where the key stands.
    pub at: Position,
    /// Its value.
    pub value: Node<'d>,
}

/// The items of a list.
#[derive(Clone, Debug)]
pub struct Items<'d> {
    document: &'d Document<'d>,
    index: usize,
    left: u32,
}

/// The members of a map.
#[derive(Clone, Debug)]
pub struct Members<'d>(Items<'d>);

impl Document<'_> {
    /// The whole.
    #[must_use]
    pub const fn root(&self) -> Node<'_> {
        Node { document: self, index: 0 }
    }

    /// Where a second YAML document begins, which is not read.
    #[must_use]
    pub const fn second(&self) -> Option<Position> {
        self.second
    }

    /// Puts every node elsewhere: for a text that stands in another.
    pub fn relocate(&mut self, to: impl Fn(Position) -> Position) {
        for cell in &mut self.cells {
            cell.at = to(cell.at);
        }
        self.second = self.second.map(to);
    }

    /// Text of a scalar's cell.
    pub(super) fn text_of(&self, cell: Cell) -> &str {
        let source = match cell.kind {
            Kind::Scalar { decoded: true, .. } => self.decoded.as_str(),
            Kind::List | Kind::Map | Kind::Scalar { .. } => self.text,
        };
        let start = index(cell.start);
        source.get(start..start.saturating_add(index(cell.len))).unwrap_or_default()
    }

    /// Keys of the map at `map`, the last of the array, that an earlier key of it equals without ASCII case.
    pub(super) fn repeated_keys(&self, map: usize) -> Vec<Cell> {
        let mut keys = Vec::new();
        let mut at = map.saturating_add(1);
        while let Some(key) = self.cells.get(at) {
            keys.push(*key);
            let value = self.cells.get(at.saturating_add(1)).map_or(1, |value| index(value.span));
            at = at.saturating_add(1).saturating_add(value);
        }
        if keys.len() > 8 {
            let mut seen = HashSet::with_capacity(keys.len());
            keys.retain(|key| !seen.insert(self.text_of(*key).to_ascii_lowercase()));
            return keys;
        }
        let repeats = |(number, key): (usize, &Cell)| {
            let text = self.text_of(*key);
            keys.iter().take(number).any(|earlier| self.text_of(*earlier).eq_ignore_ascii_case(text)).then_some(*key)
        };
        keys.iter().enumerate().filter_map(repeats).collect()
    }

    fn cell(&self, at: usize) -> Cell {
        self.cells.get(at).copied().unwrap_or(EMPTY_MAP)
    }
}

/// What a text without content reads as.
pub(super) const EMPTY_MAP: Cell =
    Cell { at: Position { line: 1, column: 1 }, start: 0, len: 0, span: 1, kind: Kind::Map };

/// Null.
pub(super) const NULL: Cell = Cell { kind: Kind::Scalar { quoted: false, decoded: false }, ..EMPTY_MAP };

impl<'d> Node<'d> {
    /// Where it begins.
    #[must_use]
    pub fn at(self) -> Position {
        self.document.cell(self.index).at
    }

    /// What it is.
    #[must_use]
    pub fn value(self) -> Value<'d> {
        let cell = self.document.cell(self.index);
        let inside = Items { document: self.document, index: self.index.saturating_add(1), left: cell.start };
        match cell.kind {
            Kind::List => Value::List(inside),
            Kind::Map => Value::Map(Members(inside)),
            Kind::Scalar { quoted, .. } => Value::Scalar(Scalar { text: self.document.text_of(cell), quoted }),
        }
    }

    /// The scalar, if it is one.
    #[must_use]
    pub fn scalar(self) -> Option<Scalar<'d>> {
        match self.value() {
            Value::Scalar(scalar) => Some(scalar),
            Value::List(_) | Value::Map(_) => None,
        }
    }

    /// Whether it is an empty or `null` scalar without quotes.
    #[must_use]
    pub fn is_null(self) -> bool {
        self.scalar().is_some_and(Scalar::is_null)
    }

    /// The value of a map's key, without ASCII case.
    #[must_use]
    pub fn member(self, key: &str) -> Option<Self> {
        match self.value() {
            Value::Map(mut members) => {
                members.find(|member| member.key.eq_ignore_ascii_case(key)).map(|member| member.value)
            }
            Value::List(_) | Value::Scalar(_) => None,
        }
    }

    /// The text of the scalar under a map's key.
    #[must_use]
    pub fn text_of(self, key: &str) -> Option<&'d str> {
        self.member(key).and_then(Self::scalar).map(|scalar| scalar.text)
    }

    /// Name of its kind, for messages.
    #[must_use]
    pub fn kind(self) -> &'static str {
        match self.value() {
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
            Value::Scalar(scalar) if scalar.is_null() => "null",
            Value::Scalar(_) => "a scalar",
        }
    }

    /// Tells `see` every scalar of the subtree in order, and its shape: equal calls mean equal content.
    pub fn fold(self, mut see: impl FnMut(&[u8])) {
        let span = index(self.document.cell(self.index).span);
        let subtree = self.document.cells.get(self.index..self.index.saturating_add(span)).unwrap_or_default();
        for cell in subtree {
            match cell.kind {
                Kind::List => see(b"["),
                Kind::Map => see(b"{"),
                Kind::Scalar { quoted: true, .. } => see(b"\""),
                Kind::Scalar { quoted: false, .. } => see(b"'"),
            }
            see(&cell.start.to_le_bytes().map(|byte| if matches!(cell.kind, Kind::Scalar { .. }) { 0 } else { byte }));
            see(&cell.len.to_le_bytes());
            see(if matches!(cell.kind, Kind::Scalar { .. }) { self.document.text_of(*cell).as_bytes() } else { b"" });
        }
    }
}

impl Items<'_> {
    /// How many are left.
    #[must_use]
    pub const fn count_left(&self) -> usize {
        index(self.left)
    }
}

impl<'d> Iterator for Items<'d> {
    type Item = Node<'d>;

    fn next(&mut self) -> Option<Node<'d>> {
        self.left = self.left.checked_sub(1)?;
        let node = Node { document: self.document, index: self.index };
        self.index = self.index.saturating_add(index(self.document.cell(self.index).span));
        Some(node)
    }
}

impl Members<'_> {
    /// How many are left.
    #[must_use]
    pub const fn count_left(&self) -> usize {
        self.0.count_left()
    }
}

impl<'d> Iterator for Members<'d> {
    type Item = Member<'d>;

    fn next(&mut self) -> Option<Member<'d>> {
        let items = &mut self.0;
        items.left = items.left.checked_sub(1)?;
        let key = items.document.cell(items.index);
        let value = Node { document: items.document, index: items.index.saturating_add(1) };
        items.index = value.index.saturating_add(index(items.document.cell(value.index).span));
        Some(Member { key: items.document.text_of(key), at: key.at, value })
    }
}

/// A 32-bit index; texts are at most 64 MiB.
#[expect(clippy::as_conversions, reason = "u32 to usize loses nothing where this runs, and `From` is not const")]
pub(super) const fn index(number: u32) -> usize {
    number as usize
}
