//! Capital Online's envelope, `{"Code", "Message" | "Msg" | "message", "Data"}`, and its words for failure.
//!
//! The GPU pages document no code of failure. Those here are of the sister products behind the same gateway.

use jiff::Timestamp;
use serde_json::Value;

use crate::provider::http::Reply;
use crate::provider::{Error, Kind, Result, loose};

/// Codes whose meaning is known, by how they begin; the longer ones first.
const CODES: [(&str, Kind, &str); 21] = [
    ("ParameterInvalid", Kind::Invalid, "a parameter is wrong"),
    ("ParameterIsEmpty", Kind::Invalid, "a parameter is missing"),
    ("ParamParseError", Kind::Invalid, "the parameters cannot be read"),
    ("InvalidParameter", Kind::Invalid, "a parameter is wrong"),
    ("MissingParameter", Kind::Invalid, "a parameter is missing"),
    ("AmountOversize", Kind::Invalid, "too many machines in one order"),
    (
        "OrderGoodsConfEmpty",
        Kind::Invalid,
        "it does not have these goods; see capitalOnline.goodsId and computeId",
    ),
    ("ImageNotFound", Kind::Invalid, "it does not have this image"),
    ("InvalidImage.NotFound", Kind::Invalid, "it does not have this image"),
    (
        "InvalidVpc.NotFound",
        Kind::Invalid,
        "the account does not have this VPC",
    ),
    ("VdcNotFound", Kind::Invalid, "the account does not have this VPC"),
    ("PipeIdNotFound", Kind::Invalid, "the account does not have this subnet"),
    ("IpNotEnough", Kind::NoCapacity, "the subnet has no free address"),
    ("NotSufficient", Kind::NoCapacity, "none is free now"),
    ("InstanceNotFound", Kind::NotFound, "there is no such machine"),
    ("InvalidResourceId.NotFound", Kind::NotFound, "there is no such machine"),
    ("DataNotExists", Kind::NotFound, "there is no such thing"),
    (
        "InvalidOperation.InstanceStatusUnsupported",
        Kind::Transient,
        "the machine is in a state that does not allow it",
    ),
    (
        "InstanceError",
        Kind::Transient,
        "the machine is in a state that does not allow it",
    ),
    ("UnsupportedAction", Kind::Unsupported, "it has no such operation"),
    ("Throttling", Kind::RateLimited, "it is asked too often"),
];

/// What the sister product's delete answers where the state or the way of paying does not allow it. Of any other action
/// nobody knows what it means.
const NOT_DELETED: (&str, &str) = (
    "LogicError",
    "it deletes only machines that are billed by use and shut down; a prepaid one ends with its period, or is returned \
     in the console",
);

/// What texts contain whose code is not known. None of these is said of an order that was carried out.
const TEXTS: [(&str, Kind, &str); 9] = [
    ("余额不足", Kind::InsufficientBalance, "the balance is too low"),
    (
        "insufficientbalance",
        Kind::InsufficientBalance,
        "the balance is too low",
    ),
    ("配额", Kind::Quota, "a quota of the account is used up"),
    ("库存不足", Kind::NoCapacity, "none is free now"),
    ("signature", Kind::Unauthorized, "the signature is refused"),
    ("签名", Kind::Unauthorized, "the signature is refused"),
    ("timestamp", Kind::Unauthorized, "the request's time is refused"),
    ("accesskey", Kind::Unauthorized, "the access key is refused"),
    ("unauthorized", Kind::Unauthorized, "the access key is refused"),
];

/// How far apart clocks may be before it is worth saying: the limit at the cloud is not known.
const SKEW_SECONDS: i64 = 120;

/// A success.
#[derive(Debug)]
pub(super) struct Answer {
    reply: Reply,
    envelope: Value,
}

impl Answer {
    /// Reads the envelope. A refusal that is not known is not trusted to mean that nothing was done: it is
    /// [`Kind::Ambiguous`] or [`Kind::Transient`], by the request's effect. `now` is our clock.
    pub(super) fn read(reply: Reply, action: &str, now: Timestamp) -> Result<Self> {
        let envelope: Value = reply.json()?;
        let status = reply.status();
        if !envelope.is_object() || status.is_server_error() || status.is_redirection() {
            return Err(reply.unclear(&format!("the cloud answered {}", reply.describe())));
        }
        let code = loose::word(&envelope, "Code").unwrap_or_default();
        // Some of the vendor's products say OK.
        if status.is_success() && (code.eq_ignore_ascii_case("success") || code == "OK") {
            return Ok(Self { reply, envelope });
        }
        Err(refusal(&reply, action, &envelope, now))
    }

