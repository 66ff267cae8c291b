//! All the files that kubectl would read, as one: the first that has an entry wins.

use std::path::{Path, PathBuf};

use super::file::{FileError, load};
use super::{Change, ContextEntry, ExecEntry, Kind, Kubeconfig};

/// Kubeconfigs in the order in which kubectl merges them.
#[derive(Clone, Debug)]
pub struct Files {
    first: File,
    others: Vec<File>,
}

#[derive(Clone, Debug)]
struct File {
    path: PathBuf,
    /// `None` while it does not exist.
    kubeconfig: Option<Kubeconfig>,
}

impl Files {
    /// Reads them; those that do not exist count as empty.
    ///
    /// # Errors
    /// [`FileError`], also of a file that would not be written: kubectl could not read it either.
    pub fn load(first: &Path, others: &[PathBuf]) -> Result<Self, FileError> {
        Ok(Self {
            first: File::load(first)?,
            others: others.iter().map(|path| File::load(path)).collect::<Result<_, _>>()?,
        })
    }

    /// What a context names.
    #[must_use]
    pub fn context(&self, name: &str) -> Option<ContextEntry> {
        self.kubeconfigs().find_map(|kubeconfig| kubeconfig.context(name))
    }

    /// URL of a cluster.
    #[must_use]
    pub fn server(&self, cluster: &str) -> Option<String> {
        let mut all = self.kubeconfigs();
        all.find(|kubeconfig| kubeconfig.has(Kind::Cluster, cluster))?.server(cluster)
    }

    /// The plugin of a user.
    #[must_use]
    pub fn exec(&self, user: &str) -> Option<ExecEntry> {
        self.kubeconfigs().find(|kubeconfig| kubeconfig.has(Kind::User, user))?.exec(user)
    }

    /// Whether any has the entry.
    #[must_use]
    pub fn has(&self, kind: Kind, name: &str) -> bool {
        self.kubeconfigs().any(|kubeconfig| kubeconfig.has(kind, name))
    }

    /// Names of all entries, as often as they stand there.
    #[must_use]
    pub fn names(&self, kind: Kind) -> Vec<String> {
        self.kubeconfigs().flat_map(|kubeconfig| kubeconfig.names(kind)).collect()
    }

    /// The file that an entry goes to: the one that has it, else the first that exists, else the first.
    #[must_use]
    pub fn file_for(&self, kind: Kind, name: &str) -> &Path {
        let has = |file: &&File| file.kubeconfig.as_ref().is_some_and(|kubeconfig| kubeconfig.has(kind, name));
        self.all().find(has).map_or_else(|| self.default_file(), |file| &file.path)
    }

    /// Which changes go to which file.
    #[must_use]
    pub fn assign(&self, changes: Vec<Change>) -> Vec<(PathBuf, Vec<Change>)> {
        let mut assigned: Vec<(PathBuf, Vec<Change>)> = Vec::new();
        for change in changes {
            let path = match &change {
                Change::Cluster { name, .. } => self.file_for(Kind::Cluster, name),
                Change::Context { name, .. } => self.file_for(Kind::Context, name),
                Change::Convert { name, .. } | Change::Revert { name } | Change::User { name, .. } => {
                    self.file_for(Kind::User, name)
                }
                Change::UseContext(_) => self.default_file(),
            };
            match assigned.iter_mut().find(|(known, _)| known == path) {
                Some((_, changes)) => changes.push(change),
                None => assigned.push((path.to_owned(), vec![change])),
            }
        }
        assigned
    }

    fn default_file(&self) -> &Path {
        self.all().find(|file| file.kubeconfig.is_some()).map_or(&self.first.path, |file| &file.path)
    }

    fn all(&self) -> impl Iterator<Item = &File> {
        std::iter::once(&self.first).chain(&self.others)
    }

    fn kubeconfigs(&self) -> impl Iterator<Item = &Kubeconfig> {
        self.all().filter_map(|file| file.kubeconfig.as_ref())
    }
}

impl File {
    fn load(path: &Path) -> Result<Self, FileError> {
        let text = load(path)?;
        let parse = |text: &String| {
            let text = text.strip_prefix('\u{feff}').unwrap_or(text);
            Kubeconfig::parse(&path.display().to_string(), text)
        };
        Ok(Self { path: path.to_owned(), kubeconfig: text.as_ref().map(parse).transpose()? })
    }
}
