//! Amounts of money: decimal strings outside, [`Decimal`] inside, never floating point.

use std::str::FromStr;

pub use rust_decimal::Decimal;

/// What an amount may look like, `""` (absent) included: up to nine digits and six decimals.
pub(crate) const PATTERN: &str = r"^([0-9]{1,9}(\.[0-9]{1,6})?)?$";

/// Reads an amount that a user wrote; `None` where it is absent, empty or unreadable (which the schema prevents).
#[must_use]
pub fn parse(amount: Option<&str>) -> Option<Decimal> {
    amount.and_then(|text| Decimal::from_str(text).ok())
}

/// Writes an amount as status shows it: at least two decimals, no needless zeros behind them.
#[must_use]
pub fn format(amount: Decimal) -> String {
    let mut amount = amount.round_dp(6).normalize();
    if amount.scale() < 2 {
        amount.rescale(2);
    }
    amount.to_string()
}

/// An amount out of a number that a cloud sent as floating point, rounded to a ten-thousandth.
#[must_use]
pub fn from_vendor(amount: f64) -> Option<Decimal> {
    Decimal::try_from(amount).ok().map(|amount| amount.round_dp(4))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_written_with_two_decimals_or_more() {
        for (amount, text) in [
            ("1.890", "1.89"),
            ("2", "2.00"),
            ("0.5", "0.50"),
            ("0.00003", "0.00003"),
        ] {
            assert_eq!(format(parse(Some(amount)).unwrap()), text);
        }
    }

    #[test]
    fn floating_point_noise_does_not_reach_the_user() {
        assert_eq!(format(from_vendor(1.89).unwrap()), "1.89");
        assert_eq!(format(from_vendor(0.1 + 0.2).unwrap()), "0.30");
        assert_eq!(from_vendor(f64::NAN), None);
    }

    #[test]
    fn an_empty_amount_is_absent() {
        assert_eq!(parse(Some("")), None);
        assert_eq!(parse(None), None);
    }
}
