//! One thing to do at the API server, and what came of it.

use std::sync::Arc;

use k8s_openapi::api::rbac::v1::RoleBinding;

use super::observed::{Place, is_as_wanted, is_ours, place};
use crate::kubernetes::{ObjectFault, RbacObjects};

/// One thing to do.
#[derive(Clone, Debug)]
pub(super) enum Job {
    /// Give a RoleBinding that bears our labels the wanted content.
    Correct { there: Arc<RoleBinding>, wanted: Arc<RoleBinding> },
    /// Delete one that is not wanted.
    Delete(Arc<RoleBinding>),
    /// Look what bears the name, without writing.
    Look(Arc<RoleBinding>),
    /// Make one that is not there, as far as is known.
    Make(Arc<RoleBinding>),
}

/// What came of it.
#[derive(Debug)]
pub(super) enum Outcome {
    /// There is none, and none was to be made.
    Absent,
    /// It is gone.
    Deleted,
    /// It bears our labels and is so.
    Found(Box<RoleBinding>),
    /// An object that is not ours bears the name.
    Taken,
    /// It is now so.
    Written(Box<RoleBinding>),
}

impl Job {
    pub(super) fn place(&self) -> Place {
        place(self.object())
    }

    /// `operation` of the metric of writes.
    pub(super) const fn operation(&self) -> &'static str {
        match self {
            Self::Correct { .. } | Self::Make(_) => "apply",
            Self::Delete(_) => "delete",
            Self::Look(_) => "get",
        }
    }

    pub(super) fn object(&self) -> &RoleBinding {
        match self {
            Self::Correct { wanted, .. } | Self::Look(wanted) | Self::Make(wanted) => wanted,
            Self::Delete(there) => there,
        }
    }

    /// Does it.
    pub(super) async fn carry_out(&self, objects: &RbacObjects) -> Result<Outcome, ObjectFault> {
        match self {
            Self::Correct { there, wanted } => correct(objects, there, wanted).await,
            Self::Delete(there) => match objects.delete(there).await {
                Ok(()) | Err(ObjectFault::Gone(_)) => Ok(Outcome::Deleted),
                Err(fault) => Err(fault),
            },
            Self::Look(wanted) | Self::Make(wanted) => {
                let (namespace, name) = self.place();
                match objects.role_binding(&namespace, &name).await? {
                    Some(there) if !is_ours(&there) => Ok(Outcome::Taken),
                    // The watch has not told of it yet.
                    Some(there) if is_as_wanted(&there, wanted) || matches!(self, Self::Look(_)) => {
                        Ok(Outcome::Found(Box::new(there)))
                    }
                    Some(there) => correct(objects, &there, wanted).await,
                    None if matches!(self, Self::Look(_)) => Ok(Outcome::Absent),
                    None => objects.create(wanted).await.map(|made| Outcome::Written(Box::new(made))),
                }
            }
        }
    }
}

/// What a binding refers to is never changed: then it is made anew.
async fn correct(objects: &RbacObjects, there: &RoleBinding, wanted: &RoleBinding) -> Result<Outcome, ObjectFault> {
    let written = if there.role_ref == wanted.role_ref {
        objects.overwrite(there, wanted).await?
    } else {
        match objects.delete(there).await {
            Ok(()) | Err(ObjectFault::Gone(_)) => objects.create(wanted).await?,
            Err(fault) => return Err(fault),
        }
    };
    Ok(Outcome::Written(Box::new(written)))
}
