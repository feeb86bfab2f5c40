//! Changes that take several steps are written down in status, so that whoever comes next carries them on.

use super::Scene;
use crate::account::Obstacle;
use crate::api::condition::Reason;
use crate::api::status::{Transition, TransitionKind};
use crate::instance::observation::InstanceView;
use crate::instance::step::{Change, Step};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

/// Writes down the beginning of a change in several steps.
pub(super) fn begin(scene: &Scene<'_>, kind: TransitionKind, why: String) -> Step {
    let reason = match kind {
        TransitionKind::Restart => Reason::Restarting,
        TransitionKind::Reshape => Reason::Reshaping,
        TransitionKind::Discard => Reason::PriceAboveCap,
        TransitionKind::Reinstall => Reason::Reinstalling,
        TransitionKind::Replace | TransitionKind::Unknown => Reason::Replacing,
    };
    let mut changes = vec![transition(scene, kind)];
    // What the user asks for is not a start against the cloud's will.
    if matches!(kind, TransitionKind::Restart | TransitionKind::Reshape) && scene.object.seen().starts.is_some() {
        changes.push(Change::ForgetStarts);
    }
    Step::Record(changes, Obstacle::new(reason, why))
}

/// The beginning of a change, as status remembers it.
pub(super) fn transition(scene: &Scene<'_>, kind: TransitionKind) -> Change {
    Change::Transition(Some(Transition {
        kind,
        since: Time(scene.now),
        stopped: false,
    }))
}

/// Writes down that a change is over.
pub(super) fn end(scene: &Scene<'_>, transition: &Transition, why: &str) -> Step {
    let mut changes = vec![Change::Transition(None)];
    if transition.kind == TransitionKind::Restart {
        changes.push(Change::Restarted);
    }
    let reason = if scene.wants_running() {
        Reason::Running
    } else {
        Reason::Stopped
    };
    Step::Record(changes, Obstacle::new(reason, why))
}
