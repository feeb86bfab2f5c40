//! What becomes of calls to the outside: well, or one of the faults that were planned or that the weather brings.

use std::collections::BTreeMap;

/// What becomes of a call from a process to the outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// It is carried out and answered.
    Well,
    /// The process dies before it is sent.
    DiesBefore,
    /// It is carried out; the process dies before the answer.
    DiesAfter,
    /// It is carried out; the answer is lost.
    ReplyLost,
    /// It never arrives; the caller cannot know.
    RequestLost,
    /// The caller hears nothing; it is carried out minutes later, longer than any call may take.
    ComesLate,
    /// It is refused: somebody else was faster, or the cloud has none.
    Refused,
}

impl Fate {
    /// All that can befall a call that changes something, and is over when it is answered.
    pub const OF_WRITES: [Self; 5] = [
        Self::DiesBefore,
        Self::DiesAfter,
        Self::ReplyLost,
        Self::RequestLost,
        Self::Refused,
    ];
}

/// Everything of these kinds of calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    Reads,
    Writes,
}

/// A call from a process to the outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    pub what: String,
    pub effect: Effect,
    /// What the outside was like: two calls with the same digest saw the same.
    pub outside: u64,
}

/// How likely each fault of a call is, in a thousand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Weather {
    pub reads: u32,
    pub writes: u32,
    pub deaths: u32,
}

/// The faults to come, and those that came.
#[derive(Default)]
pub struct Faults {
    /// Fates of single calls, by their number.
    planned: BTreeMap<usize, Fate>,
    /// Fates of the next calls whose description begins so.
    next: Vec<(String, Fate)>,
    weather: Weather,
    /// How often each was injected, by what it befell.
    injected: BTreeMap<String, u64>,
}

/// Numbers drawn for a call: whether it dies, whether it fails, and how.
#[derive(Clone, Copy)]
pub struct Dice {
    pub doom: u32,
    pub luck: u32,
    pub kind: usize,
}

impl Faults {
    pub fn plan(&mut self, call: usize, fate: Fate) {
        self.planned.insert(call, fate);
    }

    pub fn plan_next(&mut self, what: &str, fate: Fate) {
        self.next.push((what.to_owned(), fate));
    }

    pub fn set_weather(&mut self, weather: Weather) {
        self.weather = weather;
    }

    /// No more faults, but those of single calls by their number.
    pub fn calm(&mut self) {
        self.weather = Weather::default();
        self.next.clear();
    }

    pub fn injected(&self) -> &BTreeMap<String, u64> {
        &self.injected
    }

    /// Counts a fault that is not one of a call.
    pub fn count(&mut self, what: &str) {
        *self.injected.entry(what.to_owned()).or_default() += 1;
    }

    pub fn fate(&mut self, number: usize, what: &str, effect: Effect, dice: Dice) -> Fate {
        let fate = self.choose(number, what, effect, dice);
        if fate != Fate::Well {
            let side = if what.starts_with("cloud ") { "cloud" } else { "API" };
            self.count(&format!("{side} {effect:?}: {fate:?}").to_lowercase());
        }
        fate
    }

    fn choose(&mut self, number: usize, what: &str, effect: Effect, dice: Dice) -> Fate {
        let next = self
            .next
            .iter()
            .position(|(prefix, _)| what.starts_with(prefix.as_str()));
        if let Some(next) = next {
            return self.next.remove(next).1;
        }
        if let Some(fate) = self.planned.get(&number) {
            return *fate;
        }
        let chance = match effect {
            Effect::Reads => self.weather.reads,
            Effect::Writes => self.weather.writes,
        };
        if dice.doom < self.weather.deaths {
            if dice.kind == 0 {
                Fate::DiesBefore
            } else {
                Fate::DiesAfter
            }
        } else if dice.luck < chance {
            [Fate::ReplyLost, Fate::RequestLost, Fate::Refused][dice.kind]
        } else {
            Fate::Well
        }
    }
}
