//! The way of one call through the simulator: recognise, be met by faults, carry out, be met again, answer.

use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    body::{Body as HttpBody, Bytes},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
};
use futures::{StreamExt, stream};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::{
    cloud::Cloud,
    exchange::{Body, Machines, Refusal, Reply, Request},
    fault::{Effect, Fault, Stage, Target},
    meter::{CallReport, Outcome},
    rewrite,
    simulator::Simulator,
    twin::Twin,
};

/// What becomes of the connection.
pub(crate) enum Delivery {
    Respond(Response),
    Cut,
}

/// How a call ends because a fault wants it so.
enum Ending {
    Cut,
    Hang(Option<u64>),
    Answer(Box<Response>),
}

const JSON: &str = "application/json; charset=utf-8";
const HTML: &str = "text/html";

/// Between a body's last piece and the end of its connection.
const TIME_TO_FLUSH: Duration = Duration::from_millis(20);

/// Takes a call from its arrival to its answer.
pub(crate) async fn carry_out(simulator: Arc<Simulator>, cloud: Cloud, request: Request) -> Delivery {
    let Some(twin) = simulator.twin(cloud) else {
        return Delivery::Cut;
    };
    let started = Instant::now();
    let (seq, faults) = arrive(&simulator, twin, &request);

    for fault in &faults {
        if let Effect::Pause { ms } = fault.effect {
            wait(&simulator, seq, ms).await;
        }
    }
    let stopped_short = faults.iter().find_map(|fault| ending(twin, &fault.effect));
    if let Some(ending) = stopped_short {
        return end(&simulator, seq, started, ending, Outcome::Fault).await;
    }

    let (mut reply, faults) = perform(&simulator, twin, &request, seq);
    let outcome = match (faults.is_empty(), reply.code.is_none()) {
        (false, _) => Outcome::Fault,
        (true, true) => Outcome::Ok,
        (true, false) => Outcome::Error,
    };
    let mut truncation = None;
    for fault in &faults {
        match &fault.effect {
            Effect::Slow { ms } => sleep(Duration::from_millis(*ms)).await,
            Effect::Truncate { keep, cut } => truncation = Some((*keep, *cut)),
            _ => distort(&mut reply, fault),
        }
    }
    if let Some(ending) = faults.iter().find_map(|fault| ending(twin, &fault.effect)) {
        return end(&simulator, seq, started, ending, outcome).await;
    }
    finish(&simulator, seq, started, outcome, Some(reply.status));
    let response = match truncation {
        None => respond(reply, own_time(&simulator, twin)),
        Some((keep, cut)) => respond_in_part(reply, keep, cut),
    };
    Delivery::Respond(response)
}

/// Logs the call, and says which faults meet it before anything is done.
fn arrive(simulator: &Simulator, twin: &dyn Twin, request: &Request) -> (u64, Vec<Fault>) {
    let mut world = simulator.world();
    let recognised = twin.recognise(&world, request);
    let operation = format!("{}.{}", twin.cloud(), recognised.operation);
    let machines: Vec<String> = recognised.machine.iter().cloned().collect();
    let faults = world.faults.meet(
        Stage::Arrival,
        Target {
            operation: &operation,
            account: recognised.account.as_deref(),
            machines: &machines,
        },
    );
    let at = world.now();
    let seq = world.calls.arrive(CallReport {
        seq: 0,
        at,
        cloud: twin.cloud(),
        account: recognised.account,
        operation,
        method: request.method.to_string(),
        path: request.path.clone(),
        machine: recognised.machine,
        outcome: Outcome::Pending,
        status: None,
        code: None,
        committed: false,
        faults: kinds(&faults),
        user_agent: request
            .headers
            .get(header::USER_AGENT)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
            .to_owned(),
        duration_ms: 0,
    });
    (seq, faults)
}

fn kinds(faults: &[Fault]) -> Vec<String> {
    faults.iter().map(|fault| fault.effect.kind().to_owned()).collect()
}

/// Has the cloud carry the call out, and says which faults meet its answer.
fn perform(simulator: &Simulator, twin: &dyn Twin, request: &Request, seq: u64) -> (Reply, Vec<Fault>) {
    let mut world = simulator.world();
    // Once more, since the world may have changed while the call was held.
    let recognised = twin.recognise(&world, request);
    let operation = format!("{}.{}", twin.cloud(), recognised.operation);
    let reply = twin.perform(&mut world, request);
    world.settle();
    let mut machines: Vec<String> = recognised.machine.into_iter().collect();
    if let Some(shown) = &reply.machines {
        machines.extend(shown.names.iter().cloned());
    }
    let faults = world.faults.meet(
        Stage::Answer,
        Target {
            operation: &operation,
            account: recognised.account.as_deref(),
            machines: &machines,
        },
    );
    if let Some(id) = &reply.touched {
        for fault in &faults {
            if let Effect::ListLag { ms } = fault.effect
                && let Some(machine) = world.machines.get_mut(&(twin.cloud(), id.clone()))
            {
                if machine.doomed_by.is_some() {
                    machine.lingers_ms = ms;
                } else {
                    machine.hidden_ms = ms;
                }
            }
        }
    }
    if let Some(call) = world.calls.get_mut(seq) {
        call.committed = reply.committed;
        call.code.clone_from(&reply.code);
        call.faults.extend(kinds(&faults));
    }
    (reply, faults)
}

