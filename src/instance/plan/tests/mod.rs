//! Every decision as a row: an object, what is seen of it, and the step that follows.

#[rustfmt::skip] // One decision, one row: here and in the next.
mod account;
#[rustfmt::skip]
mod keep;
#[rustfmt::skip]
mod reinstall;
#[rustfmt::skip]
mod release;
#[rustfmt::skip]
mod rent;
pub(in crate::instance) mod scenes;
#[rustfmt::skip]
mod settle;
#[rustfmt::skip]
mod update;

use super::plan;
use crate::instance::step::{Change, Standing, Step, Wait};
use scenes::{Object, Seen, at};

/// One decision: what it is about, the object, what is seen, and the step in short.
type Row = (&'static str, Object, Seen, &'static str);

/// Checks all rows, and tells of every one that is wrong.
fn check(rows: Vec<Row>) {
    let mut wrong = Vec::new();
    for (what, object, seen, expected) in rows {
        let step = brief(&plan(&object.0, &seen.0, at(0)));
        if step != expected {
            wrong.push(format!("{what}:\n  expected {expected}\n  but got  {step}"));
        }
    }
    assert!(wrong.is_empty(), "{} rows are wrong\n{}", wrong.len(), wrong.join("\n"));
}

/// A step in short: what the tables say.
fn brief(step: &Step) -> String {
    match step {
        Step::Wait(wait) => brief_wait(wait),
        Step::Halt(why) => format!("halt {}", why.reason),
        Step::Suspended(None) => "suspended".into(),
        Step::Suspended(Some(_)) => "suspended, differs".into(),
        Step::Claim(claim) => format!("claim {} until {}", claim.attempt, seconds(claim.deadline.0)),
        Step::Record(changes, why) => format!("record {} as {}", brief_changes(changes), why.reason),
        Step::Forget(changes, why) => format!("forget {} as {}", brief_changes(changes), why.reason),
        Step::FollowTask(task) => format!("follow {task}"),
        Step::Adopt(id) => format!("adopt {id}"),
        Step::Start(fields) => format!("start{}", names(fields)),
        Step::Stop(mode) => format!("stop {mode:?}"),
        Step::StopExtra(id, _) => format!("stop {id}"),
        Step::Update(fields) => format!("update{}", names(fields)),
        Step::Delete(id, _) => format!("delete {id}"),
        step => super::verb(step).to_owned(),
    }
}

fn names(fields: &[crate::provider::Field]) -> String {
    fields.iter().map(|field| format!(" {field:?}")).collect()
}

fn brief_wait(wait: &Wait) -> String {
    let mut text = match &wait.standing {
        Standing::Unchanged => "wait".to_owned(),
        Standing::Progress(why) => format!("wait, {}", why.reason),
        Standing::Ready => "wait, ready".to_owned(),
        Standing::Outage(why) => format!("wait, outage {}", why.reason),
    };
    if let Some(until) = wait.until {
        text.push_str(&format!(", until {}", seconds(until)));
    }
    if let Some(after) = wait.list_after {
        text.push_str(&format!(", list after {}", seconds(after)));
    }
    text
}

fn brief_changes(changes: &[Change]) -> String {
    changes.iter().map(brief_change).collect::<Vec<_>>().join("+")
}

fn brief_change(change: &Change) -> String {
    match change {
        Change::Bind(id) => format!("bind({id})"),
        Change::Task(task) => format!("task({task})"),
        Change::Transition(None) => "end".into(),
        Change::Transition(Some(transition)) if transition.stopped => format!("{:?}(stopped)", transition.kind),
        Change::Transition(Some(transition)) => format!("{:?}", transition.kind),
        Change::PriceLatch(latch) => format!("latch({})", latch.price),
        change => format!("{change:?}").to_lowercase(),
    }
}

/// A moment in seconds from now.
fn seconds(moment: jiff::Timestamp) -> i64 {
    moment.duration_since(at(0)).as_secs()
}
