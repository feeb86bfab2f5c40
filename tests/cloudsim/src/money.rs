//! Exact money: rates per hour and the amounts that they come to.
//!
//! A float would drift over a long simulation, and a meter that drifts can't be asserted on.
#![allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "floats are only the way in from configuration and the way out to JSON"
)]

use std::ops::{AddAssign, SubAssign};

const NANOS_PER_YUAN: f64 = 1e9;
const MILLIS_PER_HOUR: i128 = 3_600_000;

/// What a machine costs, in yuan per hour, exact to a billionth.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rate(i64);

impl Rate {
    pub(crate) const ZERO: Self = Self(0);

    pub(crate) fn per_hour(yuan: f64) -> Self {
        Self((yuan * NANOS_PER_YUAN).round() as i64)
    }

    pub(crate) fn yuan_per_hour(self) -> f64 {
        self.0 as f64 / NANOS_PER_YUAN
    }

    pub(crate) fn over_millis(self, millis: i64) -> Money {
        Money(i128::from(self.0) * i128::from(millis))
    }

    pub(crate) fn plus(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

/// An amount of money. The unit is a billionth of a yuan divided by the milliseconds of an hour, so that
/// [`Rate::over_millis`] never rounds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Money(i128);

impl Money {
    pub(crate) const ZERO: Self = Self(0);

    pub(crate) fn yuan(yuan: f64) -> Self {
        Self((yuan * NANOS_PER_YUAN).round() as i128 * MILLIS_PER_HOUR)
    }

    /// In yuan, rounded to a billionth.
    pub(crate) fn as_yuan(self) -> f64 {
        (self.0 / MILLIS_PER_HOUR) as f64 / NANOS_PER_YUAN
    }

    /// The first millisecond after which this amount, spent at `rate`, is below zero.
    pub(crate) fn millis_until_negative(self, rate: Rate) -> Option<i64> {
        if rate.0 <= 0 {
            return None;
        }
        i64::try_from(self.0 / i128::from(rate.0) + 1).ok()
    }
}

impl AddAssign for Money {
    fn add_assign(&mut self, other: Self) {
        self.0 += other.0;
    }
}

impl SubAssign for Money {
    fn sub_assign(&mut self, other: Self) {
        self.0 -= other.0;
    }
}

#[cfg(test)]
mod tests {
    use super::{Money, Rate};

    #[test]
    fn small_steps_add_up_to_the_whole() {
        let rate = Rate::per_hour(1.89);
        let mut sum = Money::ZERO;
        for _ in 0..3_600_000 / 7 {
            sum += rate.over_millis(7);
        }
        sum += rate.over_millis(3_600_000 % 7);
        assert_eq!(sum, Money::yuan(1.89));
        assert!((sum.as_yuan() - 1.89).abs() < f64::EPSILON);
    }

    #[test]
    fn the_smallest_rate_is_not_lost() {
        let rate = Rate::per_hour(0.00003);
        assert!(rate.over_millis(1) > Money::ZERO);
        assert_eq!(rate.over_millis(3_600_000), Money::yuan(0.00003));
    }

    #[test]
    fn money_ends_one_millisecond_after_it_is_spent() {
        let rate = Rate::per_hour(3.6);
        let balance = Money::yuan(1.0);
        let ends = balance.millis_until_negative(rate);
        assert_eq!(ends, Some(1_000_001));
        assert_eq!(Money::ZERO.millis_until_negative(rate), Some(1));
        assert_eq!(balance.millis_until_negative(Rate::ZERO), None);
    }
}