/// How a call ends if this effect decides it.
fn ending(twin: &dyn Twin, effect: &Effect) -> Option<Ending> {
    let plain = |reply| Some(Ending::Answer(Box::new(respond(reply, HeaderMap::new()))));
    match effect {
        Effect::Cut { .. } => Some(Ending::Cut),
        Effect::Hang { ms, .. } => Some(Ending::Hang(*ms)),
        Effect::Status { status, body, .. } => plain(Reply::text(*status, "text/plain; charset=utf-8", body.clone())),
        Effect::Html { status, .. } => plain(Reply::text(*status, HTML, gateway_page(*status))),
        Effect::Body { status, body, .. } => plain(Reply {
            status: *status,
            ..Reply::json(body.clone())
        }),
        Effect::RateLimited {
            retry_after_seconds,
            as_date,
        } => {
            let mut headers = HeaderMap::new();
            if let Some(value) = retry_after_seconds.and_then(|seconds| retry_after(seconds, *as_date)) {
                headers.insert(header::RETRY_AFTER, value);
            }
            let refusal = Reply::text(429, "text/plain; charset=utf-8", String::new());
            Some(Ending::Answer(Box::new(respond(refusal, headers))))
        }
        Effect::Refuse {
            code, message, success, ..
        } => plain(twin.refuse(Refusal::Other {
            code: *code,
            message: message.clone(),
            success: *success,
        })),
        Effect::NoCapacity => plain(twin.refuse(Refusal::NoCapacity)),
        Effect::LowBalance => plain(twin.refuse(Refusal::LowBalance)),
        Effect::Unauthorized => plain(twin.refuse(Refusal::Unauthorized)),
        Effect::Pause { .. }
        | Effect::Slow { .. }
        | Effect::Truncate { .. }
        | Effect::Rewrite { .. }
        | Effect::Machines { .. }
        | Effect::CutNames { .. }
        | Effect::ListLag { .. }
        | Effect::EmptyList
        | Effect::ShortList { .. } => None,
    }
}

/// `Date` by the cloud's clock, where that is not the true one.
fn own_time(simulator: &Simulator, twin: &dyn Twin) -> HeaderMap {
    let ahead = twin.clock_ahead_seconds(&simulator.world());
    let shown = (ahead != 0).then(|| http_date(Timestamp::now() + SignedDuration::from_secs(ahead)));
    shown.flatten().map(|date| (header::DATE, date)).into_iter().collect()
}

fn http_date(at: Timestamp) -> Option<HeaderValue> {
    let text = jiff::fmt::rfc2822::DateTimePrinter::new()
        .timestamp_to_rfc9110_string(&at)
        .ok()?;
    HeaderValue::from_str(&text).ok()
}

/// As an HTTP date it is by the real clock, which is the one that the client has.
fn retry_after(seconds: u64, as_date: bool) -> Option<HeaderValue> {
    if as_date {
        http_date(crate::clock::later(Timestamp::now(), seconds.saturating_mul(1000)))
    } else {
        HeaderValue::from_str(&seconds.to_string()).ok()
    }
}

fn gateway_page(status: u16) -> String {
    let reason = StatusCode::from_u16(status)
        .ok()
        .and_then(|status| status.canonical_reason())
        .unwrap_or("Error");
    format!(
        "<html>\r\n<head><title>{status} {reason}</title></head>\r\n<body>\r\n\
         <center><h1>{status} {reason}</h1></center>\r\n</body>\r\n</html>\r\n"
    )
}

