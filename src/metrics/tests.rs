use std::collections::BTreeMap;

use super::*;

/// Everything that there is to tell, told once.
fn told() -> Metrics {
    let metrics = Metrics::new();
    metrics.called(Cloud::Xgc, Operation::SaveImage, None, Duration::from_millis(70));
    metrics.called(
        Cloud::Xgc,
        Operation::Create,
        Some(Kind::NoCapacity),
        Duration::from_secs(2),
    );
    metrics.stepped("create", Outcome::Done);
    metrics.reconciled(Duration::from_millis(3));
    metrics.waited_for_turn(Cloud::Scnet, Duration::from_millis(30));
    metrics.became_ready(Cloud::Scnet, Duration::from_secs(40));
    metrics.set_census(&census());
    metrics.set_price_per_hour(Cloud::Luchen, "u-1", "CNY", Decimal::new(567, 2));
    metrics.set_orphans_price(Cloud::Luchen, "u-1", "CNY", Decimal::new(5, 1));
    metrics.set_balance(Cloud::Luchen, "u-1", "CNY", Decimal::new(10_050, 2));
    metrics.listed(Cloud::Luchen, "u-1", moment(1_700_000_000), 2);
    metrics.orphan_deleted(Cloud::Luchen, "u-1");
    metrics.set_leader(true);
    metrics
}

