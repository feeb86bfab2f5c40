//! How a machine is paid for, in Neolink's numbers and letters.

use jiff::{Span, Timestamp, tz::TimeZone};

use crate::api::GpuInstanceSpec;
use crate::api::billing::{BillingMode, BillingPeriod, PeriodUnit};

/// What one price is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Term {
    Hour,
    Month,
    Week,
    Day,
}

impl Term {
    const ALL: [Self; 4] = [Self::Hour, Self::Month, Self::Week, Self::Day];

    /// What the spec wants to pay by.
    pub(super) fn of(spec: &GpuInstanceSpec) -> Self {
        period(spec).map_or(Self::Hour, |period| match period.unit {
            PeriodUnit::Day => Self::Day,
            PeriodUnit::Week => Self::Week,
            PeriodUnit::Month => Self::Month,
        })
    }

    /// What `sellingType` or `CostType` says.
    pub(super) fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|term| term.code() == code)
    }

    /// Its number in the API.
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::Hour => "1",
            Self::Month => "2",
            Self::Week => "3",
            Self::Day => "4",
        }
    }

    /// In words, for messages.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Month => "month",
            Self::Week => "week",
            Self::Day => "day",
        }
    }

    /// How many hours it has; a month counts 30 days.
    pub(super) fn hours(self) -> u32 {
        match self {
            Self::Hour => 1,
            Self::Day => 24,
            Self::Week => 7 * 24,
            Self::Month => 30 * 24,
        }
    }
}

/// `CostTime`: `3D`, `2W`, `1M`; empty for what is paid by the hour.
pub(super) fn cost_time(spec: &GpuInstanceSpec) -> String {
    period(spec).map_or_else(String::new, |period| {
        let letter = match period.unit {
            PeriodUnit::Day => 'D',
            PeriodUnit::Week => 'W',
            PeriodUnit::Month => 'M',
        };
        format!("{}{letter}", period.count)
    })
}

fn period(spec: &GpuInstanceSpec) -> Option<&BillingPeriod> {
    let billing = spec.billing.as_ref()?;
    billing
        .period
        .as_ref()
        .filter(|_| billing.mode() == BillingMode::Prepaid)
}

/// When a time that was paid for in advance is over; `None` where it cannot be read.
pub(super) fn end(begun: Timestamp, cost_time: &str) -> Option<Timestamp> {
    let text = cost_time.trim().trim_start_matches('+');
    let count: i64 = text.get(..text.len().checked_sub(1)?)?.parse().ok()?;
    let span = match text.chars().next_back()? {
        'D' | 'd' => Span::new().try_days(count),
        'W' | 'w' => Span::new().try_weeks(count),
        'M' | 'm' => Span::new().try_months(count),
        _ => return None,
    };
    let end = begun.to_zoned(TimeZone::UTC).checked_add(span.ok()?).ok()?;
    Some(end.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_paid_time_ends_when_it_says() {
        let begun: Timestamp = "2024-09-02T18:34:33+08:00".parse().unwrap();
        for (cost_time, expected) in [
            ("3D", Some("2024-09-05T10:34:33Z")),
            ("2W", Some("2024-09-16T10:34:33Z")),
            ("1M", Some("2024-10-02T10:34:33Z")),
            ("+3D", Some("2024-09-05T10:34:33Z")),
            ("", None),
            ("D", None),
            ("3", None),
            ("3日", None),
            ("99999999999D", None),
        ] {
            let expected = expected.map(|text| text.parse::<Timestamp>().unwrap());
            assert_eq!(end(begun, cost_time), expected, "{cost_time}");
        }
    }
}
