//! Every machine of a region, page by page.
//!
//! Two forms of the call are known, neither with an example of its answer: what clients do now, with a query, and what
//! the vendor's page says, a `GET` with a body, which many a proxy drops. So a list is believed only as far as it
//! proves itself: all pages, to the last one, without a row twice.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::call::Ask;
use super::envelope::{Answer, Failure};
use super::{Operation, machine};
use crate::api::cloud::ScnetListing;
use crate::provider::http::{Effect, Method};
use crate::provider::{Error, Kind, Machine, Result};

/// Machines asked for at once. A cloud that gives fewer is asked on from there.
const PAGE: usize = 100;
/// More pages than any account has: a cloud that never comes to an end is not listened to for ever.
const MOST_PAGES: usize = 200;

/// The pages of one region that were read so far.
#[derive(Debug, Default)]
pub(super) struct Pages {
    machines: Vec<Machine>,
    ids: BTreeSet<String>,
    rows: usize,
    total: Option<usize>,
    read: usize,
}

/// One page of the list, from this row on.
pub(super) fn page(form: ScnetListing, start: usize) -> Ask<'static> {
    match form {
        ScnetListing::Query => Ask::new(
            Operation::List,
            Effect::Read,
            Method::GET,
            ["instance-service", "task", "list"],
        )
        .query("limit", PAGE.to_string())
        .query("start", start.to_string())
        .query("sort", "desc"),
        ScnetListing::Body => {
            Ask::new(Operation::List, Effect::Read, Method::GET, ["instance-service", "task"]).body(json!({
                "instanceServiceName": null,
                "limit": PAGE,
                "sort": "desc",
                "start": start,
                "status": null,
                "taskType": null,
            }))
        }
    }
}

/// The other form.
pub(super) fn other(form: ScnetListing) -> ScnetListing {
    match form {
        ScnetListing::Query => ScnetListing::Body,
        ScnetListing::Body => ScnetListing::Query,
    }
}

impl Pages {
    /// Takes one more page in. `true` once all have been read.
    pub(super) fn add(&mut self, answer: &Answer, region: &str) -> std::result::Result<bool, Failure> {
        let Some((rows, total)) = rows(answer.data()) else {
            return Err(Failure {
                unknown: true,
                ..answer.unreadable("no list of machines").into()
            });
        };
        self.read += 1;
        if self.read > 1 && self.total != total {
            return Err(broken("the number of machines changed while they were listed"));
        }
        self.total = total;
        for row in rows {
            let machine = machine::machine(row, region);
            let Some(machine) = machine.filter(|machine| machine.name.is_some()) else {
                return Err(broken("a machine is shown without an id or a name"));
            };
            if !self.ids.insert(machine.id.clone()) {
                return Err(broken("a machine is shown twice"));
            }
            self.machines.push(machine);
        }
        self.rows += rows.len();
        match total {
            Some(total) if self.rows > total => Err(broken(&format!(
                "{total} machines are said to be there, and more are shown"
            ))),
            Some(total) if self.rows == total => Ok(true),
            Some(total) if rows.is_empty() => Err(broken(&format!(
                "{total} machines are said to be there, and {} are shown",
                self.rows
            ))),
            // Without a total only an empty page says that there are no more.
            None if rows.is_empty() => Ok(true),
            _ if self.read == MOST_PAGES => Err(broken("the list does not come to an end")),
            _ => Ok(false),
        }
    }

    /// Where the next page begins.
    pub(super) fn start(&self) -> usize {
        self.rows
    }

    /// What was read.
    pub(super) fn into_machines(self) -> Vec<Machine> {
        self.machines
    }
}

/// A list that is an answer, but proves nothing.
fn broken(why: &str) -> Failure {
    Error::new(Kind::Transient, format!("scnet.list: {why}")).into()
}

/// The rows of a list, bare or in an object beside their number.
pub(super) fn rows(data: &Value) -> Option<(&[Value], Option<usize>)> {
    let total = ["total", "totalCount"]
        .iter()
        .find_map(|name| crate::provider::loose::integer(data, name))
        .and_then(|total| usize::try_from(total).ok());
    let rows = match data {
        Value::Array(rows) => Some(rows.as_slice()),
        Value::Object(members) => match ["data", "list", "records", "rows"]
            .iter()
            .find_map(|name| members.get(*name))
        {
            Some(Value::Array(rows)) => Some(rows.as_slice()),
            // A list that was never filled; believed only with the number beside it.
            Some(Value::Null) if total == Some(0) => Some(&[][..]),
            _ => None,
        },
        _ => None,
    }?;
    Some((rows, total))
}

/// Reads a list to its end with `ask`, which sends one page's request.
pub(super) async fn read<F>(
    form: ScnetListing,
    region: &str,
    ask: impl Fn(Ask<'static>) -> F,
) -> std::result::Result<Vec<Machine>, Failure>
where
    F: Future<Output = std::result::Result<Answer, Failure>>,
{
    let mut pages = Pages::default();
    loop {
        let answer = ask(page(form, pages.start())).await?;
        if pages.add(&answer, region)? {
            return Ok(pages.into_machines());
        }
    }
}

/// A list that could not be read by either form.
pub(super) fn neither(first: Failure, second: &Failure) -> Result<Vec<Machine>> {
    let error: Error = first.into();
    Err(Error::new(
        error.kind,
        format!(
            "{}; nor with the other form of the call: {}",
            error.message, second.error.message
        ),
    )
    .retry_after(error.retry_after))
}
