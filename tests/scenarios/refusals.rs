//! What a cloud cannot do is refused by the field's name, and nothing is rented.

use serde_json::{Value, json};

use crate::operator::{CLOUDS, Setup};

pub async fn what_the_cloud_lacks_is_refused_by_name(setup: Setup) {
    let scene = setup.start().await;
    let mut unsupported = (scene.at.unsupported)();
    unsupported.push(("offer", json!({ "offer": "some", "gpu": null, "region": null })));
    for mode in ["KeepGpu", "ReleaseGpu"] {
        if !scene.at.stop_modes.contains(&mode) {
            unsupported.push(("stopMode", json!({ "stopMode": mode })));
        }
    }
    let other = CLOUDS.into_iter().find(|cloud| cloud.cloud != scene.at.cloud).unwrap();
    let mut invalid = vec![
        ("image", json!({ "image": null })),
        (other.block, json!({ scene.at.block: null, other.block: {} })),
    ];
    if !(scene.at.spec)()["region"].is_null() {
        invalid.push(("region", json!({ "region": null })));
    }
    let rows: Vec<(&str, &str, Value)> = unsupported
        .into_iter()
        .map(|(field, spec)| ("Unsupported", field, spec))
        .chain(invalid.into_iter().map(|(field, spec)| ("Invalid", field, spec)))
        .collect();
    for (n, (_, _, spec)) in rows.iter().enumerate() {
        scene.apply(scene.instance(&format!("refused-{n}"), spec.clone())).await;
    }
    for (n, (reason, field, _)) in rows.iter().enumerate() {
        let object = scene.until_not_ready(&format!("refused-{n}"), reason).await;
        let message = object.said("Ready", "message");
        assert!(message.contains(&format!("spec.{field} ")), "{field}: {message}");
        assert_eq!(
            (object.truth("Stalled"), object.truth("Synced")),
            ("True", "True"),
            "{object}"
        );
        assert!(object.finalizers().is_empty(), "{object}");
    }
    assert_eq!((scene.orders(), scene.sim.machines().len()), (0, 0));
    // Mended, it is rented.
    scene.apply(scene.instance("refused-0", json!({}))).await;
    scene.until_ready("refused-0").await;
    assert_eq!(scene.sim.machines().len(), 1);
}
