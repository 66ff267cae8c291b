//! How each policy stands, for statuses and metrics.

use std::collections::BTreeMap;

use super::fixed::Fixed;
use super::keeper::Keeper;
use super::observed::is_as_wanted;
use crate::mapping::{AccessPolicyMode, PolicyReadiness, PolicyState};
use crate::rbac::AccessPolicy;

impl Keeper {
    /// Publishes it, if it is news.
    pub(super) fn publish(&self) {
        let states: BTreeMap<AccessPolicy, PolicyState> =
            AccessPolicy::ALL.into_iter().filter_map(|policy| Some((policy, self.state(policy)?))).collect();
        for policy in AccessPolicy::ALL {
            let ready = states.get(&policy).is_some_and(|state| *state == PolicyState::Bound);
            self.metrics.access_policy_ready(policy.as_str(), ready);
        }
        let readiness = PolicyReadiness { mode: AccessPolicyMode::Rbac, elsewhere: false, states };
        if *self.readiness.subscribe().now() != readiness {
            self.readiness.publish(readiness);
        }
    }

    /// `None` while it has not been looked at.
    fn state(&self, policy: AccessPolicy) -> Option<PolicyState> {
        let faults = &self.faults;
        let fault = [&faults.access, &faults.namespaces, &faults.bindings].into_iter().flatten().next();
        if let Some(why) = fault {
            return Some(PolicyState::Pending(why.clone()));
        }
        if !self.observed.is_complete() {
            return None;
        }
        let fixed = self.fixed.get(&policy)?;
        if let Fixed::Missing(why) | Fixed::Unknown(why) = fixed {
            return Some(PolicyState::Pending(why.clone()));
        }
        let name = policy.object_name();
        let taken: Vec<String> =
            self.taken.keys().filter(|place| place.1 == name).map(|(namespace, _)| namespace.clone()).collect();
        if !taken.is_empty() {
            return Some(PolicyState::NameTaken(taken));
        }
        if let Fixed::Differs(why) = fixed {
            return Some(PolicyState::Pending(why.clone()));
        }
        let wanted = || self.desired.iter().filter(|(place, _)| place.1 == name);
        let is_well =
            |there: Option<&std::sync::Arc<_>>, wanted| there.is_some_and(|there| is_as_wanted(there, wanted));
        let known = self.observed.known();
        let open: Vec<_> = wanted().filter(|(place, wanted)| !is_well(known.get(*place), wanted)).collect();
        let Some((first, _)) = open.first() else { return Some(PolicyState::Bound) };
        let mut why = format!("{} of {} RoleBindings are not written yet", open.len(), wanted().count());
        let of_one = || self.later.get(*first).and_then(|later| later.why.as_ref());
        if let Some(fault) = faults.writes.as_ref().or_else(of_one) {
            why = format!("{why}: {fault}");
        }
        Some(PolicyState::Pending(why))
    }
}
