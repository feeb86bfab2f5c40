//! Small builders: an object as its YAML would say, and what is seen of it.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::account::{Absence, AccountKey, Evidence, Obstacle, Outage};
use crate::api::condition::Reason;
use crate::api::instance::{GpuInstanceSpec, Power, StopMode};
use crate::api::remote_name::{BindingAnnotation, Installation};
use crate::api::status::{Claim, GpuInstanceStatus, Ordered, Transition, TransitionKind, Tries};
use crate::api::{BINDING_ANNOTATION, Cloud, GpuInstance, INSTANCE_FINALIZER, InstanceState, money};
use crate::instance::memory::{Action, ActionKind, Memory, OwnClaim, Quoted, Sent, SentResult};
use crate::instance::observation::{AdoptionView, CloudView, Connection, Observation, SecretView};
use crate::provider::{
    self, Capabilities, Detail, Field, Kind, Machine, PriceKnown, Quote, RegionUse, VolumeUse, When,
};

pub(in crate::instance) const UID: &str = "9b1c7d2e-4f60-4a0b-8c0d-000000000001";
pub(in crate::instance) const OTHER_UID: &str = "00000000-4f60-4a0b-8c0d-000000000002";
pub(in crate::instance) const ACCOUNT: &str = "u-1";
/// The machine that objects here are bound to.
pub(in crate::instance) const M: &str = "m-1";

/// A cloud that can do nearly everything, and needs nothing that a test would have to set up.
pub(in crate::instance) const CLOUD: Capabilities = Capabilities {
    cloud: Cloud::Xgc,
    currency: "CNY",
    stop_modes: &[StopMode::ReleaseGpu, StopMode::KeepGpu],
    gpu_by_model: true,
    zero_gpus: true,
    most_gpus: 8,
    sizes_cpu_and_memory: false,
    region: RegionUse::None,
    port_protocols: &[],
    volumes: VolumeUse {
        most: 1,
        source: false,
        size: false,
    },
    startup_script: false,
    snapshot: Some(false),
    snapshot_with_stop: false,
    billing_modes: &[],
    auto_renew: false,
    price: PriceKnown::OnMachine,
    detail: Detail::InList,
    chooses_password: false,
    restarts: false,
    deletes_running: true,
    in_place: &[
        (Field::Gpu, When::AtStart),
        (Field::Ports, When::Free),
        (Field::Volumes, When::Stopped),
        (Field::Memory, When::Running),
    ],
    longest_name: 64,
    settle_after: Duration::from_mins(1),
    always_ssh: false,
};

/// The same, but its machines must be stopped before they are deleted, their password is ours to choose, and their
/// price is told before the order or never.
pub(in crate::instance) const STRICT_CLOUD: Capabilities = Capabilities {
    price: PriceKnown::BeforeOrder,
    deletes_running: false,
    chooses_password: true,
    ..CLOUD
};

/// A moment, in seconds from now.
pub(in crate::instance) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

/// The name of an attempt of the object here.
pub(in crate::instance) fn name(attempt: i64) -> String {
    Installation::new("inst").unwrap().name(UID, attempt).to_string()
}

/// An object, step by step.
#[derive(Clone)]
pub(in crate::instance) struct Object(pub(in crate::instance) GpuInstance);

/// One that was just created.
pub(in crate::instance) fn new_object() -> Object {
    let spec = serde_json::json!({
        "providerRef": { "name": "xgc" }, "image": "img", "gpu": { "model": "RTX 4090", "count": 1 },
    });
    let mut object = GpuInstance::new("train-1", serde_json::from_value(spec).unwrap());
    object.metadata.namespace = Some("ml".into());
    object.metadata.uid = Some(UID.into());
    object.metadata.generation = Some(1);
    Object(object)
}

/// One that has taken its finalizer.
pub(in crate::instance) fn held_object() -> Object {
    let mut object = new_object();
    object.0.metadata.finalizers = Some(vec![INSTANCE_FINALIZER.into()]);
    object
}

/// One that claimed a machine ten seconds ago.
pub(in crate::instance) fn claimed() -> Object {
    held_object().status(|status| {
        status.account_id = Some(ACCOUNT.into());
        status.attempts = 1;
        status.claim = Some(Claim {
            name: name(1),
            attempt: 1,
            since: Time(at(-10)),
            deadline: Time(at(50)),
            task: None,
        });
        status.ordered = Some(Ordered { digests: digests(&[]) });
    })
}

/// One whose machine is `m-1`, and which was Ready before.
pub(in crate::instance) fn bound() -> Object {
    claimed().annotate(UID, M).status(|status| {
        status.instance_id = Some(M.into());
        status.was_ready = true;
        status.observed_generation = Some(1);
    })
}

