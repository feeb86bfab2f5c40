//! How this twin behaves; all of it may be changed while it runs.

use serde::{Deserialize, Serialize};

use crate::pace::Pace;

/// How `SCNet`'s twin behaves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// How long its states last. The first half of being made or started is spent waiting for resources.
    pub pace: Pace,
    /// Its regions, without the platform itself.
    pub regions: Vec<Region>,
    /// How long a token is good.
    pub token_lifetime_ms: u64,
    /// What it hands out as the address of a region's containers, with `{region}` in it; its own where left out.
    pub ai_url: Option<String>,
    /// Its resource groups, the same in every region.
    pub resource_groups: Vec<ResourceGroup>,
    /// Its public images.
    pub images: Vec<Image>,
    /// The forms of the list that it knows.
    pub lists: Lists,
    /// Whether a list is bare, without the number of machines beside it.
    pub bare_lists: bool,
    /// The most machines on a page.
    pub most_listed: usize,
    /// Whether machines that are made or started wait for resources until the driver starts them.
    pub queues: bool,
    /// Whether a running machine can be deleted.
    pub deletes_running: bool,
    /// What an accelerator costs an hour, in yuan, for the meter only: the API tells no price.
    pub price_per_hour: f64,
}

/// A region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Region {
    /// `clusterId`.
    pub id: String,
    /// `clusterName`.
    pub name: String,
    /// Whether accounts are enabled there.
    pub enabled: bool,
}

/// Nodes with the same accelerator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResourceGroup {
    /// Its name.
    pub name: String,
    /// `gpu`, `dcu`, `mlu` or `cpu`.
    pub accelerator: String,
    /// Cores of a node.
    pub cores: i64,
    /// Memory of a node, in MB.
    pub memory_mb: i64,
    /// Accelerators of a node.
    pub accelerators: i64,
}

/// An image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Image {
    /// Where it is.
    pub path: String,
    /// `name:tag`.
    pub version: String,
}

/// The forms of the list that are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lists {
    /// Both.
    Both,
    /// Only `/task/list` with a query.
    Query,
    /// Only `/task` with a body.
    Body,
}

impl Default for Settings {
    fn default() -> Self {
        let region = |id: &str, name: &str| Region {
            id: id.to_owned(),
            name: name.to_owned(),
            enabled: true,
        };
        let group = |name: &str, accelerator: &str, cores, memory_mb, accelerators| ResourceGroup {
            name: name.to_owned(),
            accelerator: accelerator.to_owned(),
            cores,
            memory_mb,
            accelerators,
        };
        let image = |path: &str, version: &str| Image {
            path: format!("{path}/{version}"),
            version: version.to_owned(),
        };
        Self {
            pace: Pace::default(),
            regions: vec![region("11112", "OpenAPI计算中心"), region("111131", "test中心")],
            token_lifetime_ms: 24 * 3600 * 1000,
            ai_url: None,
            resource_groups: vec![
                group("TeslaM40", "gpu", 40, 31888, 2),
                group("Z100", "dcu", 32, 131_072, 4),
                group("cpu1", "cpu", 64, 262_144, 0),
            ],
            images: vec![
                image("10.0.35.26:5000/gpu/admin/base", "jupyter:4.4-py3.7-cpu"),
                image("image.ac.com:5000/dcu/admin/base", "custom:vllm0.7.2-ubuntu22.04"),
            ],
            lists: Lists::Both,
            bare_lists: false,
            most_listed: 100,
            queues: false,
            deletes_running: false,
            price_per_hour: 1.0,
        }
    }
}
