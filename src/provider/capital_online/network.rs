//! The VPC that a machine joins. It is looked up at the vendor's other host, under the same signature.

use serde_json::{Value, json};

use super::envelope::Answer;
use super::{CapitalOnline, Operation};
use crate::api::cloud::CapitalOnlineInstance;
use crate::provider::{Kind, Result, loose};

/// The pages' size is not known; so many are read at most.
const MOST_PAGES: i64 = 20;
const NAMED: usize = 6;

/// What was found of an id among all pages of a list.
enum Found {
    Row(Value),
    /// It is not there, and the list is whole: its last page, and what there is instead.
    Absent(Answer, Vec<String>),
    /// Nobody can tell.
    Unclear,
}

impl CapitalOnline {
    /// Refuses a VPC or a subnet that the account does not have. Where the lists cannot be read in full, or the key may
    /// not read them, that is left to the order.
    pub(super) async fn find_network(&self, own: &CapitalOnlineInstance) -> Result<()> {
        let judged = self.judge_network(own).await;
        match judged {
            Err(error) if matches!(error.kind, Kind::Unauthorized | Kind::Unsupported | Kind::NotFound) => {
                tracing::info!(error = error.message, "the VPC could not be looked up before renting");
                Ok(())
            }
            judged => judged,
        }
    }

    async fn judge_network(&self, own: &CapitalOnlineInstance) -> Result<()> {
        let vpc = match self.find_row(&VPCS, json!({}), &own.vpc_id).await? {
            Found::Row(vpc) => vpc,
            Found::Unclear => return Ok(()),
            Found::Absent(answer, known) => {
                let why = format!("the account has no VPC {}; it has: {}", own.vpc_id, listed(&known));
                return Err(answer.refusal(Kind::Invalid, &why));
            }
        };
        let Some(region) = loose::word(&vpc, "RegionCode") else {
            return Ok(());
        };
        let filter = json!({ "RegionCode": region, "VPCId": own.vpc_id });
        match self.find_row(&SUBNETS, filter, &own.subnet_id).await? {
            Found::Absent(answer, known) => {
                let why = format!(
                    "VPC {} has no subnet {}; it has: {}",
                    own.vpc_id,
                    own.subnet_id,
                    listed(&known)
                );
                Err(answer.refusal(Kind::Invalid, &why))
            }
            Found::Row(_) | Found::Unclear => Ok(()),
        }
    }

    async fn find_row(&self, list: &List, filter: Value, wanted: &str) -> Result<Found> {
        let mut known = Vec::new();
        for page in 1..=MOST_PAGES {
            let mut body = filter.clone();
            body["PageNumber"] = (list.page_number)(page);
            let answer = self.ask_vpc(list.operation, &body).await?;
            let data = answer.data();
            let Some(rows) = data[list.rows].as_array() else {
                return Ok(Found::Unclear);
            };
            if let Some(row) = rows
                .iter()
                .find(|row| loose::word(row, list.id).as_deref() == Some(wanted))
            {
                return Ok(Found::Row(row.clone()));
            }
            let before = known.len();
            for id in rows.iter().filter_map(|row| loose::word(row, list.id)) {
                if !known.contains(&id) {
                    known.push(id);
                }
            }
            let total = loose::integer(data, "Total").and_then(|total| usize::try_from(total).ok());
            match total {
                Some(total) if known.len() >= total => return Ok(Found::Absent(answer, known)),
                // A page that brings nothing new is no page.
                Some(_) if known.len() > before => {}
                _ => return Ok(Found::Unclear),
            }
        }
        Ok(Found::Unclear)
    }
}

/// A list of the VPC API.
struct List {
    operation: Operation,
    rows: &'static str,
    id: &'static str,
    /// One list wants a number here, the other a text.
    page_number: fn(i64) -> Value,
}

const VPCS: List = List {
    operation: Operation::Vpcs,
    rows: "VPCList",
    id: "VPCId",
    page_number: |page| json!(page),
};

const SUBNETS: List = List {
    operation: Operation::Subnets,
    rows: "SubnetList",
    id: "SubnetId",
    page_number: |page| json!(page.to_string()),
};

fn listed(ids: &[String]) -> String {
    match ids {
        [] => "none".to_owned(),
        ids => ids.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", "),
    }
}
