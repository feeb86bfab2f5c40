//! The driver's HTTP interface, below `/admin`.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Path, Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use jiff::SignedDuration;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    account::AccountConfig,
    cloud::Cloud,
    fault::Fault,
    simulator::{AccountChange, Change, ControlError, Simulator},
    twin::NewMachine,
};

type Driver = State<Arc<Simulator>>;

pub(crate) fn router(simulator: Arc<Simulator>) -> Router {
    let admin = Router::new()
        .route("/", get(index))
        .route("/meter", get(meter))
        .route("/machines", get(machines).post(plant))
        .route("/machines/{id}", get(machine).post(change))
        .route("/accounts", get(accounts))
        .route("/accounts/{cloud}", post(add_account))
        .route("/accounts/{cloud}/{id}", get(account).post(change_account))
        .route("/orders/{cloud}/{order}/pay", post(pay_order))
        .route("/calls", get(calls).delete(reset_calls))
        .route("/calls/counts", get(call_counts))
        .route("/faults", get(faults).post(set_fault).delete(clear_faults))
        .route("/faults/{id}", axum::routing::delete(clear_fault))
        .route("/held", get(held))
        .route("/held/release", post(release_all))
        .route("/held/{seq}/release", post(release))
        .route("/clock", get(clock))
        .route("/clock/advance", post(advance))
        .route("/settings/{cloud}", get(settings).patch(patch_settings))
        .route("/reset", post(reset));
    Router::new()
        .route("/healthz", get(|| async { "ok" }))
        .nest("/admin", admin)
        .with_state(simulator)
}

impl IntoResponse for ControlError {
    fn into_response(self) -> Response {
        let status = match self {
            Self::UnknownMachine(_) | Self::UnknownAccount(_) | Self::UnknownOrder(_) => StatusCode::NOT_FOUND,
            Self::Gone(_) => StatusCode::CONFLICT,
            Self::Refused(_) => StatusCode::UNPROCESSABLE_ENTITY,
        };
        (status, Json(json!({"error": self.to_string()}))).into_response()
    }
}

async fn index(State(simulator): Driver) -> Json<Value> {
    let clouds: Vec<Cloud> = simulator.twins.iter().map(|twin| twin.cloud()).collect();
    Json(json!({
        "now": simulator.now(),
        "clouds": clouds,
        "accounts": simulator.accounts(),
    }))
}

