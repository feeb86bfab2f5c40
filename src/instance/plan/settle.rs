//! A claim without a machine: send the call, or find out what became of it. An order whose outcome is not known is
//! never repeated; the cloud's lists say what happened.

use std::time::Duration;

use jiff::Timestamp;

use super::{PATIENCE, Scene, rent};
use crate::account::Obstacle;
use crate::api::CREATE_OUTCOME_ANNOTATION;
use crate::api::condition::Reason;
use crate::api::status::{Claim, InstanceState};
use crate::environment::later;
use crate::instance::memory::{OwnClaim, SentResult};
use crate::instance::observation::{Connection, InstanceView};
use crate::instance::step::{Change, Step, Wait};

/// The next step with a claim.
pub(super) fn plan(scene: &Scene<'_>, connection: &Connection) -> Step {
    let Some(claim) = scene.object.claim() else {
        return Step::Wait(Wait::quietly());
    };
    if let Some(step) = known_outcome(scene, claim) {
        return step;
    }
    let own = scene
        .seen
        .memory
        .own_claim
        .as_ref()
        .filter(|own| own.name == claim.name);
    let sent = scene.seen.memory.sent.as_ref().filter(|sent| sent.claim == claim.name);
    match own {
        Some(own) if sent.is_none() && claim.task.is_none() => send(scene, connection, claim, own),
        _ => look(scene, connection, claim),
    }
}

/// What is known without looking further: the machine is there, its id was told, or the cloud said no.
fn known_outcome(scene: &Scene<'_>, claim: &Claim) -> Option<Step> {
    let bind = |id: &str, how: &str| {
        Step::Record(
            vec![Change::Bind(id.to_owned())],
            Obstacle::new(Reason::Creating, format!("machine {id} {how}")),
        )
    };
    let unclaim = |why: String| Step::Record(vec![Change::Unclaim], Obstacle::new(Reason::Settling, why));
    let evidence = &scene.seen.evidence;
    // One that is being deleted was given up already.
    let here = evidence
        .machines
        .iter()
        .find(|machine| machine.state != InstanceState::Deleting);
    if let Some(machine) = here {
        return Some(bind(&machine.id, "was made for this object"));
    }
    if let Some(sent) = scene.seen.memory.sent.as_ref().filter(|sent| sent.claim == claim.name) {
        match &sent.result {
            SentResult::Instance(id) => return Some(bind(id, "was made for this object")),
            SentResult::Task(task) if claim.task.as_ref() != Some(task) => {
                return Some(Step::Record(
                    vec![Change::Task(task.clone())],
                    Obstacle::new(Reason::Creating, format!("the cloud makes the machine as task {task}")),
                ));
            }
            SentResult::Refused => return Some(unclaim("the cloud refused the order".to_owned())),
            SentResult::Task(_) | SentResult::Unclear(_) => {}
        }
    }
    let word = scene
        .object
        .metadata
        .annotations
        .as_ref()?
        .get(CREATE_OUTCOME_ANNOTATION)?;
    match word.split_once('=') {
        Some((name, "absent")) if name == claim.name => {
            Some(unclaim(format!("a human says that {name} was never made")))
        }
        // Whoever may edit the object can write this of any machine: it is believed only of one that the order may have made.
        Some((name, id)) if name == claim.name && scene.seen.unexplained.iter().any(|new| new == id) => {
            Some(bind(id, "is this object's, a human says"))
        }
        _ => None,
    }
}

/// Our own claim, whose call was not sent yet.
fn send(scene: &Scene<'_>, connection: &Connection, claim: &Claim, own: &OwnClaim) -> Step {
    let since = claim.since.0;
    if own.generation != scene.object.generation() {
        return Step::Record(
            vec![Change::Unclaim],
            Obstacle::new(
                Reason::Claimed,
                "the spec has changed since the claim, which is made anew",
            ),
        );
    }
    if later(scene.now, connection.call_timeout) >= claim.deadline.0 {
        return Step::Record(
            vec![Change::Unclaim],
            Obstacle::new(
                Reason::Claimed,
                "the claim ran out before the order could be sent; it is made anew",
            ),
        );
    }
    if let Some(bar) = super::bar(connection) {
        return Step::Record(vec![Change::Unclaim], bar);
    }
    if !scene.wants_running() {
        return Step::Record(
            vec![Change::Unclaim],
            Obstacle::new(Reason::Stopped, "the machine is not wanted any more"),
        );
    }
    if rent::lacks_password(scene, connection) {
        return Step::Record(
            vec![Change::Unclaim],
            Obstacle::new(
                Reason::Claimed,
                "the password that the order sets could not be read from the connection Secret; the claim is made anew",
            ),
        );
    }
    if let Some(machine) = scene.seen.evidence.machines.first() {
        return Step::Wait(rent::still_leaving(machine));
    }
    let waiting = || {
        Wait::progress(
            Reason::Claimed,
            format!("claimed as {}; making sure that no such machine exists", claim.name),
        )
    };
    match scene.seen.evidence.listed {
        Some(listed) if listed > since => match &scene.seen.evidence.incomplete {
            None => Step::Create,
            Some(why) => Step::Wait(Wait::progress(
                Reason::Claimed,
                format!("claimed as {}; the cloud's list is not complete: {why}", claim.name),
            )),
        },
        _ => Step::Wait(waiting().list_after(since)),
    }
}

