//! The client before a server that answers well, badly or not at all.

use std::io::{Read, Write};
use std::net::TcpListener;

use reqwest::header::{COOKIE, HeaderName};
use serde_json::{Value, json};
use url::Url;
use wiremock::matchers::{any, method};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;
use crate::provider::Error;
use crate::provider::operation::{Declared, Operation};

#[derive(Clone, Copy, strum::VariantArray)]
enum Verb {
    Verb,
    List,
}

impl Operation for Verb {
    fn declare(self) -> Declared {
        match self {
            Self::Verb => Declared::new("cloud.verb", "verb", &[]),
            Self::List => Declared::new("cloud.list", "list", &[]),
        }
    }
}

const SECRET: &str = "tok-en/1+2";

fn client() -> Client {
    Client::new(&Transport::new().unwrap(), Pace::default(), [SECRET.into()])
}

fn request(server: &str, effect: Effect) -> Request {
    Request::new(Verb::Verb, effect, Method::POST, Url::parse(server).unwrap())
}

async fn judged(client: &Client, server: &str, effect: Effect) -> Result<Value> {
    client.send(request(server, effect)).await?.json()
}

async fn answering(template: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(method("POST")).respond_with(template).mount(&server).await;
    server
}

/// A server that takes one connection, reads a little, says this and hangs up.
fn hanging_up(says: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 1024]).unwrap();
        stream.write_all(says.as_bytes()).unwrap();
    });
    format!("http://{address}")
}

#[tokio::test]
async fn a_request_arrives_as_it_was_built() {
    let server = MockServer::start().await;
    Mock::given(any())
        .respond_with(ResponseTemplate::new(200).set_body_json("ok"))
        .mount(&server)
        .await;
    let request = Request::new(
        Verb::List,
        Effect::Read,
        Method::GET,
        Url::parse(&format!("{}/ai/task", server.uri())).unwrap(),
    )
    .query("ids", "a")
    .query("ids", "b c")
    .secret_header(COOKIE, &SECRET.into(), |token| format!("AccessToken={token}"))
    .unwrap()
    .header(HeaderName::from_static("namespace"), "用户")
    .unwrap()
    .json(&json!({"limit": 20}))
    .unwrap();
    assert!(!format!("{request:?}").contains("tok-en"));
    let reply = client().send(request).await.unwrap();
    assert_eq!(reply.json::<Value>().unwrap(), json!("ok"));
    let received = server.received_requests().await.unwrap();
    let [received] = &received[..] else {
        panic!("{received:?}")
    };
    assert_eq!(received.method, Method::GET);
    assert_eq!(received.url.path(), "/ai/task");
    assert_eq!(received.url.query(), Some("ids=a&ids=b+c"));
    assert_eq!(received.body_json::<Value>().unwrap(), json!({"limit": 20}));
    for (name, value) in [
        (
            "user-agent",
            concat!("gpu-instance-operator/", env!("CARGO_PKG_VERSION")),
        ),
        ("cookie", "AccessToken=tok-en/1+2"),
        ("namespace", "用户"),
        ("content-type", "application/json"),
    ] {
        assert_eq!(received.headers[name].as_bytes(), value.as_bytes(), "{name}");
    }
}

#[tokio::test]
async fn a_signed_query_is_sent_as_it_was_signed() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({})))
        .mount(&server)
        .await;
    let signed = format!("{}/?Name=%E6%B5%8B%20a%2A~&Signature=a%2Bb%2Fc%3D", server.uri());
    client().send(request(&signed, Effect::Read)).await.unwrap();
    let received = &server.received_requests().await.unwrap()[0];
    assert_eq!(
        received.url.query(),
        Some("Name=%E6%B5%8B%20a%2A~&Signature=a%2Bb%2Fc%3D")
    );
}