fn moment(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn census() -> Census {
    let one_since = |second| Since {
        count: 1,
        earliest: moment(second),
    };
    Census {
        instances: [((Cloud::Xgc, "Running"), 3)].into(),
        not_ready: [((Cloud::Xgc, "Creating"), one_since(1_700_000_000))].into(),
        unwanted: [((Cloud::Xgc, Cause::Deleting.into()), one_since(1_700_000_001))].into(),
        providers: [((Cloud::Xgc, "AccountUsable"), 2)].into(),
    }
}

#[test]
fn every_metric_has_its_name_and_labels() {
    let text = told().text();
    for line in [
        r#"cloud_calls_total{cloud="XGC",operation="save_image",outcome="ok"} 1"#,
        r#"cloud_calls_total{cloud="XGC",operation="create",outcome="no_capacity"} 1"#,
        r#"cloud_call_duration_seconds_bucket{le="0.1",cloud="XGC",operation="save_image"} 1"#,
        r#"cloud_turn_wait_seconds_bucket{le="0.05",cloud="SCNet"} 1"#,
        r#"time_to_ready_seconds_bucket{le="60.0",cloud="SCNet"} 1"#,
        r#"reconcile_steps_total{step="create",outcome="done"} 1"#,
        "reconcile_duration_seconds_count 1",
        r#"instances{cloud="XGC",state="Running"} 3"#,
        r#"instances_not_ready{cloud="XGC",reason="Creating"} 1"#,
        r#"not_ready_since_timestamp_seconds{cloud="XGC",reason="Creating"} 1700000000.0"#,
        r#"unwanted_machines{cloud="XGC",cause="deleting"} 1"#,
        r#"unwanted_since_timestamp_seconds{cloud="XGC",cause="deleting"} 1700000001.0"#,
        r#"providers{cloud="XGC",reason="AccountUsable"} 2"#,
        r#"price_per_hour{cloud="Luchen",account="u-1",currency="CNY"} 5.67"#,
        r#"orphans_price_per_hour{cloud="Luchen",account="u-1",currency="CNY"} 0.5"#,
        r#"account_balance{cloud="Luchen",account="u-1",currency="CNY"} 100.5"#,
        r#"orphans{cloud="Luchen",account="u-1"} 2"#,
        r#"orphans_deleted_total{cloud="Luchen",account="u-1"} 1"#,
        r#"account_listed_timestamp_seconds{cloud="Luchen",account="u-1"} 1700000000.0"#,
        "leader 1",
        concat!(r#"build_info{version=""#, env!("CARGO_PKG_VERSION"), r#""} 1"#),
    ] {
        assert!(
            text.contains(&format!("\n{PREFIX}_{line}\n")),
            "{line} is missing in\n{text}"
        );
    }
}

/// The names of the labels in a sample, but for the bucket's.
fn labels(sample: &str) -> Vec<&str> {
    let Some((_, rest)) = sample.split_once('{') else {
        return Vec::new();
    };
    let names = rest.split('"').step_by(2).filter_map(|part| part.strip_suffix('='));
    let names = names.map(|name| name.trim_start_matches(','));
    names.filter(|name| *name != "le").collect()
}

#[test]
fn what_is_told_is_what_is_described() {
    let text = told().text();
    let mut lines = text.lines().peekable();
    for description in DESCRIPTIONS {
        let name = format!("{PREFIX}_{}", description.name);
        let kind: &str = description.kind.into();
        assert_eq!(
            lines.next(),
            Some(format!("# HELP {name} {}.", description.help).as_str())
        );
        assert_eq!(lines.next(), Some(format!("# TYPE {name} {kind}").as_str()));
        let described: Vec<&str> = description.labels.iter().map(|label| label.name()).collect();
        let mut samples = 0;
        while let Some(sample) = lines.next_if(|line| !line.starts_with('#')) {
            let said = sample.split(['{', ' ']).next().unwrap_or_default();
            let full = description.full_name();
            let suffix = said.strip_prefix(full.as_str()).unwrap_or("?");
            let is_part = description.kind == MetricKind::Histogram && ["_bucket", "_count", "_sum"].contains(&suffix);
            assert!(suffix.is_empty() || is_part, "{sample} is not of {full}");
            assert_eq!(labels(sample), described, "{sample}");
            samples += 1;
        }
        assert!(samples > 0, "{name} is not told");
    }
    assert_eq!(lines.collect::<Vec<_>>(), ["# EOF"]);
}

#[test]
fn names_keep_to_the_conventions() {
    for description in DESCRIPTIONS {
        let Description { name, kind, unit, .. } = description;
        let of_time = ["_seconds", "_timestamp_seconds"].iter().any(|end| name.ends_with(end));
        assert_eq!(of_time, unit.starts_with("seconds"), "{name}: {unit}");
        assert_eq!(
            name.ends_with("_timestamp_seconds"),
            unit == "seconds since 1970",
            "{name}: {unit}"
        );
        assert_eq!(
            kind == MetricKind::Histogram,
            unit == "seconds",
            "{name}: durations are histograms"
        );
        assert!(
            !name.ends_with("_total") && !name.ends_with("_info"),
            "{name}: its type adds that"
        );
        assert!(
            name.chars().all(|letter| letter.is_ascii_lowercase() || letter == '_'),
            "{name}"
        );
    }
}

#[test]
fn what_is_gone_is_not_told_any_more() {
    let metrics = told();
    metrics.set_census(&Census {
        instances: BTreeMap::from([((Cloud::Xgc, "Stopped"), 3)]),
        ..Census::default()
    });
    metrics.keep_accounts(&[(Cloud::Xgc, "u-1".to_owned())].into());
    let text = metrics.text();
    for gone in [
        "Running",
        "Creating",
        "deleting",
        "AccountUsable",
        "account_balance",
        "price_per_hour",
        "listed",
    ] {
        assert!(!text.contains(gone), "{gone} in {text}");
    }
    assert!(text.contains(r#"state="Stopped"} 3"#), "{text}");
}

#[test]
fn an_account_has_one_currency() {
    let metrics = Metrics::new();
    metrics.set_price_per_hour(Cloud::Xgc, "u-1", "CNY", Decimal::ONE);
    metrics.set_price_per_hour(Cloud::Xgc, "u-2", "CNY", Decimal::TEN);
    metrics.set_price_per_hour(Cloud::Xgc, "u-1", "USD", Decimal::TWO);
    let text = metrics.text();
    let told: Vec<_> = text.lines().filter(|line| line.contains("currency=")).collect();
    assert_eq!(told.len(), 2, "{text}");
    assert!(text.contains(r#"account="u-1",currency="USD"} 2"#), "{text}");
}
