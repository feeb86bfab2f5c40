//! Who holds what of an account: limits are reserved one after the other, and no machine has two holders.

use std::collections::BTreeMap;

use super::Account;
use crate::api::GpuInstance;
use crate::api::money::{self, Decimal};
use crate::api::provider::Limits;
use crate::api::status::GpuInstanceStatus;

/// What one object holds of the account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holding {
    /// The machine that it is bound to.
    pub instance_id: Option<String>,
    /// What the machine costs an hour while it runs, or may cost once it does; nothing while it is stopped.
    pub price: Decimal,
    /// Whether it counts against the number of instances: from the claim on.
    pub claimed: bool,
}

impl Holding {
    /// What an object holds, as its status says; what it may cost, where the price is not known.
    #[must_use]
    pub fn of(instance: &GpuInstance, status: &GpuInstanceStatus) -> Self {
        let price = money::parse(status.price_per_hour.as_deref())
            .or_else(|| status.quoted_price())
            .or_else(|| instance.spec.max_price_per_hour());
        Self {
            instance_id: status.instance_id.clone(),
            price: price.filter(|_| super::bills(status)).unwrap_or_default(),
            claimed: true,
        }
    }
}

/// All holdings of an account, by the objects' UIDs.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    holdings: BTreeMap<String, Holding>,
    room_made: u64,
}

impl Ledger {
    /// Records what an object holds, as its own status says.
    pub fn record(&mut self, uid: &str, holding: Holding) {
        let price = holding.price;
        let before = if holding == Holding::default() {
            self.holdings.remove(uid).map(|before| (before.claimed, before.price))
        } else {
            self.holdings
                .insert(uid.to_owned(), holding)
                .map(|before| (false, before.price))
        };
        if before.is_some_and(|(place, before)| place || before > price) {
            self.room_made += 1;
        }
    }

    /// The objects that hold anything.
    pub fn holders(&self) -> impl Iterator<Item = &String> {
        self.holdings.keys()
    }

    /// How often room was made for others.
    #[must_use]
    pub fn room_made(&self) -> u64 {
        self.room_made
    }

    /// The other object that holds this machine.
    #[must_use]
    pub fn holder(&self, instance_id: &str, except: &str) -> Option<&str> {
        self.holdings
            .iter()
            .find(|(uid, holding)| uid.as_str() != except && holding.instance_id.as_deref() == Some(instance_id))
            .map(|(uid, _)| uid.as_str())
    }

    /// Whether any object holds this machine.
    #[must_use]
    pub fn is_held(&self, instance_id: &str) -> bool {
        self.holder(instance_id, "").is_some()
    }

    /// Whether this object holds, or has reserved, anything.
    #[must_use]
    pub fn holds(&self, uid: &str) -> bool {
        self.holdings.contains_key(uid)
    }

    /// Reserves room for a machine that may cost `price` an hour, or says what is in the way.
    ///
    /// `price` is the most that it can cost; `None` if nobody knows, which no limit on money can allow.
    pub fn reserve(&mut self, uid: &str, price: Option<Decimal>, limits: &Limits) -> Result<(), String> {
        let others = || {
            self.holdings
                .iter()
                .filter(|(other, _)| other.as_str() != uid)
                .map(|(_, holding)| holding)
        };
        let count = i64::try_from(others().filter(|holding| holding.claimed).count()).unwrap_or(i64::MAX);
        if let Some(most) = limits.instances
            && count >= most
        {
            return Err(format!(
                "the provider's limits allow {most} instances, and {count} are claimed or held"
            ));
        }
        self.reserve_price(uid, price, limits)
    }

