//! Kubernetes quantities of bytes, as users write them: `32Gi`, `500M`, `1073741824`.

/// What a quantity may look like, `""` (absent) included.
pub(crate) const PATTERN: &str = r"^([0-9]{1,12}(\.[0-9]{1,6})?(k|M|G|T|Ki|Mi|Gi|Ti)?)?$";

/// The number of bytes that a quantity means, fractions rounded up as Kubernetes does.
///
/// `None` where it is absent, empty or unreadable (which the schema prevents).
#[must_use]
pub fn bytes(quantity: Option<&str>) -> Option<u64> {
    let text = quantity?.trim();
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit: u64 = match &text[digits.len()..] {
        "" => 1,
        "k" => 1_000,
        "M" => 1_000_000,
        "G" => 1_000_000_000,
        "T" => 1_000_000_000_000,
        "Ki" => 1 << 10,
        "Mi" => 1 << 20,
        "Gi" => 1 << 30,
        "Ti" => 1 << 40,
        _ => return None,
    };
    let number: rust_decimal::Decimal = digits.parse().ok()?;
    let bytes = number.checked_mul(unit.into())?.ceil();
    bytes.try_into().ok()
}

/// The same in whole GiB, rounded up: the unit in which the clouds sell disks.
#[must_use]
pub fn gibibytes(quantity: Option<&str>) -> Option<u64> {
    bytes(quantity).map(|bytes| bytes.div_ceil(1 << 30))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_those_of_kubernetes() {
        for (text, expected) in [
            ("32Gi", Some(34_359_738_368)),
            ("1.5Ki", Some(1_536)),
            ("0.5", Some(1)),
            ("2k", Some(2_000)),
            ("0Gi", Some(0)),
            ("", None),
            ("12Xi", None),
        ] {
            assert_eq!(bytes(Some(text)), expected, "{text}");
        }
        assert_eq!(gibibytes(Some("1500Mi")), Some(2));
    }
}
