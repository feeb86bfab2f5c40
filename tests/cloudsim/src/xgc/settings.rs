//! How this twin behaves; all of it may be changed while it runs.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::pace::Pace;

/// How XGC's twin behaves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// How long its states last.
    pub pace: Pace,
    /// The GPU models that can be rented, by the full name that deploy wants.
    pub gpu_models: BTreeMap<String, GpuModel>,
    /// What a machine without GPU costs, in yuan per hour.
    pub cpu_price_per_hour: f64,
    /// What a gigabyte of disk costs while a GPU is released, in yuan per hour.
    pub disk_price_per_gb_hour: f64,
    /// Under which name `saveimage` takes the image's name.
    pub save_image_name: SaveImageName,
    /// Whether `destroy` takes a running machine; if not, only `shutdown_destroy` does.
    pub destroy_takes_running: bool,
    /// Ids of images that other customers share.
    pub community_images: Vec<String>,
    /// The least that can be paid in, in yuan.
    pub least_recharge: f64,
    /// Whether shutting down empties `ssh_domain`, `ssh_port` and `password`.
    pub ssh_only_while_running: bool,
}

/// What a GPU model costs and how many there are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GpuModel {
    /// In yuan, for one GPU.
    pub price_per_hour: f64,
    /// How many GPUs there are, over all accounts.
    pub capacity: u32,
}

/// Under which name `saveimage` takes the image's name. The vendor's page is not public, and its clients disagree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SaveImageName {
    /// Either, and none at all.
    Any,
    /// Only `name`.
    Name,
    /// Only `image_name`.
    ImageName,
}

impl Default for Settings {
    fn default() -> Self {
        let model = |name: &str, price_per_hour| {
            (
                name.to_owned(),
                GpuModel {
                    price_per_hour,
                    capacity: 1000,
                },
            )
        };
        Self {
            pace: Pace::default(),
            gpu_models: BTreeMap::from([
                model("NVIDIA GeForce RTX 4090", 1.89),
                model("NVIDIA GeForce RTX 4090 D", 1.59),
                model("NVIDIA GeForce RTX 4090 D 48G", 2.59),
                model("NVIDIA GeForce RTX 4090 48G", 2.99),
            ]),
            cpu_price_per_hour: 0.1,
            disk_price_per_gb_hour: 0.00003,
            save_image_name: SaveImageName::Any,
            destroy_takes_running: true,
            community_images: vec!["c0ffee00-0000-4000-8000-000000000001".to_owned()],
            least_recharge: 5.0,
            ssh_only_while_running: true,
        }
    }
}

impl Settings {
    /// Sets how many GPUs of a model there are; creates no model.
    pub fn set_capacity(&mut self, gpu_model: &str, capacity: u32) {
        if let Some(model) = self.gpu_models.get_mut(gpu_model) {
            model.capacity = capacity;
        }
    }
}
