//! `kill -9` at every named moment, at every cloud.

use cloudsim::Fault;
use libtest_mimic::Trial;
use serde_json::json;

use super::story::Story;
use crate::operator::{CLOUDS, CloudFacts, Setup};

/// After a death here, the next process waits until no order can be under way any more: these are begun first.
const LONGEST: [&str; 3] = ["status after claim", "before create", "create: about to be sent"];

/// A trial for each death.
pub fn trials() -> Vec<Trial> {
    let mut deaths = Vec::new();
    for cloud in CLOUDS {
        for story in Story::ALL {
            let points = story.crash_points(cloud).into_iter().enumerate();
            let points = points.filter(|(_, point)| differs(cloud, point));
            deaths.extend(points.map(|(n, point)| (cloud, story, n, point)));
        }
    }
    deaths.sort_by_key(|(.., point)| !LONGEST.contains(&point.as_str()));
    let trials = deaths.into_iter().map(|(cloud, story, n, point)| {
        let story_name = format!("{story:?}").to_lowercase();
        let name = format!(
            "{story_name}::{}::{}",
            point.replace([':', ' '], "-").replace("--", "-"),
            cloud.name
        );
        let namespace = format!("{story_name}-{n}-{}", cloud.name);
        crate::trial(name, move || dies_and_goes_on(cloud, story, point, namespace))
    });
    trials.collect()
}

/// Whether it is worth dying there at this cloud. What only the API server sees is the same everywhere: XGC stands for
/// all, and Capital Online for those that make machines by tasks, with passwords that we choose.
fn differs(cloud: &CloudFacts, point: &str) -> bool {
    let calls = [
        "create",
        "about to be sent",
        "save an image",
        "start",
        "stop",
        "restart",
        "update",
        "delete",
        "about to ask",
        "asked",
    ];
    ["xgc", "capital-online"].contains(&cloud.name) || calls.iter().any(|call| point.ends_with(call))
}

/// A process dies there, and another takes up what it has left.
async fn dies_and_goes_on(cloud: &'static CloudFacts, story: Story, point: String, namespace: String) {
    // Whatever is held, adopted or let go on the way is no orphan.
    let setup = Setup::at(cloud, &namespace).provider(json!({ "orphans": "Delete" }));
    let setup = setup.flag("--leader-elect=false");
    let mut scene = if story.needs_machine() {
        let mut scene = setup.start().await;
        story.prepare(&scene).await;
        scene.operator.kill9();
        story.meanwhile(&scene).await;
        scene.operator.restart_until(Some(&point)).await;
        scene
    } else {
        setup.crash_point(&point).start().await
    };
    if point.ends_with("follow the task") {
        // Else a list may tell of the machine before anybody asks for the task.
        let order = Fault::on(cloud.calls.create);
        scene.sim.fault(order.list_lag(20_000).until_cleared());
    }
    story.begin(&scene).await;
    scene.operator.until_standing_still().await;
    // Killed, that is, and started anew.
    scene.operator.restart_until(None).await;
    story.comes_true(&scene, &point).await;
    story.leaves_nothing_behind(&scene).await;
}
