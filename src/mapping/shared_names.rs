//! Names that many entries of one file have in common.

use std::collections::HashSet;
use std::hash::Hash;
use std::sync::Arc;

use super::{Grant, Template};

/// Keeps templates, lists of groups and lists of grants once, however many entries have them: a file of 100 000 roles has few of them.
#[derive(Debug, Default)]
pub struct SharedNames {
    usernames: HashSet<Template>,
    groups: HashSet<Arc<[Template]>>,
    grants: HashSet<Arc<[Grant]>>,
}

impl SharedNames {
    /// Plain usernames are mostly each its own and stay apart.
    pub(super) fn username(&mut self, template: Template) -> Template {
        if template.is_plain() {
            return template;
        }
        if let Some(known) = self.usernames.get(&template) {
            return known.clone();
        }
        self.usernames.insert(template.clone());
        template
    }

    pub(super) fn groups(&mut self, groups: Vec<Template>) -> Arc<[Template]> {
        once(&mut self.groups, groups)
    }

    /// `None` for no grants.
    pub(super) fn grants(&mut self, grants: Vec<Grant>) -> Option<Arc<[Grant]>> {
        if grants.is_empty() { None } else { Some(once(&mut self.grants, grants)) }
    }
}

fn once<T: Eq + Hash>(known: &mut HashSet<Arc<[T]>>, list: Vec<T>) -> Arc<[T]> {
    if let Some(known) = known.get(list.as_slice()) {
        return Arc::clone(known);
    }
    let list: Arc<[T]> = list.into();
    known.insert(Arc::clone(&list));
    list
}