impl Object {
    pub(in crate::instance) fn spec(mut self, change: impl FnOnce(&mut GpuInstanceSpec)) -> Self {
        change(&mut self.0.spec);
        self
    }

    pub(in crate::instance) fn status(mut self, change: impl FnOnce(&mut GpuInstanceStatus)) -> Self {
        change(self.0.status.get_or_insert_with(GpuInstanceStatus::default));
        self
    }

    pub(in crate::instance) fn annotation(mut self, key: &str, value: &str) -> Self {
        let annotations = self.0.metadata.annotations.get_or_insert_with(BTreeMap::new);
        annotations.insert(key.into(), value.into());
        self
    }

    /// The binding annotation of the object with this UID.
    pub(in crate::instance) fn annotate(self, uid: &str, machine: &str) -> Self {
        let binding = BindingAnnotation {
            uid: uid.into(),
            account: ACCOUNT.into(),
            instance_id: machine.into(),
        };
        self.annotation(BINDING_ANNOTATION, &binding.to_string())
    }

    pub(in crate::instance) fn deleted(mut self) -> Self {
        self.0.metadata.deletion_timestamp = Some(Time(at(-1)));
        self
    }

    pub(in crate::instance) fn stopped(self) -> Self {
        self.spec(|spec| spec.power = Power::Stopped)
    }

    pub(in crate::instance) fn without_finalizer(mut self) -> Self {
        self.0.metadata.finalizers = None;
        self
    }

    pub(in crate::instance) fn generation(mut self, generation: i64) -> Self {
        self.0.metadata.generation = Some(generation);
        self
    }

    pub(in crate::instance) fn transition(self, kind: TransitionKind, stopped: bool) -> Self {
        self.status(|status| {
            status.transition = Some(Transition {
                kind,
                since: Time(at(-30)),
                stopped,
            });
        })
    }

    /// What was ordered differs from the spec in these fields.
    pub(in crate::instance) fn ordered_otherwise(self, fields: &[&str]) -> Self {
        let digests = digests(fields);
        self.status(|status| status.ordered = Some(Ordered { digests }))
    }
}

/// Tries that began a quarter of an hour ago.
pub(in crate::instance) fn tries(count: i64) -> Option<Tries> {
    Some(Tries {
        count,
        since: Time(at(-900)),
    })
}

/// Digests of all fields, other than now in these.
fn digests(other: &[&str]) -> BTreeMap<String, String> {
    let fields = [
        "gpu",
        "cpu",
        "memory",
        "image",
        "ports",
        "volumes",
        "startupScript",
        "billing",
        "xgc",
    ];
    let digest = |field: &str| if other.contains(&field) { "before" } else { "now" };
    fields
        .into_iter()
        .map(|field| (field.to_owned(), digest(field).to_owned()))
        .collect()
}

/// What is seen, step by step.
#[derive(Clone)]
pub(in crate::instance) struct Seen(pub(in crate::instance) Observation);

/// An account that works, was listed five seconds ago, and shows nothing of ours; nothing is prepared.
pub(in crate::instance) fn seen() -> Seen {
    Seen(Observation {
        cloud: CloudView::Connected(Connection {
            account: AccountKey {
                cloud: Cloud::Xgc,
                endpoint: None,
                id: ACCOUNT.into(),
            },
            capabilities: &CLOUD,
            forbidden: None,
            closing: None,
            deletes_orphans: false,
            settle_after: Duration::from_mins(1),
            call_timeout: Duration::from_secs(30),
            held: false,
        }),
        evidence: Evidence {
            listed: Some(at(-5)),
            unchanged_since: Some(at(-3600)),
            known_since: Some(at(-3600)),
            ..Evidence::default()
        },
        memory: Memory::default(),
        secret: SecretView::Absent,
        script: Ok(None),
        refusal: None,
        adoption: AdoptionView::NotAsked,
        unexplained: Vec::new(),
        ports: Vec::new(),
        digests: digests(&[]),
        installation: Installation::new("inst").unwrap(),
    })
}

/// The same, ready to order: the provider is protected, the price is asked.
pub(in crate::instance) fn ready_to_order() -> Seen {
    seen().held().quoted(None)
}

impl Seen {
    pub(in crate::instance) fn with(mut self, change: impl FnOnce(&mut Observation)) -> Self {
        change(&mut self.0);
        self
    }

    pub(in crate::instance) fn memory(self, change: impl FnOnce(&mut Memory)) -> Self {
        self.with(|seen| change(&mut seen.memory))
    }

    pub(in crate::instance) fn connection(self, change: impl FnOnce(&mut Connection)) -> Self {
        self.with(|seen| match &mut seen.cloud {
            CloudView::Connected(connection) => change(connection),
            _ => unreachable!("a connected account"),
        })
    }

    pub(in crate::instance) fn held(self) -> Self {
        self.connection(|connection| connection.held = true)
    }

