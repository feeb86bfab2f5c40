//! How this twin behaves; all of it may be changed while it runs.

use serde::{Deserialize, Serialize};

use crate::pace::Pace;

/// How Luchen's twin behaves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[allow(clippy::struct_excessive_bools, reason = "each is a question of its own")]
pub struct Settings {
    /// How long its states last.
    pub pace: Pace,
    /// How long a login's token is good for, in seconds of the simulator's clock.
    pub token_life_seconds: u64,
    /// Where machines can be.
    pub regions: Vec<Region>,
    /// What can be rented.
    pub types: Vec<InstanceType>,
    /// Ids of images that exist.
    pub images: Vec<String>,
    /// Of these, the ones that no machine ever gets pulled.
    pub unpullable_images: Vec<String>,
    /// Volumes that every account has.
    pub volumes: Vec<Volume>,
    /// Whether `terminate` takes a running machine.
    pub terminate_takes_running: bool,
    /// What a row calls a machine's name.
    pub name_member: NameMember,
    /// The HTTP status of all refusals; left out, 400, 401, 404 and 500 as they fit.
    pub refusal_status: Option<u16>,
    /// Whether there is a list of types, which is known of the sister site only.
    pub has_type_list: bool,
    /// Whether there is a balance, likewise.
    pub has_balance: bool,
    /// Whether a machine can be started again, which no page of the vendor's says.
    pub has_start: bool,
    /// Whether there are calls for volumes, which are known of the sister site only.
    pub has_volumes: bool,
}

/// A place where machines can be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Region {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Under which all its machines are reached.
    pub ssh_address: String,
}

/// A kind of machine in one region.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InstanceType {
    /// Its id.
    pub id: String,
    /// The id of its region.
    pub region: String,
    /// Its GPU model; empty for a machine without a GPU.
    pub gpu_name: String,
    /// How many GPUs.
    pub gpu_count: u32,
    /// Whether it is rented at the spot price.
    #[serde(default)]
    pub spot: bool,
    /// In yuan; prices of other modes of payment are derived from it.
    pub price_per_hour: f64,
    /// How many machines of it there are, over all accounts.
    pub capacity: u32,
}

/// Storage that machines can mount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Volume {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// `highspeedstorage` or `filesystem`.
    pub kind: String,
    /// Its size.
    pub size_gb: u64,
}

/// What a row calls a machine's name. Clients read both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NameMember {
    /// `instanceMetadata.instanceName`.
    InstanceName,
    /// `instanceMetadata.name`.
    Name,
}

const EAST: &str = "fce31a0c-0000-0000-0000-41caa1bdd251";
const NORTH: &str = "0b1c2d3e-0000-0000-0000-00000000000b";

impl Default for Settings {
    fn default() -> Self {
        let kind = |id: &str, region: &str, gpu_name: &str, gpu_count, price_per_hour| InstanceType {
            id: id.to_owned(),
            region: region.to_owned(),
            gpu_name: gpu_name.to_owned(),
            gpu_count,
            spot: gpu_name.ends_with("-SPOT"),
            price_per_hour,
            capacity: 1000,
        };
        let region = |id: &str, name: &str| Region {
            id: id.to_owned(),
            name: name.to_owned(),
            ssh_address: format!("ssh.{name}.luchen.invalid"),
        };
        Self {
            pace: Pace::default(),
            token_life_seconds: 86400,
            regions: vec![region(EAST, "cn-east-1"), region(NORTH, "cn-north-1")],
            types: vec![
                kind("dc25f5be-0000-0000-0000-000000000001", EAST, "H800-SXM", 1, 12.5),
                kind("dc25f5be-0000-0000-0000-000000000008", EAST, "H800-SXM", 8, 100.0),
                kind("dc25f5be-0000-0000-0000-00000000000b", NORTH, "H800-SXM", 1, 11.0),
                kind("5907f5be-0000-0000-0000-000000000001", EAST, "H800-SXM-SPOT", 1, 6.0),
                kind("40900000-0000-0000-0000-000000000001", EAST, "RTX-4090", 1, 1.89),
                kind("c0000000-0000-0000-0000-000000000001", EAST, "", 0, 0.3),
            ],
            images: vec![
                "0d0c0000-0000-0000-0000-000000000000".to_owned(),
                "7a81788c-0000-0000-0000-2409e3c8150c".to_owned(),
                "bad00000-0000-0000-0000-000000000000".to_owned(),
            ],
            unpullable_images: vec!["bad00000-0000-0000-0000-000000000000".to_owned()],
            volumes: vec![Volume {
                id: "f6a6345e-0000-0000-0000-e52e330cfaec".to_owned(),
                name: "example-volume".to_owned(),
                kind: "highspeedstorage".to_owned(),
                size_gb: 200,
            }],
            terminate_takes_running: true,
            name_member: NameMember::InstanceName,
            refusal_status: None,
            has_type_list: true,
            has_balance: true,
            has_start: true,
            has_volumes: true,
        }
    }
}

impl Settings {
    /// Sets how many machines of a type there are; creates no type.
    pub fn set_capacity(&mut self, type_id: &str, capacity: u32) {
        if let Some(kind) = self.types.iter_mut().find(|kind| kind.id == type_id) {
            kind.capacity = capacity;
        }
    }

    /// Sets what a type costs an hour, in yuan; creates no type.
    pub fn set_price(&mut self, type_id: &str, price_per_hour: f64) {
        if let Some(kind) = self.types.iter_mut().find(|kind| kind.id == type_id) {
            kind.price_per_hour = price_per_hour;
        }
    }
}