    /// The payload; null where there is none.
    pub(super) fn data(&self) -> &Value {
        &self.envelope["Data"]
    }

    /// The whole answer: some actions put ids beside the payload.
    pub(super) fn envelope(&self) -> &Value {
        &self.envelope
    }

    /// A refusal that follows from the payload.
    pub(super) fn refusal(&self, kind: Kind, why: &str) -> Error {
        self.reply.error(kind, why)
    }

    /// A success that lacks what it was asked for.
    pub(super) fn unreadable(&self, lacking: &str) -> Error {
        self.reply.unclear(&format!("the cloud's answer has {lacking}"))
    }
}

fn refusal(reply: &Reply, action: &str, envelope: &Value, now: Timestamp) -> Error {
    let code = loose::word(envelope, "Code").unwrap_or_default();
    let text = ["Message", "Msg", "message"]
        .iter()
        .find_map(|name| loose::word(envelope, name))
        .unwrap_or_else(|| "without giving a reason".to_owned());
    let shown = if code.is_empty() { "none" } else { &code };
    let said = format!("{text} (code {shown}, HTTP {})", reply.status().as_u16());
    if action == "DeleteGpuInstances" && code == NOT_DELETED.0 {
        return reply.error(Kind::Unsupported, &format!("{}: {said}", NOT_DELETED.1));
    }
    match meaning(&code, &text, reply.status().as_u16()) {
        Some((Kind::Unauthorized, english)) => {
            let skew = skew(reply.date(), now).unwrap_or_default();
            reply.error(Kind::Unauthorized, &format!("{english}{skew}: {said}"))
        }
        Some((kind, english)) => reply.error(kind, &format!("{english}: {said}")),
        None => {
            let skew = skew(reply.date(), now).unwrap_or_default();
            reply.unclear(&format!("the cloud refused{skew}: {said}"))
        }
    }
}

fn meaning(code: &str, text: &str, status: u16) -> Option<(Kind, &'static str)> {
    if let Some((_, kind, english)) = CODES.iter().find(|(known, ..)| code.starts_with(known)) {
        return Some((*kind, english));
    }
    let words = format!("{code} {text}").to_lowercase();
    // Ours is fresh each time. If it was seen before, something on the way has sent the request twice, and what became
    // of the first is not known.
    if words.contains("nonce") {
        return None;
    }
    let known = TEXTS.iter().find(|(part, ..)| words.contains(part));
    known
        .map(|(_, kind, english)| (*kind, *english))
        .or_else(|| (status == 401).then_some((Kind::Unauthorized, "the access key is refused")))
}

/// How far the clocks are apart, where that may be the reason.
fn skew(cloud: Option<Timestamp>, ours: Timestamp) -> Option<String> {
    let ahead = ours.duration_since(cloud?).as_secs();
    (ahead.abs() >= SKEW_SECONDS).then(|| {
        let way = if ahead > 0 { "ahead of" } else { "behind" };
        format!(
            ", and the operator's clock is {} s {way} the cloud's, which is likely why: set the clock of its node",
            ahead.abs()
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_that_was_seen_before_settles_nothing() {
        assert_eq!(meaning("SignatureNonceUsed", "", 400), None);
        assert_eq!(
            meaning("SignatureDoesNotMatch", "", 400).map(|(kind, _)| kind),
            Some(Kind::Unauthorized)
        );
    }

    #[test]
    fn clocks_that_differ_are_spoken_of_in_the_right_direction() {
        let at = |second: i64| Some(Timestamp::from_second(1_800_000_000 + second).unwrap());
        let now = at(0).unwrap();
        assert_eq!(skew(at(60), now), None);
        assert_eq!(skew(None, now), None);
        assert!(skew(at(1000), now).unwrap().contains("1000 s behind the cloud's"));
        assert!(skew(at(-1000), now).unwrap().contains("1000 s ahead of the cloud's"));
    }
}
