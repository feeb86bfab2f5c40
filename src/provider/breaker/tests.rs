//! The breaker before a cloud whose answers are written down.

use std::collections::VecDeque;

use tokio::time::{advance, sleep};

use super::*;
use crate::api::status::InstanceState;
use crate::provider::Proof;
use crate::provider::xgc::Xgc;

/// A cloud that gives these answers, one a call, and counts the calls.
#[derive(Default)]
struct Scripted {
    answers: Mutex<VecDeque<Result<()>>>,
    calls: Mutex<Vec<&'static str>>,
}

impl Scripted {
    fn answer(&self, call: &'static str) -> Result<()> {
        self.calls.lock().unwrap().push(call);
        self.answers.lock().unwrap().pop_front().unwrap_or(Ok(()))
    }
}

#[async_trait]
impl Provider for Scripted {
    fn capabilities(&self) -> &'static Capabilities {
        Xgc::CAPABILITIES
    }

    async fn identify(&self) -> Result<Identity> {
        self.answer("identify").map(|()| Identity { account: "u-1".into() })
    }

    async fn list(&self, _scope: &Scope) -> Result<Listing> {
        let (machines, proof) = (Vec::new(), Proof::Complete);
        self.answer("list").map(|()| Listing { machines, proof })
    }

    async fn create(&self, _order: &Order<'_>) -> Result<Created> {
        self.answer("create").map(|()| Created::Instance("i-1".into()))
    }

    async fn start(&self, _machine: &Machine, _reshape: Option<&GpuInstanceSpec>) -> Result<()> {
        self.answer("start")
    }

    async fn stop(&self, _machine: &Machine, _mode: StopMode, _snapshot: Option<&Snapshot>) -> Result<()> {
        self.answer("stop")
    }

    async fn delete(&self, _machine: &Machine) -> Result<()> {
        self.answer("delete")
    }
}

/// A clock on the wall that stands still: what is said is then known.
struct Noon;

impl Environment for Noon {
    fn now(&self) -> Timestamp {
        "2026-01-01T12:00:00.7Z".parse().unwrap()
    }

    fn random(&self) -> u64 {
        0
    }

    fn secret_bytes(&self) -> [u8; 32] {
        [0; 32]
    }
}

struct Scene {
    cloud: Arc<Scripted>,
    breaker: Breaker,
}

impl Scene {
    fn new(answers: impl IntoIterator<Item = Result<()>>) -> Self {
        let cloud = Arc::new(Scripted::default());
        cloud.answers.lock().unwrap().extend(answers);
        let breaker = Breaker::new(Arc::clone(&cloud) as Arc<dyn Provider>, Arc::new(Noon));
        Self { cloud, breaker }
    }

    async fn list(&self) -> Result<()> {
        self.breaker.list(&Scope::default()).await.map(drop)
    }

    async fn create(&self) -> Result<()> {
        let spec = serde_json::from_value(serde_json::json!({"providerRef": {"name": "xgc"}})).unwrap();
        let order = Order {
            name: "gi-1",
            spec: &spec,
            startup_script: None,
            password: None,
        };
        self.breaker.create(&order).await.map(drop)
    }

    async fn delete(&self) -> Result<()> {
        self.breaker
            .delete(&Machine::new("i-1", InstanceState::Running, "running"))
            .await
    }

    fn calls(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.cloud.calls.lock().unwrap())
    }
}

fn transient() -> Result<()> {
    Err(Error::new(Kind::Transient, "xgc.instances: no answer in time"))
}

fn rate_limited(seconds: u64) -> Result<()> {
    Err(Error::new(Kind::RateLimited, "xgc.deploy: too many").retry_after(Some(Duration::from_secs(seconds))))
}

fn kind(outcome: Result<()>) -> Kind {
    outcome.expect_err("refused").kind
}

#[tokio::test(start_paused = true)]
async fn a_cloud_that_asks_for_a_pause_gets_it() {
    let scene = Scene::new([rate_limited(30)]);
    assert_eq!(kind(scene.create().await), Kind::RateLimited);
    assert_eq!(scene.calls(), ["create"]);

    advance(Duration::from_secs(10)).await;
    let refused = scene.create().await.unwrap_err();
    assert_eq!(refused.kind, Kind::RateLimited);
    assert_eq!(refused.retry_after.map(|left| left.as_secs()), Some(20));
    assert_eq!(
        refused.message,
        "not asked before 2026-01-01T12:00:30Z: xgc.deploy: too many"
    );
    assert_eq!(kind(scene.list().await), Kind::RateLimited);
    assert!(scene.calls().is_empty());

    advance(Duration::from_secs(20)).await;
    assert_eq!(scene.create().await, Ok(()));
    assert_eq!(scene.list().await, Ok(()));
    assert_eq!(scene.calls(), ["create", "list"]);
}