    pub(in crate::instance) fn quoted(self, price: Option<&str>) -> Self {
        let price_per_hour = money::parse(price);
        self.memory(|memory| {
            memory.quote = Some(Quoted {
                generation: 1,
                quote: Quote {
                    price_per_hour,
                    currency: None,
                },
                at: at(-1),
            });
        })
    }

    pub(in crate::instance) fn machine(self, machine: Machine) -> Self {
        self.with(|seen| seen.evidence.machines.push(machine))
    }

    /// The machine `m-1` in this state.
    pub(in crate::instance) fn m(self, state: InstanceState) -> Self {
        self.machine(m(state))
    }

    /// Lists have not shown the object's machine since then; the last was begun five seconds ago.
    pub(in crate::instance) fn absent_since(self, since: i64) -> Self {
        self.absent_between(since, -5)
    }

    pub(in crate::instance) fn absent_between(self, since: i64, until: i64) -> Self {
        self.with(|seen| {
            seen.evidence.absence = Absence {
                since: Some(at(since)),
                until: Some(at(until)),
                lists: if since == until { 1 } else { 2 },
            };
        })
    }

    /// The first list that showed the machine as it is now was begun so many seconds ago.
    pub(in crate::instance) fn unchanged_for(self, seconds: i64) -> Self {
        self.with(|seen| seen.evidence.unchanged_since = Some(at(-seconds)))
    }

    /// The first list that showed the machine was begun so many seconds ago.
    pub(in crate::instance) fn known_for(self, seconds: i64) -> Self {
        self.with(|seen| seen.evidence.known_since = Some(at(-seconds)))
    }

    /// What became of the last call is not known.
    pub(in crate::instance) fn unclear(self) -> Self {
        self.memory(|memory| {
            if let Some(action) = &mut memory.action {
                action.acknowledged = false;
            }
        })
    }

    pub(in crate::instance) fn outage(self, kind: Kind) -> Self {
        self.with(|seen| {
            seen.evidence.outage = Some(Outage {
                error: provider::Error::new(kind, "it said something"),
                failures: 2,
            });
        })
    }

    /// This process wrote the claim.
    pub(in crate::instance) fn own(self) -> Self {
        self.memory(|memory| {
            memory.own_claim = Some(OwnClaim {
                name: name(1),
                generation: 1,
            });
        })
    }

    /// And sent the order two seconds ago.
    pub(in crate::instance) fn sent(self, result: SentResult) -> Self {
        self.own().memory(|memory| {
            memory.sent = Some(Sent {
                claim: name(1),
                ended: at(-2),
                result,
            });
        })
    }

    /// A call for `m-1` that ended so many seconds ago, when the machine was in this state.
    pub(in crate::instance) fn asked(self, kind: ActionKind, before: InstanceState, ago: i64) -> Self {
        self.asked_for(M, kind, before, ago)
    }

    pub(in crate::instance) fn asked_for(self, id: &str, kind: ActionKind, before: InstanceState, ago: i64) -> Self {
        let action = Action {
            kind,
            instance_id: id.into(),
            before,
            ended: at(-ago),
            acknowledged: true,
        };
        self.memory(|memory| memory.action = Some(action))
    }

    pub(in crate::instance) fn delete_acknowledged(self) -> Self {
        self.memory(|memory| memory.delete_acknowledged = Some(at(-20)))
    }

    /// A failure that is left alone for another minute.
    pub(in crate::instance) fn pause(self, reason: Reason) -> Self {
        self.memory(|memory| {
            memory.pause = Some(crate::instance::memory::Pause {
                until: at(60),
                why: Obstacle::new(reason, "it said so"),
                generation: 1,
                refused_in: None,
                room_made: None,
            });
        })
    }

    /// The same, of something that was refused while the machine was in this state.
    pub(in crate::instance) fn refused_in(self, state: InstanceState, reason: Reason) -> Self {
        self.pause(reason).memory(|memory| {
            if let Some(pause) = &mut memory.pause {
                pause.refused_in = Some(("m-1".into(), state));
            }
        })
    }
}

/// The machine `m-1`, as the first attempt made it.
pub(in crate::instance) fn m(state: InstanceState) -> Machine {
    machine(M, 1, state)
}

/// A machine that an attempt of the object has made.
pub(in crate::instance) fn machine(id: &str, attempt: i64, state: InstanceState) -> Machine {
    let word: &str = state.into();
    let mut machine = Machine::new(id, state, word.to_lowercase());
    machine.name = Some(name(attempt));
    machine
}

pub(in crate::instance) fn priced(mut machine: Machine, price: &str) -> Machine {
    machine.price_per_hour = money::parse(Some(price));
    machine
}

pub(in crate::instance) fn expired(mut machine: Machine) -> Machine {
    machine.expired = true;
    machine
}
