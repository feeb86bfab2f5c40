//! Calls that change a machine that is there.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::Stage;
use super::outcome::{Acted, Failure, Outcome};
use crate::account::{Holding, Obstacle};
use crate::api::condition::Reason;
use crate::api::instance::StopMode;
use crate::api::status::{InstanceState, Transition, TransitionKind};
use crate::instance::memory::ActionKind;
use crate::instance::observation::InstanceView;
use crate::instance::step::Change;
use crate::instance::{connection, drift};
use crate::provider::{self, Field, Kind, Machine};

impl Stage<'_> {
    /// The bound machine; where that is leaving, another one of the object's that runs.
    fn machine_to_stop(&self) -> Result<&Machine, Failure> {
        let bound = self
            .machine()
            .ok()
            .filter(|machine| machine.state != InstanceState::Deleting);
        let mut machines = self.seen.evidence.machines.iter();
        bound
            .or_else(|| machines.find(|machine| machine.state == InstanceState::Running))
            .ok_or(Failure::Stale)
    }

    pub(super) async fn start(&self, fields: &[Field]) -> Acted {
        let connected = self.connected()?;
        let machine = self.machine()?;
        let good_until = self.last_look().await?;
        let limits = connected.provider.spec.limits.clone().unwrap_or_default();
        let price = machine.price_per_hour.or_else(|| self.object.spec.max_price_per_hour());
        connected
            .account
            .reserve_start(self.object.id(), price, &limits)
            .map_err(|why| Failure::Obstacle(Obstacle::new(Reason::LimitReached, why)))?;
        connected.account.record(
            self.object.id(),
            Holding {
                instance_id: Some(machine.id.clone()),
                claimed: true,
                price: price.unwrap_or_default(),
            },
        );
        let reshape = (!fields.is_empty()).then_some(&self.object.spec);
        let answer = self
            .only_before(good_until, connected.driver.start(machine, reshape))
            .await;
        let mut changes = vec![Change::CountStart];
        if !fields.is_empty() && !is_refusal(&answer) {
            changes.push(self.reordered(fields));
        }
        Ok(self.asked(ActionKind::Start, machine, answer, changes, "is being started"))
    }

    /// What was ordered, with these fields as the spec has them now.
    fn reordered(&self, fields: &[Field]) -> Change {
        let cloud = self.connected.map(|connected| connected.account.key.cloud);
        let mut digests = self
            .object
            .seen()
            .ordered
            .map(|ordered| ordered.digests)
            .unwrap_or_default();
        for name in fields
            .iter()
            .zip(std::iter::repeat(cloud))
            .filter_map(|(field, cloud)| Some(field.name(cloud?)))
        {
            if let Some(digest) = self.seen.digests.get(name) {
                digests.insert(name.to_owned(), digest.clone());
            }
        }
        Change::Ordered(digests)
    }

    pub(super) async fn stop(&self, mode: StopMode) -> Acted {
        let connected = self.connected()?;
        let machine = self.machine_to_stop()?;
        let good_until = self.last_look().await?;
        let snapshot = self.object.spec.snapshot_on_stop.as_ref();
        let with_stop = connected.driver.capabilities().snapshot_with_stop && self.object.is_to_stand_still();
        let snapshot = snapshot.filter(|_| with_stop);
        let answer = self
            .only_before(good_until, connected.driver.stop(machine, mode, snapshot))
            .await;
        let news = match snapshot {
            None => "is being stopped".to_owned(),
            Some(snapshot) => format!("is being stopped, and saved as image {}", snapshot.name),
        };
        let changes = vec![Change::StoppedWith(mode)];
        Ok(self.asked(ActionKind::Stop, machine, answer, changes, &news))
    }

    /// Stops a machine of the object's that is not the one that it has: so that it costs as little as it can.
    pub(super) async fn stop_extra(&self, id: &str, why: &str) -> Acted {
        let connected = self.connected()?;
        let machine = self.machine_named(id)?;
        let good_until = self.last_look().await?;
        let cheapest = connected.driver.capabilities().stop_mode(None);
        let answer = self
            .only_before(good_until, connected.driver.stop(machine, cheapest, None))
            .await;
        let news = format!("is being stopped: {why}");
        Ok(self.asked(ActionKind::Stop, machine, answer, Vec::new(), &news))
    }

    pub(super) async fn restart(&self) -> Acted {
        let connected = self.connected()?;
        let machine = self.machine()?;
        let transition = self.object.seen().transition.ok_or(Failure::Stale)?;
        let good_until = self.last_look().await?;
        let answer = self.only_before(good_until, connected.driver.restart(machine)).await;
        let begun = Transition {
            stopped: true,
            ..transition
        };
        Ok(self.asked(
            ActionKind::Restart,
            machine,
            answer,
            vec![Change::Transition(Some(begun))],
            "is being restarted",
        ))
    }

    pub(super) async fn save_image(&self) -> Acted {
        let connected = self.connected()?;
        let machine = self.machine()?;
        let snapshot = self.object.spec.snapshot_on_stop.as_ref().ok_or(Failure::Stale)?;
        let good_until = self.last_look().await?;
        let answer = self
            .only_before(good_until, connected.driver.save_image(machine, snapshot))
            .await;
        let saving = format!("is being saved as image {}", snapshot.name);
        Ok(self.asked(ActionKind::SaveImage, machine, answer, Vec::new(), &saving))
    }

    pub(super) async fn update(&self, fields: &[Field]) -> Acted {
        let connected = self.connected()?;
        let machine = self.machine()?;
        let good_until = self.last_look().await?;
        let reinstalls = connected.driver.capabilities().chooses_password && fields.contains(&Field::Image);
        let password = self.secret_text(if reinstalls {
            connection::NEXT_PASSWORD
        } else {
            connection::PASSWORD
        });
        let name = machine.name.clone().unwrap_or_default();
        let order = self.order(&name, password.as_ref());
        let answer = self
            .only_before(good_until, connected.driver.update(machine, &order, fields))
            .await;
        let mut changes = Vec::new();
        // Whether an unclear reinstall was begun, the machine's state tells.
        if answer.is_ok() || !(reinstalls || is_refusal(&answer)) {
            changes.push(self.reordered(fields));
        }
        if reinstalls {
            changes.push(Change::Transition(Some(Transition {
                kind: TransitionKind::Reinstall,
                since: Time(self.reconciler.environment.now()),
                stopped: answer.is_ok(),
            })));
        }
        let what = drift::names(fields.iter().copied(), connected.account.key.cloud);
        Ok(self.asked(
            ActionKind::Update,
            machine,
            answer,
            changes,
            &format!("is being changed ({what})"),
        ))
    }

    pub(super) async fn delete(&self, id: &str, why: &str) -> Acted {
        let connected = self.connected()?;
        let machine = self.machine_named(id)?;
        let good_until = self.last_look().await?;
        let answer = self.only_before(good_until, connected.driver.delete(machine)).await;
        if answer.is_ok() && self.object.machine_id().as_deref() == Some(id) {
            let now = self.reconciler.environment.now();
            self.reconciler
                .remember(self.object.id(), |memory| memory.delete_acknowledged = Some(now));
        }
        Ok(self.asked(
            ActionKind::Delete,
            machine,
            answer,
            Vec::new(),
            &format!("is being deleted: {why}"),
        ))
    }

    /// A call was sent. What it changed shows in the next lists, also where the answer was unclear.
    fn asked(
        &self,
        kind: ActionKind,
        machine: &Machine,
        answer: provider::Result<()>,
        changes: Vec<Change>,
        news: &str,
    ) -> Outcome {
        match answer {
            Ok(()) => {
                self.remember_action(kind, machine, true);
                Outcome::told(changes, format!("machine {} {news}", machine.id))
            }
            Err(error) if error.kind == Kind::Ambiguous => {
                self.remember_action(kind, machine, false);
                let news = format!(
                    "machine {} {news}, though the cloud's answer was unclear: {}",
                    machine.id, error.message
                );
                Outcome::told(changes, news)
            }
            // What was tried and refused is counted too, so that a start that always fails is not tried for ever.
            Err(error) => {
                let counted = changes
                    .into_iter()
                    .filter(|change| *change == Change::CountStart && error.kind != Kind::NoCapacity);
                Outcome {
                    changes: counted.collect(),
                    result: Err(error.into()),
                    news: None,
                }
            }
        }
    }
}

/// Whether the cloud clearly did not do it.
fn is_refusal(answer: &provider::Result<()>) -> bool {
    answer.as_ref().is_err_and(|error| error.kind != Kind::Ambiguous)
}