/// A call that may have been sent: by us without a clear answer, by a process that died, or by one that is slow.
fn look(scene: &Scene<'_>, connection: &Connection, claim: &Claim) -> Step {
    let seen = scene.seen;
    let sent = seen.memory.sent.as_ref().filter(|sent| sent.claim == claim.name);
    let heard = sent.and_then(|sent| match &sent.result {
        SentResult::Unclear(heard) => Some(unclear(heard)),
        _ => None,
    });
    // A task that goes on may make the machine at any moment, however long no list has shown it. Only one that is over,
    // or that nobody knows, is heard of; then the lists have the last word.
    if let (Some(task), None) = (&claim.task, &heard) {
        return follow(scene, claim, task);
    }
    let heard = heard.unwrap_or_else(|| "whether the order was sent is not known".to_owned());
    if !seen.unexplained.is_empty() {
        return Step::Halt(unknown(
            claim,
            &format!(
                "{heard}, and the account shows machines whose names explain nothing ({}): one of them may be it, no other can",
                seen.unexplained.join(", ")
            ),
        ));
    }
    if seen.evidence.absence.lasted(connection.settle()) {
        return Step::Record(
            vec![Change::Unclaim],
            Obstacle::new(
                Reason::Settling,
                format!("{heard}; complete lists show no {}: none was made", claim.name),
            ),
        );
    }
    if let Some(why) = &seen.evidence.incomplete
        && scene.now
            > later(
                believed_from(scene, connection, claim),
                connection.settle_after.saturating_mul(3),
            )
    {
        return Step::Halt(unknown(
            claim,
            &format!("{heard}, and the cloud's lists cannot prove that none was made: {why}"),
        ));
    }
    Step::Wait(
        Wait::progress(Reason::Settling, looking(claim, &heard)).list_after(next_proof(scene, connection, claim)),
    )
}

/// What is said of an order whose answer was unclear: the same when it is heard as long as it is looked for.
pub(in crate::instance) fn unclear_order(claim: &Claim, heard: &str) -> String {
    looking(claim, &unclear(heard))
}

fn unclear(heard: &str) -> String {
    format!("the cloud's answer to the order was unclear ({heard})")
}

fn looking(claim: &Claim, heard: &str) -> String {
    format!("{heard}; looking for {} before anything else is done", claim.name)
}

/// Asks how far a task is: at first every other second, then ever more rarely.
fn follow(scene: &Scene<'_>, claim: &Claim, task: &str) -> Step {
    let age = Duration::try_from(scene.now.duration_since(claim.since.0)).unwrap_or_default();
    let pause = (age / 10).clamp(PATIENCE / 10, PATIENCE);
    let due = scene
        .seen
        .memory
        .action
        .as_ref()
        .map(|action| later(action.ended, pause));
    match due.filter(|due| *due > scene.now) {
        None => Step::FollowTask(task.to_owned()),
        Some(due) => {
            let why = format!("the cloud makes the machine as task {task}");
            Step::Wait(Wait::progress(Reason::Creating, why).until(due))
        }
    }
}

fn unknown(claim: &Claim, why: &str) -> Obstacle {
    Obstacle::new(
        Reason::CreateOutcomeUnknown,
        format!(
            "{why}; look into the cloud's console, then annotate this object with {CREATE_OUTCOME_ANNOTATION}={name}=<instanceId> or {CREATE_OUTCOME_ANNOTATION}={name}=absent; nothing is rented meanwhile",
            name = claim.name
        ),
    )
}

/// From when on a list may prove that the call made nothing: no call can be under way any more.
pub(in crate::instance) fn believed_from(scene: &Scene<'_>, connection: &Connection, claim: &Claim) -> Timestamp {
    match scene.seen.memory.sent.as_ref().filter(|sent| sent.claim == claim.name) {
        Some(sent) => sent.ended,
        None => later(claim.deadline.0, connection.call_timeout),
    }
}

/// After which moment the next list that proves something is begun; a moment to come means: not yet.
fn next_proof(scene: &Scene<'_>, connection: &Connection, claim: &Claim) -> Timestamp {
    let absence = &scene.seen.evidence.absence;
    match absence.since {
        None => believed_from(scene, connection, claim),
        Some(since) => later(since, connection.settle_after),
    }
}
