//! The login: kept while it holds, made anew when it does not, and never a reason to order twice.

use gpu_instance_operator::api::InstanceState;
use gpu_instance_operator::api::instance::StopMode;
use gpu_instance_operator::provider::{Created, Kind, Scope};
use serde_json::{Value, json};
use wiremock::matchers::path;
use wiremock::{Mock, ResponseTemplate};

use crate::{PASSWORD, Scene, USER, create, fixture, machine, pinned};

fn json(status: u16, body: &Value) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_json(body)
}

/// A server on which the session is over for the next `times` calls of this operation.
async fn over(operation: &str, times: u64, status: u16) -> Scene {
    let scene = Scene::selling().await;
    scene.at("/instance/list", &fixture("instances")).await;
    Mock::given(path(format!("/luchen{operation}")))
        .respond_with(json(status, &fixture("not_logged_in")))
        .up_to_n_times(times)
        .with_priority(1)
        .mount(&scene.server)
        .await;
    scene
}

#[tokio::test]
async fn a_session_that_is_over_is_renewed_once_for_what_may_be_repeated() {
    for status in [200, 401, 500] {
        let scene = over("/instance/list", 1, status).await;
        scene.provider.list(&Scope::default()).await.unwrap();
        assert_eq!(
            (scene.logins().await, scene.count("/instance/list").await),
            (2, 2),
            "{status}"
        );

        let scene = over("/instance/stop", 1, status).await;
        let running = machine(InstanceState::Running);
        scene.provider.stop(&running, StopMode::ReleaseGpu, None).await.unwrap();
        assert_eq!(
            (scene.logins().await, scene.count("/instance/stop").await),
            (2, 2),
            "{status}"
        );

        let scene = over("/instance/list", 9, status).await;
        let error = scene.provider.list(&Scope::default()).await.unwrap_err();
        assert_eq!(error.kind, Kind::Unauthorized, "{error}");
        assert!(
            error.message.contains("未登录或登录已过期,请重新登录 (code -1, HTTP "),
            "{error}"
        );
        assert_eq!(
            (scene.logins().await, scene.count("/instance/list").await),
            (2, 2),
            "{status}"
        );
    }
}

#[tokio::test]
async fn an_order_is_never_repeated_by_itself() {
    let scene = over("/instance/create", 1, 200).await;
    let error = create(&*scene.provider, &pinned(json!({}))).await.unwrap_err();
    assert_eq!(
        error.kind,
        Kind::Transient,
        "nothing was done, and that is known: {error}"
    );
    assert_eq!((scene.logins().await, scene.count("/instance/create").await), (2, 1));
    let created = create(&*scene.provider, &pinned(json!({}))).await.unwrap();
    let id = fixture("created")["instanceId"].as_str().unwrap().to_owned();
    assert_eq!(created, Created::Instance(id));
    assert_eq!((scene.logins().await, scene.count("/instance/create").await), (2, 2));
}

#[tokio::test]
async fn a_token_is_used_for_less_than_its_life() {
    let token = fixture("login")["accessToken"].clone();
    for (expire, logins) in [
        (json!(0), 3),
        (json!(86400), 1),
        (json!("86400"), 1),
        (Value::Null, 1),
        (json!(-5), 1),
    ] {
        let scene = Scene::logged_in(json(200, &json!({"accessToken": token, "accessExpire": expire}))).await;
        scene.at("/instance/list", &fixture("instances")).await;
        for _ in 0..3 {
            scene.provider.list(&Scope::default()).await.unwrap();
        }
        assert_eq!(scene.logins().await, logins, "{expire}");
    }
    let scene = Scene::logged_in(json(200, &json!({"accessToken": token, "accessExpire": 1}))).await;
    scene.provider.identify().await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(920)).await;
    scene.provider.identify().await.unwrap();
    assert_eq!(scene.logins().await, 2, "some time before its end");
}

#[tokio::test]
async fn calls_that_wait_for_a_login_share_it() {
    let scene = Scene::saying(&fixture("instances")).await;
    let scope = Scope::default();
    let list = || scene.provider.list(&scope);
    let (a, b, c) = tokio::join!(list(), list(), list());
    assert!(a.is_ok() && b.is_ok() && c.is_ok());
    assert_eq!(scene.logins().await, 1);
}

#[tokio::test]
async fn a_refused_login_is_about_the_credentials_and_any_other_is_not() {
    let message = |message: &str| json!({ "message": message });
    for (answer, kind, says) in [
        (
            json(200, &message("用户名或密码错误")),
            Kind::Unauthorized,
            "用户名或密码错误 (HTTP 200)",
        ),
        (
            json(401, &json!({"code": -1, "message": "wrong"})),
            Kind::Unauthorized,
            "wrong (code -1, HTTP 401)",
        ),
        (
            json(400, &message("验证码")),
            Kind::Unauthorized,
            "are username and password right?",
        ),
        (json(200, &message("系统繁忙,请稍后再试")), Kind::Transient, "系统繁忙"),
        (json(200, &json!({})), Kind::Transient, "no accessToken"),
        (
            json(200, &json!({"accessToken": ""})),
            Kind::Transient,
            "no accessToken",
        ),
        (
            json(200, &json!({"accessToken": "a;b=c"})),
            Kind::Transient,
            "no accessToken",
        ),
        (json(503, &message("x")), Kind::Transient, "answered 503"),
        (ResponseTemplate::new(429), Kind::RateLimited, "429"),
    ] {
        let scene = Scene::logged_in(answer).await;
        for error in [
            scene.provider.identify().await.map(drop).unwrap_err(),
            create(&*scene.provider, &pinned(json!({})))
                .await
                .map(drop)
                .unwrap_err(),
        ] {
            assert_eq!(error.kind, kind, "{error}");
            assert!(
                error.message.starts_with("luchen.login: ") && error.message.contains(says),
                "{error}"
            );
        }
        assert_eq!(scene.received().await.len(), 0);
    }
}

#[tokio::test]
async fn who_we_are_never_changes_under_way() {
    let scene = Scene::logged_in(json(200, &json!({"accessToken": "opaque", "accessExpire": 0}))).await;
    let account = scene.provider.identify().await.unwrap().account;
    assert!(account.starts_with("user-") && !account.contains(USER), "{account}");
    scene.server.reset().await;
    Mock::given(path("/luchen/user/login"))
        .respond_with(json(200, &fixture("login")))
        .mount(&scene.server)
        .await;
    let error = scene.provider.identify().await.unwrap_err();
    assert_eq!(error.kind, Kind::Unauthorized);
    assert!(
        error.message.contains(&account) && error.message.contains("3f0e2d1c"),
        "{error}"
    );
}

#[tokio::test]
async fn nothing_secret_is_shown() {
    let scene = Scene::logged_in(json(
        400,
        &json!({"message": format!("no user {USER} with {PASSWORD}")}),
    ))
    .await;
    let error = scene.provider.identify().await.unwrap_err();
    assert!(
        !error.message.contains(USER) && !error.message.contains(PASSWORD),
        "{error}"
    );
}
