//! Neolink's shapes, without an envelope, and who is asking. Statuses and words of refusals are guesses: the vendor
//! shows none.

use axum::http::{HeaderMap, header};
use serde_json::json;

use crate::{
    cloud::Cloud,
    exchange::{Machines, Refusal, Reply},
    world::{Key, World},
};

/// A refusal under its HTTP status.
#[derive(Debug)]
pub(super) struct Refused {
    status: u16,
    message: String,
}

impl Refused {
    pub(super) fn new(status: u16, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
        }
    }

    pub(super) fn parameter(name: &str) -> Self {
        Self::new(400, format!("参数错误: {name}"))
    }

    pub(super) fn no_gpu() -> Self {
        Self::new(400, "GPU资源不足")
    }

    pub(super) fn low_balance() -> Self {
        Self::new(400, "账户余额不足")
    }

    pub(super) fn no_instance() -> Self {
        Self::new(404, "instance not found")
    }

    pub(super) fn wrong_state() -> Self {
        Self::new(409, "the instance's status does not allow this")
    }

    fn unauthorized() -> Self {
        Self::new(401, "token is invalid")
    }
}

impl From<Refused> for Reply {
    fn from(refused: Refused) -> Self {
        Self {
            status: refused.status,
            code: Some(refused.status.to_string()),
            ..Self::json(json!({"message": refused.message}))
        }
    }
}

/// A command that was taken.
pub(super) fn taken(instance: Option<&str>) -> Reply {
    Reply {
        committed: true,
        touched: instance.map(str::to_owned),
        ..Reply::json(json!("ok"))
    }
}

/// Marks where the instances are, for faults: below `/nodes` in a list, else the whole.
pub(super) fn showing(mut reply: Reply, is_list: bool, names: Vec<String>) -> Reply {
    reply.machines = Some(Machines {
        pointer: if is_list { "/nodes" } else { "" },
        total: is_list.then_some("/totalCount"),
        name: "/displayName",
        names,
    });
    reply
}

pub(super) fn refuse(refusal: Refusal) -> Reply {
    match refusal {
        Refusal::NoCapacity => Refused::no_gpu().into(),
        Refusal::LowBalance => Refused::low_balance().into(),
        Refusal::Unauthorized => Refused::unauthorized().into(),
        // There is no envelope: a code of HTTP's is the status, any other is only told.
        Refusal::Other { code, message, success } => {
            let status = u16::try_from(code).ok().filter(|status| (400..600).contains(status));
            Reply {
                status: if success { 200 } else { status.unwrap_or(400) },
                code: Some(code.to_string()),
                ..Reply::json(json!({"code": code, "message": message}))
            }
        }
    }
}

/// What its HTTP framework says about a path or a method that it does not have.
pub(super) fn missed() -> Reply {
    Reply::page_not_found()
}

/// Who is asking: `bearer` in whatever case and a token, and the user's id in a header of its own.
pub(super) fn authenticate(world: &World, headers: &HeaderMap) -> Result<Key, Refused> {
    let text = |name: &str| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    };
    let token = match text(header::AUTHORIZATION.as_str()).trim().split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
        _ => "",
    };
    let account = world
        .accounts
        .iter()
        .find(|((cloud, _), account)| *cloud == Cloud::Neolink && account.accepts(token))
        .map(|(key, _)| key.clone())
        .ok_or_else(Refused::unauthorized)?;
    if world.neolink.settings.checks_namespace && text("namespace") != account.1 {
        return Err(Refused::new(403, "namespace is not the user's"));
    }
    Ok(account)
}

/// A member of the query.
pub(super) fn query(query: &str, name: &str) -> Option<String> {
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    // Nothing that this API is asked needs to be decoded.
    pairs.find(|(key, _)| *key == name).map(|(_, value)| value.to_owned())
}
