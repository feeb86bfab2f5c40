//! Scripts by a seed.

use std::fmt;
use std::time::Duration;

use fastrand::Rng;
use gpu_instance_operator::api::Cloud as Name;
use gpu_instance_operator::api::status::InstanceState;
use gpu_instance_operator::provider::{Capabilities, PriceKnown};
use serde_json::{Value, json};

use super::Deed;
use crate::model::{Fate, Profile};

/// The instances of a random life.
pub const NAMES: [&str; 2] = ["a", "b"];

/// What happens in a life, each after a pause of so many seconds.
#[derive(Clone)]
pub struct Script {
    pub cloud: Name,
    pub seed: u64,
    pub deeds: Vec<(u32, Deed)>,
    /// Of the deeds that the seed says, those that are here.
    pub kept: Vec<usize>,
}

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, (pause, deed)) in self.kept.iter().zip(&self.deeds) {
            writeln!(f, "  {number:2}: after {pause:3} s, {deed}")?;
        }
        Ok(())
    }
}

impl Script {
    pub fn new(cloud: Name, seed: u64) -> Self {
        let mut author = Author {
            rng: Rng::with_seed(seed ^ 0x9e37_79b9_7f4a_7c15),
            can: Profile::of(cloud).capabilities,
        };
        let mut deeds = vec![(0, Deed::Create("a", author.spec()))];
        let count = author.rng.usize(2..12);
        for _ in 0..count {
            let pause = author.pause();
            deeds.push((pause, author.deed()));
        }
        Self {
            cloud,
            seed,
            kept: (0..deeds.len()).collect(),
            deeds,
        }
    }

    /// Only these deeds, by their numbers. The pauses of the others stay.
    pub fn only(&self, numbers: &[usize]) -> Self {
        let mut deeds = Vec::new();
        let mut pause = 0;
        for (number, (before, deed)) in self.kept.iter().zip(&self.deeds) {
            pause += before;
            if numbers.contains(number) {
                deeds.push((pause, deed.clone()));
                pause = 0;
            }
        }
        let kept = self
            .kept
            .iter()
            .copied()
            .filter(|number| numbers.contains(number))
            .collect();
        Self {
            deeds,
            kept,
            ..self.clone()
        }
    }
}

struct Author {
    rng: Rng,
    can: &'static Capabilities,
}

