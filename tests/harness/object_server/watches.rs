//! A watch: what changed since a version, then what changes, line by line.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::Stream;
use futures_util::stream::unfold;
use hyper::body::Frame;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::selector::Selector;
use super::{Desk, Manners};

/// What a watch asks for.
pub(super) struct Wish {
    pub(super) collection: String,
    pub(super) selector: Selector,
    /// From where; `None` for all objects there are, and a bookmark behind them.
    pub(super) since: Option<u64>,
    pub(super) bookmarks: bool,
    /// `apiVersion` and `kind` of bookmarks, whose objects have nothing else.
    pub(super) types: Value,
}

struct Watch {
    desk: Arc<Desk>,
    wish: Wish,
    newest: watch::Receiver<u64>,
    manners: watch::Receiver<Manners>,
    at: u64,
    lines: VecDeque<Value>,
    over: bool,
}

/// The body of the answer.
pub(super) fn follow(desk: Arc<Desk>, wish: Wish) -> impl Stream<Item = Result<Frame<Bytes>, Infallible>> + Send {
    let mut lines = VecDeque::new();
    let at = wish.since.unwrap_or_else(|| {
        let store = desk.store();
        let (objects, _) = store.page(&wish.collection, &wish.selector, "", usize::MAX);
        lines.extend(objects.iter().map(|object| json!({"type": "ADDED", "object": wish.selector.shown(object)})));
        let annotations = json!({"k8s.io/initial-events-end": "true"});
        let metadata = json!({"resourceVersion": store.newest().to_string(), "annotations": annotations});
        lines.push_back(json!({"type": "BOOKMARK", "object": with_types(json!({"metadata": metadata}), &wish.types)}));
        store.newest()
    });
    let (newest, manners) = (desk.newest.subscribe(), desk.manners.subscribe());
    let watch = Watch { desk, wish, newest, manners, at, lines, over: false };
    unfold(watch, |mut watch| async move {
        let line = watch.next().await?;
        Some((Ok(Frame::data(Bytes::from(format!("{line}\n")))), watch))
    })
}

impl Watch {
    /// The next line; `None` at its end.
    async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some(line) = self.lines.pop_front() {
                return Some(line);
            }
            if self.over {
                return None;
            }
            self.newest.mark_unchanged();
            let manners = self.manners.borrow_and_update().clone();
            if manners.refuse.is_some() {
                return None;
            }
            let changes = if manners.gone { None } else { self.desk.store().since(self.at, &self.wish.collection) };
            let Some(changes) = changes else {
                self.over = true;
                return Some(
                    json!({"type": "ERROR", "object": super::answers::status(410, "too old resource version")}),
                );
            };
            if manners.hang {
                self.manners.changed().await.ok()?;
                continue;
            }
            for change in changes {
                self.at = change.version;
                if change.kind == "BOOKMARK" {
                    let object = with_types(Value::clone(&change.object), &self.wish.types);
                    let wanted = self.wish.bookmarks && !manners.no_bookmarks;
                    self.lines.extend(wanted.then(|| json!({"type": change.kind, "object": object})));
                    continue;
                }
                // What comes to match, or ceases to, is told as what comes and goes.
                let selector = &self.wish.selector;
                let was = change.before.as_deref().map(|before| selector.wants(before));
                let kind = match (was, selector.wants(&change.object)) {
                    (Some(false), true) => "ADDED",
                    (Some(true), false) => "DELETED",
                    (_, true) => change.kind,
                    (_, false) => continue,
                };
                self.lines.push_back(json!({"type": kind, "object": selector.shown(&change.object)}));
            }
            self.over = manners.close_watches;
            if self.lines.is_empty() && !self.over {
                tokio::select! {
                    changed = self.newest.changed() => changed.ok()?,
                    changed = self.manners.changed() => changed.ok()?,
                }
            }
        }
    }
}

fn with_types(mut object: Value, types: &Value) -> Value {
    object["apiVersion"] = types["apiVersion"].clone();
    object["kind"] = types["kind"].clone();
    object
}
