//! How this twin behaves; all of it may be changed while it runs.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::pace::Pace;

/// How Neolink's twin behaves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// How long its states last.
    pub pace: Pace,
    /// Where machines can be rented.
    pub regions: Vec<Region>,
    /// What can be rented there.
    pub skus: Vec<Sku>,
    /// How many GPUs of a model each region has.
    pub capacity: BTreeMap<String, u32>,
    /// What a gigabyte of storage above the gift costs, in yuan per day.
    pub storage_price_per_gb_day: f64,
    /// How many gigabytes of storage cost nothing.
    pub storage_gift_gb: i64,
    /// Whether a call without the `namespace` header, or with another user's, is refused.
    pub checks_namespace: bool,
    /// Whether a running machine can be deleted; if not, it has to be shut down before.
    pub deletes_running: bool,
    /// Whether a delete without a name deletes every machine of the cluster. Nobody knows what it does.
    pub nameless_delete_takes_all: bool,
    /// How many machines a page of a list has; `null`: all of them.
    pub page_size: Option<usize>,
    /// How a page is asked for.
    pub paging: Paging,
}

/// A region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Region {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The name of its cluster.
    pub cluster: String,
}

/// Something that can be rented.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sku {
    /// Its id.
    pub id: String,
    /// Id of the region.
    pub region: String,
    /// The GPU model.
    pub model: String,
    /// How many GPUs.
    pub count: u32,
    /// `1` by the hour, `2` by the month, `3` by the week, `4` by the day.
    pub selling_type: String,
    /// In yuan, for an hour, a month, a week or a day.
    pub price: f64,
    /// The share of the price that is paid.
    pub ratio: f64,
}

/// How a page of a list is asked for. It is not documented.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Paging {
    /// Not at all: it is always the first.
    Never,
    /// By `page`, counted from 1.
    Page,
    /// By `page`, counted from 0.
    PageFromZero,
    /// By `offset` and `limit`.
    Offset,
}

impl Default for Settings {
    fn default() -> Self {
        let region = |id: &str, name: &str, cluster: &str| Region {
            id: id.to_owned(),
            name: name.to_owned(),
            cluster: cluster.to_owned(),
        };
        Self {
            pace: Pace::default(),
            regions: vec![
                region("r-1", "北京一区", "host-cluster"),
                region("r-2", "上海一区", "second-cluster"),
            ],
            skus: skus(),
            capacity: ["4090", "H20"]
                .into_iter()
                .map(|model| (model.to_owned(), 1000))
                .collect(),
            storage_price_per_gb_day: 0.01,
            storage_gift_gb: 50,
            checks_namespace: true,
            deletes_running: false,
            nameless_delete_takes_all: true,
            page_size: None,
            paging: Paging::Never,
        }
    }
}

fn skus() -> Vec<Sku> {
    let rows = [
        ("66", "r-1", "4090", 1, "1", 2.5, 1.0),
        ("67", "r-1", "4090", 2, "1", 5.0, 1.0),
        ("69", "r-1", "4090", 8, "1", 20.0, 1.0),
        ("166", "r-1", "4090", 1, "2", 1440.0, 1.0),
        ("266", "r-1", "4090", 1, "3", 378.0, 1.0),
        ("366", "r-1", "4090", 1, "4", 57.6, 1.0),
        ("2", "r-1", "H20", 1, "1", 10.0, 0.48),
        ("70", "r-2", "4090", 1, "1", 2.3, 1.0),
    ];
    rows.into_iter()
        .map(|(id, region, model, count, selling_type, price, ratio)| Sku {
            id: id.to_owned(),
            region: region.to_owned(),
            model: model.to_owned(),
            count,
            selling_type: selling_type.to_owned(),
            price,
            ratio,
        })
        .collect()
}

impl Settings {
    pub(super) fn region_of_cluster(&self, cluster: &str) -> Option<&Region> {
        self.regions.iter().find(|region| region.cluster == cluster)
    }
}
