//! Two replicas, one of which acts; and an end in good order.

use serde_json::json;

use crate::operator::{Kind, Object, Setup, instance};

#[tokio::test(flavor = "multi_thread")]
async fn one_of_two_replicas_acts_and_the_other_takes_over() {
    let mut scene = Setup::new("replicas").start().await;
    scene.apply(instance("before", json!({}))).await;
    scene.until_ready("before").await;
    let mut second = scene.start_replica("replica-2").await;
    let contends = |object: &Object| object.text("/spec/holderIdentity").contains("replica-1");
    scene
        .until(Kind::Lease, "gpu-instance-operator", "held by the first", contends)
        .await;
    second.until_metric("gpu_instance_operator_leader 0").await;
    assert!(
        !second.log().contains("the provider speaks for its account"),
        "{}",
        second.log_tail()
    );

    scene.operator.kill9();
    scene.apply(instance("after", json!({}))).await;
    scene.until_ready("after").await;
    let taken = |object: &Object| object.text("/spec/holderIdentity").contains("replica-2");
    scene
        .until(Kind::Lease, "gpu-instance-operator", "held by the second", taken)
        .await;
    assert_eq!((scene.sim.alive().len(), scene.sim.call_count("xgc.deploy")), (2, 2));

    let status = second.terminate().await;
    assert_eq!(status.code(), Some(0), "{}", second.log_tail());
    let lease = scene.get(Kind::Lease, "gpu-instance-operator").await;
    assert_eq!(
        lease.text("/spec/holderIdentity"),
        "",
        "given back, so that the next need not wait"
    );
    assert_eq!(scene.sim.alive().len(), 2, "machines outlive the operator");

    scene.operator.restart().await;
    for name in ["before", "after"] {
        scene.delete(Kind::GpuInstance, name).await;
        scene.until_gone(Kind::GpuInstance, name).await;
    }
    assert_eq!((scene.sim.alive().len(), scene.sim.call_count("xgc.deploy")), (0, 2));
}
