//! What the spec asks for otherwise than the machine was ordered.

use super::Scene;
use crate::api::instance::UpdatePolicy;
use crate::instance::drift::{self, Drift};
use crate::instance::observation::{CloudView, Connection, InstanceView};
use crate::provider::Field;

/// What the spec now has otherwise than the machine was ordered.
pub(super) fn drift(scene: &Scene<'_>, connection: &Connection) -> Drift {
    let ordered = scene
        .object
        .seen()
        .ordered
        .map(|ordered| ordered.digests)
        .unwrap_or_default();
    drift::compare(&ordered, &scene.seen.digests, connection.capabilities)
}

/// The fields to change as part of a start.
pub(super) fn at_start(scene: &Scene<'_>) -> Vec<Field> {
    match &scene.seen.cloud {
        CloudView::Connected(connection) if scene.object.spec.update_policy == UpdatePolicy::InPlace => {
            drift(scene, connection).at_start
        }
        _ => Vec::new(),
    }
}
