//! How an orphan is told of: in the provider's status and in events.

use jiff::Timestamp;

use super::outlook::Outlook;
use super::sighting::Sighting;
use crate::api::money::{self, Decimal};
use crate::api::provider::Orphan;
use crate::api::status::whole_second;
use crate::provider::Machine;

/// What a reader can do about an orphan.
const TO_DO: &str = "adopt it with spec.instanceId (gpu-instance-operator rebuild prints a manifest), or delete it in the cloud's console";

/// An orphan as a provider's status shows it.
#[must_use]
pub fn row(machine: &Machine, sighting: Option<&Sighting>, now: Timestamp) -> Orphan {
    Orphan {
        instance_id: machine.id.clone(),
        name: machine.name.clone().unwrap_or_default(),
        cloud_state: machine.cloud_state.clone(),
        price_per_hour: machine.price_per_hour.map(money::format),
        created_at: machine.created_at.map(whole_second),
        cost_so_far: cost_so_far(machine, now).map(money::format),
        found_at: sighting.map(|sighting| whole_second(sighting.first_seen)),
        message: sighting.map_or_else(String::new, |sighting| message(&sighting.outlook)),
    }
}

/// A machine that was replaced and came back, likewise.
#[must_use]
pub fn returned(machine: &Machine, object: &str, now: Timestamp) -> Orphan {
    let message = format!(
        "it was gone, GpuInstance {object} has replaced it, and it came back: it is stopped and kept for what may be on it, or deleted where spec.orphans is Delete"
    );
    Orphan {
        message,
        ..row(machine, None, now)
    }
}

/// What becomes of an orphan, in words that change only when that does.
#[must_use]
pub fn message(outlook: &Outlook) -> String {
    match outlook {
        Outlook::Reported => format!("only reported, as spec.orphans says: {TO_DO}"),
        Outlook::Kept(why) => format!("not deleted, though spec.orphans is Delete: {why}; {TO_DO}"),
        Outlook::Due(moment) => {
            format!("to be deleted after {moment:.0}, as spec.orphans says, unless an object turns up that knows it")
        }
        Outlook::Tried(again, answer) => format!("{answer}; looked at again after {again:.0}"),
        Outlook::Going => "the cloud is deleting it".to_owned(),
        Outlook::Stop | Outlook::Delete => "about to be deleted, as spec.orphans says".to_owned(),
    }
}

/// The orphan itself, for an event.
#[must_use]
pub fn headline(machine: &Machine, now: Timestamp) -> String {
    let price = machine.price_per_hour.map(|price| {
        let so_far = cost_so_far(machine, now).map(|cost| format!(", {} so far at most", money::format(cost)));
        format!(" at {} an hour{}", money::format(price), so_far.unwrap_or_default())
    });
    format!(
        "machine {} ({}, {}){}",
        machine.id,
        machine.name.as_deref().unwrap_or_default(),
        machine.cloud_state,
        price.unwrap_or_default()
    )
}

/// What a machine has cost at most: by the hour begun, so that it changes no more often than that.
fn cost_so_far(machine: &Machine, now: Timestamp) -> Option<Decimal> {
    let age = now.duration_since(machine.created_at?).as_secs().max(0);
    let hours = age / 3600 + 1;
    machine.price_per_hour?.checked_mul(Decimal::from(hours))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::InstanceState;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

    #[test]
    fn an_orphan_is_told_with_what_it_has_cost() {
        let at = |second: i64| Timestamp::from_second(1_800_000_000 + second).unwrap();
        let machine = Machine {
            name: Some("gi-ours-9b1c7d2e4f60-1".into()),
            price_per_hour: money::parse(Some("1.89")),
            created_at: Some(at(0)),
            ..Machine::new("m-1", InstanceState::Running, "running")
        };
        let first_seen = at(30) + jiff::SignedDuration::from_millis(437);
        let sighting = Sighting::new(at(60), first_seen);
        let told = row(&machine, Some(&sighting), at(3599));
        assert_eq!(told.cost_so_far.as_deref(), Some("1.89"));
        assert_eq!(told.found_at, Some(Time(at(30))));
        assert!(told.message.contains("rebuild"), "{}", told.message);
        assert_eq!(
            headline(&machine, at(3600)),
            "machine m-1 (gi-ours-9b1c7d2e4f60-1, running) at 1.89 an hour, 3.78 so far at most"
        );
        let due = message(&Outlook::Due(at(90)));
        assert!(due.starts_with("to be deleted after 2027-01-15T08:01:30Z"), "{due}");
    }
}
