//! Whether the spec has moved away from what was ordered. Compared by digest, never by how a cloud words things.

use std::collections::BTreeMap;

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::api::instance::GpuInstanceSpec;
use crate::api::{Cloud, quantity};
use crate::provider::{Capabilities, Field, GpuModel, When};

const FIELDS: [Field; 9] = [
    Field::Gpu,
    Field::Cpu,
    Field::Memory,
    Field::Image,
    Field::Ports,
    Field::Volumes,
    Field::StartupScript,
    Field::Billing,
    Field::CloudBlock,
];

/// A digest for every field that describes the machine. What means the same has the same digest.
#[must_use]
pub fn digests(spec: &GpuInstanceSpec, script: Option<&str>, cloud: Cloud) -> BTreeMap<String, String> {
    FIELDS
        .into_iter()
        .map(|field| (field.name(cloud).to_owned(), digest_of(spec, script, cloud, field)))
        .collect()
}

fn digest_of(spec: &GpuInstanceSpec, script: Option<&str>, cloud: Cloud, field: Field) -> String {
    match field {
        Field::Gpu => {
            let gpu = spec.gpu.as_ref();
            digest(&gpu.map(|gpu| (gpu.count, gpu.model().map(|model| GpuModel::new(model).to_string()))))
        }
        Field::Cpu => digest(&spec.cpu),
        Field::Memory => digest(&quantity::bytes(spec.memory())),
        Field::Image => digest(&spec.image()),
        Field::Ports => digest(&spec.ports),
        Field::Volumes => {
            let volumes = spec.volumes.iter();
            digest(
                &volumes
                    .map(|v| (v.source(), &v.mount_path, quantity::bytes(v.size())))
                    .collect::<Vec<_>>(),
            )
        }
        Field::StartupScript => digest(&script),
        Field::Billing => digest(&spec.billing),
        Field::CloudBlock => match cloud {
            Cloud::Xgc => digest(&spec.xgc),
            Cloud::Luchen => digest(&spec.luchen),
            Cloud::Scnet => digest(&spec.scnet),
            Cloud::CapitalOnline => digest(&spec.capital_online),
            Cloud::Neolink => digest(&spec.neolink),
        },
    }
}

/// The first 16 hexadecimal digits of SHA-256 over the value as JSON: no secret can be guessed back from a script's.
fn digest(value: &impl Serialize) -> String {
    let json = serde_json::to_vec(value).unwrap_or_default();
    let digest = Sha256::digest(&json);
    let first: [u8; 8] = std::array::from_fn(|place| digest[place]);
    format!("{:016x}", u64::from_be_bytes(first))
}

/// Fields of the machine that the spec now has otherwise, and how each can be changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Drift {
    /// By a call while the machine runs.
    pub running: Vec<Field>,
    /// By a call while it is stopped.
    pub stopped: Vec<Field>,
    /// As part of starting it.
    pub at_start: Vec<Field>,
    /// Only by a new machine.
    pub never: Vec<Field>,
}

impl Drift {
    /// Whether nothing differs.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// All fields that differ.
    pub fn fields(&self) -> impl Iterator<Item = Field> {
        [&self.running, &self.stopped, &self.at_start, &self.never]
            .into_iter()
            .flatten()
            .copied()
    }
}

/// What differs between what was ordered and what the spec says now.
#[must_use]
pub fn compare(ordered: &BTreeMap<String, String>, now: &BTreeMap<String, String>, cloud: &Capabilities) -> Drift {
    let mut drift = Drift::default();
    for field in FIELDS {
        let name = field.name(cloud.cloud);
        let Some(before) = ordered.get(name) else { continue };
        if now.get(name) == Some(before) {
            continue;
        }
        match cloud.when(field) {
            Some(When::Free) => {}
            Some(When::Running) => drift.running.push(field),
            Some(When::Stopped) => drift.stopped.push(field),
            Some(When::AtStart) => drift.at_start.push(field),
            None => drift.never.push(field),
        }
    }
    drift
}

/// The names of fields, as a reader wants them: `spec.gpu, spec.image`.
#[must_use]
pub fn names(fields: impl IntoIterator<Item = Field>, cloud: Cloud) -> String {
    fields
        .into_iter()
        .map(|field| format!("spec.{}", field.name(cloud)))
        .collect::<Vec<_>>()
        .join(", ")
}