impl Author {
    fn one<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.rng.usize(0..of.len())].clone()
    }

    /// Most things come soon after one another; sometimes there is time for all to come to rest.
    fn pause(&mut self) -> u32 {
        match self.rng.u8(0..10) {
            0..6 => self.rng.u32(0..12),
            6..9 => self.rng.u32(10..70),
            _ => self.rng.u32(60..200),
        }
    }

    fn spec(&mut self) -> Value {
        let mut spec = json!({
            "power": self.one(&["Running", "Running", "Running", "Stopped"]),
            "updatePolicy": self.one(&["Report", "InPlace", "Recreate", "Recreate"]),
        });
        if self.rng.u8(0..4) == 0 {
            spec["deletionPolicy"] = json!(self.one(&["Delete", "Stop", "Retain"]));
        }
        if self.rng.u8(0..6) == 0 && self.can.price != PriceKnown::Never {
            spec["maxPricePerHour"] = json!(self.one(&["1", "2", "5"]));
        }
        if self.rng.u8(0..6) == 0 && self.can.snapshot.is_some() {
            spec["snapshotOnStop"] = json!({ "name": "of-it" });
        }
        if self.rng.u8(0..6) == 0 {
            spec["providerRef"] = json!({ "kind": "ClusterGpuProvider", "name": "shared" });
        }
        spec
    }

    fn edit(&mut self) -> Value {
        match self.rng.u8(0..12) {
            0..4 => json!({ "power": self.one(&["Running", "Stopped"]) }),
            4..6 => json!({ "image": self.one(&["img", "other"]) }),
            6 => json!({ "suspend": self.rng.bool() }),
            7 => json!({ "deletionPolicy": self.one(&["Delete", "Stop", "Retain"]) }),
            8 => json!({ "updatePolicy": self.one(&["Report", "InPlace", "Recreate"]) }),
            9 if self.can.price != PriceKnown::Never => json!({ "maxPricePerHour": self.one(&["1", "2", "5"]) }),
            10 if self.can.gpu_by_model => json!({ "gpu": { "count": self.rng.u8(1..3) } }),
            _ => json!({ "restartedAt": self.one(&["2027-01-15T08:00:00Z", "2027-01-15T09:00:00Z"]) }),
        }
    }

    fn deed(&mut self) -> Deed {
        match self.rng.u8(0..100) {
            0..38 => self.of_a_user(),
            38..48 => self.of_an_administrator(),
            48..74 => self.of_a_call(),
            74..84 => self.of_the_cloud(),
            _ => self.of_the_operator(),
        }
    }

    fn of_a_user(&mut self) -> Deed {
        let name = self.one(&NAMES);
        match self.rng.u8(0..20) {
            0..5 => Deed::Create(name, self.spec()),
            5..13 => Deed::Edit(name, self.edit()),
            13 => Deed::Restart(name),
            14 => Deed::LookNow(name),
            15..18 => Deed::Delete(name),
            _ => Deed::CreateAnew(name, self.spec()),
        }
    }

    fn of_an_administrator(&mut self) -> Deed {
        match self.rng.u8(0..14) {
            0..3 => Deed::EditProvider(json!({ "limits": { "instances": self.rng.u8(1..3) } })),
            3 => Deed::EditProvider(json!({ "pollInterval": self.one(&["5s", "30s", "60s"]) })),
            4..6 => Deed::SpeakFor(self.one(&[Some(1), None])),
            6..9 => Deed::SpeakFor(Some(0)),
            9 => Deed::DeleteSecret,
            10 => Deed::DeleteProvider,
            11 => Deed::Furnish,
            12 => Deed::DeleteNamespace,
            _ => {
                let allowed = [
                    json!({ "from": "All" }),
                    json!({ "names": ["other"] }),
                    json!({ "selector": { "matchLabels": { "team": "vision" } } }),
                ];
                Deed::Share(self.one(&allowed))
            }
        }
    }

    fn of_a_call(&mut self) -> Deed {
        if self.rng.u8(0..12) == 0 {
            return Deed::Storm(self.one(&[0, 20, 60, 180]));
        }
        let writes = [
            "cloud create",
            "cloud create",
            "cloud delete",
            "cloud st",
            "cloud update",
            "cloud",
            "patch gpuinstances",
            "status of gpuinstances",
            "status of gpuinstances",
            "patch secrets",
            "patch",
            "",
        ];
        let reads = [
            "cloud list",
            "cloud describe",
            "cloud task",
            "get secrets",
            "look at",
            "cloud identify",
        ];
        let call = if self.rng.u8(0..4) == 0 {
            self.one(&reads)
        } else {
            self.one(&writes)
        };
        Deed::Meet(call, self.one(&Fate::OF_WRITES))
    }

    fn of_the_cloud(&mut self) -> Deed {
        let name = self.one(&NAMES);
        match self.rng.u8(0..12) {
            0..2 => Deed::Console(name, None),
            2 => Deed::Console(name, Some(InstanceState::Stopped)),
            3 => Deed::Console(name, Some(self.one(&[InstanceState::Failed, InstanceState::Frozen]))),
            4..6 => Deed::ListsLag(Duration::from_secs(self.rng.u64(0..15))),
            6..8 => Deed::ListForgets,
            8 => Deed::ListsIncomplete(self.rng.bool()),
            9..11 => Deed::SoldOut(self.rng.bool()),
            _ => Deed::RentByHand,
        }
    }

    fn of_the_operator(&mut self) -> Deed {
        match self.rng.u8(0..12) {
            0..4 => Deed::Die,
            4..6 => Deed::StandStill(self.rng.u32(0..150)),
            6 => Deed::TwoLeaders(self.rng.u32(1..20)),
            7..9 => Deed::WatchesLag(Duration::from_millis(self.rng.u64(0..12_000))),
            9..11 => Deed::LoseEvents(self.rng.u32(1..60)),
            _ => Deed::ClockJumps(self.rng.i64(-300..300)),
        }
    }
}