#[tokio::test(start_paused = true)]
async fn a_pause_that_nobody_measured_is_the_callers_affair() {
    let scene = Scene::new([Err(Error::new(Kind::RateLimited, "slower"))]);
    assert_eq!(kind(scene.list().await), Kind::RateLimited);
    assert_eq!(scene.list().await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn after_an_outage_changes_wait_for_a_list_that_works() {
    let scene = Scene::new((0..FAILURES).map(|_| transient()));
    for _ in 0..FAILURES {
        assert_eq!(kind(scene.list().await), Kind::Transient);
    }
    scene.calls();
    assert_eq!(kind(scene.list().await), Kind::Transient, "not sent, so not ambiguous");
    assert_eq!(
        kind(scene.create().await),
        Kind::Transient,
        "not sent, so not ambiguous"
    );
    assert!(scene.calls().is_empty());

    sleep(FIRST_PAUSE).await;
    assert_eq!(kind(scene.delete().await), Kind::Transient);
    assert!(scene.calls().is_empty());
    assert_eq!(scene.list().await, Ok(()));
    assert_eq!(scene.delete().await, Ok(()));
    assert_eq!(scene.calls(), ["list", "delete"]);
}

#[tokio::test(start_paused = true)]
async fn pauses_grow_up_to_a_bound_and_start_small_again() {
    let scene = Scene::new((0..FAILURES + 9).map(|_| transient()));
    for _ in 0..FAILURES {
        let _ = scene.list().await;
    }
    let mut pauses = Vec::new();
    for _ in 0..7 {
        let pause = scene.list().await.unwrap_err().retry_after.unwrap();
        pauses.push(pause.as_secs());
        sleep(pause).await;
        assert_eq!(kind(scene.list().await), Kind::Transient, "this one was asked");
    }
    assert_eq!(pauses, [5, 10, 20, 40, 60, 60, 60]);

    let scene = Scene::new(
        (1..FAILURES)
            .map(|_| transient())
            .chain([Ok(())])
            .chain((1..FAILURES).map(|_| transient())),
    );
    for _ in 0..FAILURES * 2 {
        let _ = scene.list().await;
    }
    assert_eq!(
        scene.calls().len(),
        FAILURES as usize * 2,
        "one success in between starts the count again"
    );
}

#[tokio::test(start_paused = true)]
async fn neither_one_stuck_machine_nor_a_known_refusal_is_an_outage() {
    let scene = Scene::new((0..FAILURES * 2).map(|_| transient()));
    for _ in 0..FAILURES * 2 {
        assert_eq!(kind(scene.delete().await), Kind::Transient);
    }
    assert_eq!(scene.calls().len(), FAILURES as usize * 2);

    let refusal = || Err(Error::new(Kind::Unauthorized, "the token is not known"));
    let scene = Scene::new((0..FAILURES * 2).map(|_| refusal()));
    for _ in 0..FAILURES * 2 {
        assert_eq!(kind(scene.list().await), Kind::Unauthorized);
    }
}

#[tokio::test(start_paused = true)]
async fn what_needs_no_answer_from_the_cloud_proves_nothing() {
    let scene = Scene::new((0..FAILURES).map(|_| transient()));
    for _ in 0..FAILURES {
        let _ = scene.list().await;
    }
    sleep(FIRST_PAUSE).await;
    let machine = Machine::new("i-1", InstanceState::Running, "running");
    assert!(scene.breaker.describe(&machine).await.is_err());
    assert_eq!(kind(scene.create().await), Kind::Transient);
    assert!(scene.breaker.identify().await.is_ok());
    assert!(scene.breaker.describe(&machine).await.is_ok());
    assert_eq!(scene.create().await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn an_ambiguous_create_with_a_pause_stops_the_next_one_before_it_is_sent() {
    let ambiguous = Error::new(Kind::Ambiguous, "xgc.deploy: 503").retry_after(Some(Duration::from_secs(9)));
    let scene = Scene::new([Err(ambiguous)]);
    assert_eq!(kind(scene.create().await), Kind::Ambiguous);
    assert_eq!(kind(scene.create().await), Kind::Transient);
    assert_eq!(scene.calls(), ["create"]);
}