    /// Reserves what a machine that is held already may cost from now on.
    pub fn reserve_price(&mut self, uid: &str, price: Option<Decimal>, limits: &Limits) -> Result<(), String> {
        let others = || {
            self.holdings
                .iter()
                .filter(|(other, _)| other.as_str() != uid)
                .map(|(_, holding)| holding)
        };
        if let Some(most) = money::parse(limits.price_per_hour.as_deref()) {
            let spent: Decimal = others().map(|holding| holding.price).sum();
            let Some(price) = price else {
                return Err(format!(
                    "the provider's limits allow {} an hour, and the cloud tells no price before renting: set spec.maxPricePerHour, which is then reserved",
                    money::format(most)
                ));
            };
            if spent + price > most {
                return Err(format!(
                    "the provider's limits allow {} an hour; {} are spent or reserved, and this machine may cost {}",
                    money::format(most),
                    money::format(spent),
                    money::format(price)
                ));
            }
        }
        let holding = self.holdings.entry(uid.to_owned()).or_default();
        holding.claimed = true;
        holding.price = price.unwrap_or_default();
        Ok(())
    }
}

impl Account {
    /// Records what an instance holds, as its own status says.
    pub fn record(&self, uid: &str, holding: Holding) {
        self.state().ledger.record(uid, holding);
    }

    /// Whether this object holds, or has reserved, anything.
    #[must_use]
    pub fn holds(&self, uid: &str) -> bool {
        self.state().ledger.holds(uid)
    }

    /// How often room was made: a pause for want of room is over when this has moved.
    #[must_use]
    pub fn room_made(&self) -> u64 {
        self.state().ledger.room_made()
    }

    /// Reserves what a start may cost, within the limits; the error says what is in the way.
    pub fn reserve_start(&self, uid: &str, price: Option<Decimal>, limits: &Limits) -> Result<(), String> {
        self.state().ledger.reserve_price(uid, price, limits)
    }

    /// Reserves room within the limits; the error says what is in the way.
    pub fn reserve(&self, uid: &str, price: Option<Decimal>, limits: &Limits) -> Result<(), String> {
        self.state().ledger.reserve(uid, price, limits)
    }

    /// The other object that holds this machine.
    #[must_use]
    pub fn holder(&self, instance_id: &str, except: &str) -> Option<String> {
        self.state().ledger.holder(instance_id, except).map(ToOwned::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(instances: Option<i64>, price: Option<&str>) -> Limits {
        Limits {
            instances,
            requests_per_second: None,
            price_per_hour: price.map(Into::into),
        }
    }

    fn yuan(amount: &str) -> Option<Decimal> {
        money::parse(Some(amount))
    }

    #[test]
    fn of_two_that_want_the_last_place_one_gets_it() {
        let mut ledger = Ledger::default();
        assert_eq!(ledger.reserve("a", None, &limits(Some(1), None)), Ok(()));
        assert_eq!(
            ledger.reserve("a", None, &limits(Some(1), None)),
            Ok(()),
            "its own reservation is no obstacle"
        );
        let refusal = ledger.reserve("b", None, &limits(Some(1), None)).unwrap_err();
        assert!(refusal.contains("allow 1 instances"), "{refusal}");
        let before = ledger.room_made();
        ledger.record("a", Holding::default());
        assert_eq!(ledger.room_made(), before + 1);
        assert_eq!(ledger.reserve("b", None, &limits(Some(1), None)), Ok(()));
    }

    #[test]
    fn money_is_reserved_before_it_is_spent() {
        let mut ledger = Ledger::default();
        assert_eq!(ledger.reserve("a", yuan("3"), &limits(None, Some("5"))), Ok(()));
        assert!(ledger.reserve("b", yuan("2.01"), &limits(None, Some("5"))).is_err());
        assert_eq!(ledger.reserve("b", yuan("2"), &limits(None, Some("5"))), Ok(()));
        assert!(
            ledger
                .reserve("c", None, &limits(None, Some("50")))
                .unwrap_err()
                .contains("maxPricePerHour")
        );
    }

    #[test]
    fn a_machine_has_one_holder() {
        let mut ledger = Ledger::default();
        ledger.record(
            "a",
            Holding {
                instance_id: Some("m".into()),
                claimed: true,
                ..Holding::default()
            },
        );
        assert_eq!(ledger.holder("m", "b"), Some("a"));
        assert_eq!(ledger.holder("m", "a"), None);
        ledger.record("a", Holding::default());
        assert!(!ledger.is_held("m"));
    }
}