/// What an answer means when nobody knows whether the request was carried out.
async fn is_unclear(template: ResponseTemplate, says: &str) {
    let server = answering(template).await;
    for (effect, kind) in [
        (Effect::Read, Kind::Transient),
        (Effect::Repeatable, Kind::Transient),
        (Effect::Once, Kind::Ambiguous),
    ] {
        let error = judged(&client(), &server.uri(), effect).await.unwrap_err();
        assert_eq!(error.kind, kind, "{error}");
        assert!(error.message.starts_with("cloud.verb: "), "{error}");
        assert!(error.message.contains(says), "{error}");
        assert!(
            !error.message.contains(SECRET) && !error.message.contains("tok-en"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn an_answer_that_is_no_json_says_nothing_about_the_request() {
    let html = "<html><head>\n<TITLE>\n 502 Bad Gateway tok-en/1+2</title></head><body>secret inside</body></html>";
    for (template, says) in [
        (
            ResponseTemplate::new(502).set_body_raw(html, "text/html"),
            "502 with a web page: 502 Bad Gateway ***",
        ),
        (
            ResponseTemplate::new(404).set_body_raw("<h1>no</h1>", "text/plain"),
            "404 with a web page",
        ),
        (
            ResponseTemplate::new(200).set_body_raw(html, "text/html"),
            "200 with a web page: 502 Bad Gateway ***",
        ),
        (
            ResponseTemplate::new(404).set_body_string("404 page not found"),
            "404: 404 page not found",
        ),
        (ResponseTemplate::new(500), "500 with an empty body"),
        (
            ResponseTemplate::new(200).set_body_string("tok-en/1+2 and tok-en%2F1%2B2"),
            "200: *** and ***",
        ),
        (
            ResponseTemplate::new(200).set_body_string(r#"{"password": "hunter2", "#),
            "200 with 24 bytes of JSON that cannot be read",
        ),
        (ResponseTemplate::new(200).set_body_bytes([0xff, 0xfe]), "200: "),
    ] {
        is_unclear(template, says).await;
    }
}

#[tokio::test]
async fn redirects_are_never_followed() {
    let elsewhere = MockServer::start().await;
    Mock::given(any())
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({})))
        .expect(0)
        .mount(&elsewhere)
        .await;
    for status in [301, 302, 303, 307, 308] {
        let template = ResponseTemplate::new(status).insert_header("location", elsewhere.uri());
        is_unclear(template, "a redirect, which is never followed").await;
    }
}

#[tokio::test]
async fn an_answer_has_a_bounded_size() {
    let fits = vec![b' '; BODY_LIMIT - 2];
    let server = answering(ResponseTemplate::new(200).set_body_bytes([&fits[..], b"{}"].concat())).await;
    assert!(judged(&client(), &server.uri(), Effect::Read).await.is_ok());
    is_unclear(
        ResponseTemplate::new(200).set_body_bytes([&fits[..], b" {}"].concat()),
        "an answer of more than 8 MiB",
    )
    .await;
}

#[tokio::test]
async fn too_many_requests_is_a_refusal_whatever_was_asked() {
    for (headers, pause) in [
        (vec![], None),
        (vec![("retry-after", "7")], Some(7)),
        (vec![("retry-after", "99999999")], Some(3600)),
        (vec![("retry-after", "soon")], None),
        (
            vec![
                ("date", "Tue, 15 Nov 1994 08:12:31 GMT"),
                ("retry-after", "Tue, 15 Nov 1994 08:13:01 GMT"),
            ],
            Some(30),
        ),
        (
            vec![
                ("date", "Tue, 15 Nov 1994 08:12:31 GMT"),
                ("retry-after", "Tue, 15 Nov 1994 08:00:00 GMT"),
            ],
            Some(0),
        ),
    ] {
        let mut template = ResponseTemplate::new(429).set_body_string("slow down");
        for (name, value) in headers {
            template = template.insert_header(name, value);
        }
        let server = answering(template).await;
        let error = judged(&client(), &server.uri(), Effect::Once).await.unwrap_err();
        assert_eq!(error.kind, Kind::RateLimited);
        assert_eq!(error.retry_after.map(|pause| pause.as_secs()), pause);
        assert_eq!(error.message, "cloud.verb: the cloud answered 429: slow down");
    }
}

#[tokio::test]
async fn a_pause_comes_with_every_error() {
    let server = answering(ResponseTemplate::new(503).insert_header("retry-after", "12")).await;
    let error = judged(&client(), &server.uri(), Effect::Read).await.unwrap_err();
    assert_eq!(
        (error.kind, error.retry_after),
        (Kind::Transient, Some(Duration::from_secs(12)))
    );
}

#[tokio::test]
async fn a_connection_that_breaks_leaves_the_outcome_open() {
    for says in [
        "",
        "HTTP/1.1 200 OK\r\ncontent-le",
        "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"id\"",
        "what is this?\r\n\r\n",
    ] {
        for (effect, kind) in [(Effect::Repeatable, Kind::Transient), (Effect::Once, Kind::Ambiguous)] {
            let error = judged(&client(), &hanging_up(says), effect).await.unwrap_err();
            assert_eq!(error.kind, kind, "{says:?}: {error}");
            assert!(!error.message.contains("127.0.0.1"), "{error}");
        }
    }
}

#[tokio::test]
async fn no_answer_in_time_leaves_the_outcome_open() {
    let server = answering(ResponseTemplate::new(200).set_delay(Duration::from_secs(30))).await;
    for (effect, kind) in [(Effect::Read, Kind::Transient), (Effect::Once, Kind::Ambiguous)] {
        let client = Client {
            call_timeout: Duration::from_millis(200),
            ..client()
        };
        let begun = Instant::now();
        let error = judged(&client, &server.uri(), effect).await.unwrap_err();
        assert_eq!(error.kind, kind);
        assert!(error.message.contains("no answer in time"), "{error}");
        assert!(begun.elapsed() < Duration::from_secs(5));
    }
}

#[tokio::test]
async fn what_never_left_is_not_ambiguous() {
    // A port that was just free.
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = judged(&client(), &format!("http://{address}/?Signature=s1gn"), Effect::Once)
        .await
        .unwrap_err();
    assert_eq!(error.kind, Kind::Transient);
    assert!(error.message.starts_with("cloud.verb: could not connect: "), "{error}");
    assert!(!error.message.contains("s1gn"), "{error}");
    let error = judged(&client(), "http://no-such-host.invalid", Effect::Once)
        .await
        .unwrap_err();
    assert_eq!(error.kind, Kind::Transient, "{error}");
}

#[tokio::test(start_paused = true)]
async fn what_waits_too_long_for_its_turn_is_not_sent() {
    let pace = Pace::per_second("0.01".parse().unwrap()).unwrap();
    let client = Client { pace, ..client() };
    assert!(client.pace.turn(TURN_TIMEOUT).await);
    let begun = Instant::now();
    let error = judged(&client, "http://no-such-host.invalid", Effect::Once)
        .await
        .unwrap_err();
    assert_eq!(error.kind, Kind::RateLimited);
    assert!(error.message.contains("not sent"), "{error}");
    assert_eq!(begun.elapsed().as_secs(), TURN_TIMEOUT.as_secs());
}

#[tokio::test]
async fn a_secret_of_one_request_or_one_session_is_taken_out_too() {
    let server = answering(ResponseTemplate::new(400).set_body_string("bad one-time-pw, session-jwt, s1gn")).await;
    let client = client();
    client.keep_secret("session-jwt".into());
    let request = request(&server.uri(), Effect::Once)
        .secret("one-time-pw".into())
        .secret_header(HeaderName::from_static("signature"), &"s1gn".into(), ToOwned::to_owned)
        .unwrap();
    let reply = client.send(request).await.unwrap();
    assert_eq!(reply.describe(), "400: bad ***, ***, ***");
    assert_eq!(reply.error(Kind::Invalid, "said s1gn").message, "cloud.verb: said ***");
    assert!(!format!("{client:?} {reply:?}").contains("session-jwt"));
}

#[test]
fn a_header_that_cannot_be_sent_is_said_without_showing_it() {
    let error: Error = request("http://x", Effect::Once)
        .secret_header(COOKIE, &"hunter\n2".into(), ToOwned::to_owned)
        .unwrap_err();
    assert_eq!(error.kind, Kind::Unauthorized);
    assert!(!error.message.contains("hunter"), "{error}");
}