async fn meter(State(simulator): Driver) -> impl IntoResponse {
    Json(simulator.meter())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MachineFilter {
    cloud: Option<Cloud>,
    account: Option<String>,
    name: Option<String>,
    alive: Option<bool>,
}

async fn machines(State(simulator): Driver, Query(filter): Query<MachineFilter>) -> impl IntoResponse {
    let mut machines = simulator.machines();
    machines.retain(|machine| {
        filter.cloud.is_none_or(|cloud| machine.cloud == cloud)
            && filter.account.as_ref().is_none_or(|id| machine.account == *id)
            && filter.name.as_ref().is_none_or(|name| machine.name == *name)
            && filter.alive.is_none_or(|alive| machine.alive == alive)
    });
    Json(machines)
}

async fn plant(State(simulator): Driver, Json(machine): Json<NewMachine>) -> Result<impl IntoResponse, ControlError> {
    Ok((StatusCode::CREATED, Json(simulator.plant(&machine)?)))
}

async fn machine(State(simulator): Driver, Path(id): Path<String>) -> Result<impl IntoResponse, ControlError> {
    simulator.machine(&id).map(Json).ok_or(ControlError::UnknownMachine(id))
}

async fn change(
    State(simulator): Driver,
    Path(id): Path<String>,
    Json(change): Json<Change>,
) -> Result<impl IntoResponse, ControlError> {
    simulator.change(&id, change).map(Json)
}

async fn accounts(State(simulator): Driver) -> impl IntoResponse {
    Json(simulator.accounts())
}

async fn add_account(
    State(simulator): Driver,
    Path(cloud): Path<Cloud>,
    Json(account): Json<AccountConfig>,
) -> Result<impl IntoResponse, ControlError> {
    simulator.add_account(cloud, &account);
    let report = simulator
        .account(cloud, &account.id)
        .ok_or(ControlError::UnknownAccount(account.id))?;
    Ok((StatusCode::CREATED, Json(report)))
}

async fn account(
    State(simulator): Driver,
    Path((cloud, id)): Path<(Cloud, String)>,
) -> Result<impl IntoResponse, ControlError> {
    simulator
        .account(cloud, &id)
        .map(Json)
        .ok_or(ControlError::UnknownAccount(id))
}

async fn change_account(
    State(simulator): Driver,
    Path((cloud, id)): Path<(Cloud, String)>,
    Json(change): Json<AccountChange>,
) -> Result<impl IntoResponse, ControlError> {
    simulator.change_account(cloud, &id, change).map(Json)
}

async fn pay_order(
    State(simulator): Driver,
    Path((cloud, order)): Path<(Cloud, String)>,
) -> Result<impl IntoResponse, ControlError> {
    simulator.pay_order(cloud, &order)?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CallFilter {
    operation: Option<String>,
    account: Option<String>,
    after: Option<u64>,
}

async fn calls(State(simulator): Driver, Query(filter): Query<CallFilter>) -> impl IntoResponse {
    let mut calls = simulator.calls();
    calls.retain(|call| {
        filter
            .operation
            .as_ref()
            .is_none_or(|operation| call.operation == *operation)
            && filter
                .account
                .as_ref()
                .is_none_or(|id| call.account.as_ref() == Some(id))
            && filter.after.is_none_or(|after| call.seq > after)
    });
    Json(calls)
}

async fn reset_calls(State(simulator): Driver) -> StatusCode {
    simulator.reset_calls();
    StatusCode::NO_CONTENT
}

async fn call_counts(State(simulator): Driver) -> impl IntoResponse {
    Json(simulator.call_counts())
}

async fn faults(State(simulator): Driver) -> impl IntoResponse {
    Json(simulator.faults())
}

async fn set_fault(State(simulator): Driver, Json(fault): Json<Fault>) -> Result<impl IntoResponse, ControlError> {
    let id = simulator.set_fault(fault)?;
    Ok((StatusCode::CREATED, Json(json!({"id": id}))))
}

async fn clear_faults(State(simulator): Driver) -> StatusCode {
    simulator.clear_faults();
    StatusCode::NO_CONTENT
}

async fn clear_fault(State(simulator): Driver, Path(id): Path<u64>) -> StatusCode {
    if simulator.clear_fault(id) {
        StatusCode::NO_CONTENT
    } else {
        StatusCode::NOT_FOUND
    }
}

async fn held(State(simulator): Driver) -> impl IntoResponse {
    Json(simulator.held())
}

async fn release_all(State(simulator): Driver) -> impl IntoResponse {
    Json(json!({"released": simulator.release_all()}))
}

async fn release(State(simulator): Driver, Path(seq): Path<u64>) -> StatusCode {
    if simulator.release(seq) {
        StatusCode::NO_CONTENT
    } else {
        StatusCode::NOT_FOUND
    }
}

async fn clock(State(simulator): Driver) -> Json<Value> {
    Json(json!({
        "now": simulator.now(),
        "ahead_ms": i64::try_from(simulator.clock_offset_millis()).unwrap_or(i64::MAX),
    }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    ms: u32,
}

async fn advance(State(simulator): Driver, Json(advance): Json<Advance>) -> Json<Value> {
    simulator.advance(SignedDuration::from_millis(i64::from(advance.ms)));
    clock(State(simulator)).await
}

async fn settings(State(simulator): Driver, Path(cloud): Path<Cloud>) -> Result<Json<Value>, ControlError> {
    simulator.settings(cloud).map(Json)
}

async fn patch_settings(
    State(simulator): Driver,
    Path(cloud): Path<Cloud>,
    Json(patch): Json<Value>,
) -> Result<Json<Value>, ControlError> {
    simulator.patch_settings(cloud, &patch).map(Json)
}

async fn reset(State(simulator): Driver) -> StatusCode {
    simulator.reset();
    StatusCode::NO_CONTENT
}
