use super::*;

#[test]
fn every_metric_has_its_name_and_labels() {
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
    metrics.set_instances(&[((Cloud::Xgc, InstanceState::Running), 3)].into());
    metrics.set_price_per_hour(Cloud::Luchen, "u-1", "CNY", Decimal::new(567, 2));
    metrics.set_balance(Cloud::Luchen, "u-1", "CNY", Decimal::new(10_050, 2));
    metrics.listed(Cloud::Luchen, "u-1", Timestamp::from_second(1_700_000_000).unwrap(), 2);
    metrics.set_leader(true);
    let text = metrics.text();
    for line in [
        r#"cloud_calls_total{cloud="XGC",operation="save_image",outcome="ok"} 1"#,
        r#"cloud_calls_total{cloud="XGC",operation="create",outcome="no_capacity"} 1"#,
        r#"cloud_call_duration_seconds_bucket{le="0.1",cloud="XGC",operation="save_image"} 1"#,
        r#"reconcile_steps_total{step="create",outcome="done"} 1"#,
        "reconcile_duration_seconds_count 1",
        r#"instances{cloud="XGC",state="Running"} 3"#,
        r#"price_per_hour{cloud="Luchen",account="u-1",currency="CNY"} 5.67"#,
        r#"account_balance{cloud="Luchen",account="u-1",currency="CNY"} 100.5"#,
        r#"orphans{cloud="Luchen",account="u-1"} 2"#,
        r#"account_listed_timestamp_seconds{cloud="Luchen",account="u-1"} 1700000000.0"#,
        "leader 1",
    ] {
        assert!(
            text.contains(&format!("\n{PREFIX}_{line}\n")),
            "{line} is missing in\n{text}"
        );
    }
}

#[test]
fn what_is_gone_is_not_told_any_more() {
    let metrics = Metrics::new();
    metrics.set_instances(&[((Cloud::Xgc, InstanceState::Running), 3)].into());
    metrics.set_instances(&[((Cloud::Xgc, InstanceState::Stopped), 3)].into());
    metrics.set_balance(Cloud::Xgc, "u-1", "CNY", Decimal::ONE);
    metrics.listed(Cloud::Xgc, "u-1", Timestamp::UNIX_EPOCH, 0);
    metrics.forget_account(Cloud::Xgc, "u-1", "CNY");
    let text = metrics.text();
    assert!(!text.contains("Running") && text.contains("Stopped"), "{text}");
    assert!(!text.contains("u-1"), "{text}");
}