/// Changes an answer's JSON as a fault wants it.
fn distort(reply: &mut Reply, fault: &Fault) {
    let Body::Json(body) = &mut reply.body else {
        return;
    };
    match &fault.effect {
        Effect::Rewrite { set, remove: removed } => {
            for (pointer, value) in set {
                rewrite::set(body, pointer, value);
            }
            for pointer in removed {
                rewrite::remove(body, pointer);
            }
        }
        Effect::Machines { set, remove: removed } => {
            each_machine(body, reply.machines.as_ref(), fault, &mut |machine, _| {
                for (pointer, value) in set {
                    rewrite::set(machine, pointer, value);
                }
                for pointer in removed {
                    rewrite::remove(machine, pointer);
                }
            });
        }
        Effect::CutNames { keep } => {
            each_machine(body, reply.machines.as_ref(), fault, &mut |machine, shown| {
                if let Some(Value::String(name)) = machine.pointer_mut(shown.name) {
                    *name = name.chars().take(*keep).collect();
                }
            });
        }
        Effect::EmptyList => {
            if let Some(shown) = &reply.machines
                && let Some(total) = shown.total
            {
                rewrite::set(body, shown.pointer, &json!([]));
                rewrite::set(body, total, &json!(0));
            }
        }
        Effect::ShortList { keep } => {
            if let Some(shown) = &reply.machines
                && let Some(Value::Array(items)) = body.pointer_mut(shown.pointer)
            {
                items.truncate(*keep);
            }
        }
        _ => {}
    }
}

fn each_machine(
    body: &mut Value,
    shown: Option<&Machines>,
    fault: &Fault,
    change: &mut dyn FnMut(&mut Value, &Machines),
) {
    let Some(shown) = shown else { return };
    let Some(place) = body.pointer_mut(shown.pointer) else {
        return;
    };
    let machines = match place {
        Value::Array(items) => items.as_mut_slice(),
        only => std::slice::from_mut(only),
    };
    for (machine, name) in machines.iter_mut().zip(&shown.names) {
        if fault.covers(name) {
            change(machine, shown);
        }
    }
}

/// Waits until released, or for so long, or until everything ends.
async fn wait(simulator: &Simulator, seq: u64, ms: Option<u64>) {
    let released = simulator.world().held.hold(seq);
    let time_out = async {
        match ms {
            Some(ms) => sleep(Duration::from_millis(ms)).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = released.notified() => {}
        () = time_out => {}
        () = simulator.stopped() => {}
    }
    simulator.world().held.forget(seq);
}

async fn end(simulator: &Simulator, seq: u64, started: Instant, ending: Ending, outcome: Outcome) -> Delivery {
    match ending {
        Ending::Cut => {
            finish(simulator, seq, started, outcome, None);
            Delivery::Cut
        }
        Ending::Hang(ms) => {
            wait(simulator, seq, ms).await;
            finish(simulator, seq, started, outcome, None);
            Delivery::Cut
        }
        Ending::Answer(response) => {
            let status = response.status().as_u16();
            finish(simulator, seq, started, outcome, Some(status));
            Delivery::Respond(*response)
        }
    }
}

/// Completes the call's entry in the log, and prints it.
fn finish(simulator: &Simulator, seq: u64, started: Instant, outcome: Outcome, status: Option<u16>) {
    let mut world = simulator.world();
    let Some(call) = world.calls.get_mut(seq) else {
        return;
    };
    call.outcome = outcome;
    call.status = status;
    call.duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    tracing::info!(
        seq,
        operation = %call.operation,
        account = %call.account.as_deref().unwrap_or("-"),
        machine = call.machine.as_deref().unwrap_or("-"),
        outcome = ?call.outcome,
        status = %call.status.map_or_else(|| "cut".to_owned(), |status| status.to_string()),
        code = %call.code.as_deref().unwrap_or("-"),
        committed = call.committed,
        faults = %call.faults.join(","),
        ms = call.duration_ms,
        "call"
    );
}

fn respond(reply: Reply, headers: HeaderMap) -> Response {
    let status = reply.status;
    let (content_type, bytes) = encode(reply.body);
    let mut response = Response::new(HttpBody::from(bytes));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    *response.headers_mut() = headers;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

fn encode(body: Body) -> (&'static str, Bytes) {
    match body {
        // A `Value` has only string keys and finite numbers, so that it can always be written.
        Body::Json(value) => (JSON, Bytes::from(value.to_string())),
        Body::Text { content_type, text } => (content_type, Bytes::from(text)),
    }
}

fn respond_in_part(reply: Reply, keep: Option<usize>, cut: bool) -> Response {
    let status = reply.status;
    let (content_type, whole) = encode(reply.body);
    let part = whole.slice(..keep.unwrap_or(whole.len() / 2).min(whole.len()));
    let mut response = if cut {
        let broken = async {
            // Whatever is still in hyper's buffer when a body fails is lost, so the head and the part go first.
            sleep(TIME_TO_FLUSH).await;
            Err(io::Error::other("the simulator cuts this body"))
        };
        let pieces = stream::once(async { Ok(part) }).chain(stream::once(broken));
        let mut response = Response::new(HttpBody::from_stream(pieces));
        response
            .headers_mut()
            .insert(header::CONTENT_LENGTH, HeaderValue::from(whole.len()));
        response
    } else {
        Response::new(HttpBody::from(part))
    };
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
