//! Names that many entries of one file have in common.

use std::collections::HashSet;
use std::sync::Arc;

use super::Template;

/// Keeps templates and lists of groups once, however many entries have them: a file of 100 000 roles has few of them.
#[derive(Debug, Default)]
pub struct SharedNames {
    usernames: HashSet<Template>,
    groups: HashSet<Arc<[Template]>>,
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
        if let Some(known) = self.groups.get(groups.as_slice()) {
            return Arc::clone(known);
        }
        let groups: Arc<[Template]> = groups.into();
        self.groups.insert(Arc::clone(&groups));
        groups
    }
}
