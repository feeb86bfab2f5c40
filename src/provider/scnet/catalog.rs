//! What `SCNet` has: resource groups, the limits of their nodes, images. The form of some of these answers is not
//! documented, so an order is refused only for what was surely read; the rest is the cloud's to refuse.

use serde_json::Value;

use super::envelope::Answer;
use super::list;
use super::order;
use crate::api::cloud::ScnetAccelerator;
use crate::api::instance::GpuInstanceSpec;
use crate::provider::{Error, GpuModel, Kind, Result, loose};

/// The names of the resource groups with this kind of accelerator.
///
/// Known is only that they are grouped by the kind. Understood are names or objects with a name, in lists below the
/// kind, or in one list of objects that name their kind.
pub(super) fn resource_groups(data: &Value, kind: ScnetAccelerator) -> Vec<String> {
    let kind: &str = kind.into();
    let below = ["data", "list"].iter().find_map(|name| data.get(*name)).unwrap_or(data);
    match below {
        Value::Object(kinds) => kinds
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case(kind))
            .flat_map(|(_, groups)| groups.as_array().into_iter().flatten())
            .filter_map(group_name)
            .collect(),
        Value::Array(rows) => rows.iter().flat_map(|row| of_row(row, kind)).collect(),
        _ => Vec::new(),
    }
}

fn of_row(row: &Value, kind: &str) -> Vec<String> {
    let said = ["acceleratorType", "type"]
        .iter()
        .find_map(|name| loose::word(row, name));
    if said.is_some_and(|said| !said.eq_ignore_ascii_case(kind)) {
        return Vec::new();
    }
    let nested = ["resourceGroups", "resourceGroupList", "groups"]
        .iter()
        .find_map(|name| row.get(*name).and_then(Value::as_array));
    match nested {
        Some(groups) => groups.iter().filter_map(group_name).collect(),
        None => group_name(row).into_iter().collect(),
    }
}

fn group_name(group: &Value) -> Option<String> {
    if let Value::String(name) = group {
        return Some(name.clone());
    }
    ["resourceGroup", "resourceGroupName", "groupName", "name"]
        .iter()
        .find_map(|member| loose::word(group, member))
}

/// The group that a spec means, in the cloud's spelling; as the user wrote it where no group is like it.
pub(super) fn find_group(groups: &[String], said: &str) -> String {
    let said = said.trim();
    let letters = |text: &str| -> String {
        let plain = text.chars().filter(char::is_ascii_alphanumeric);
        plain.map(|c| c.to_ascii_uppercase()).collect()
    };
    let found = groups
        .iter()
        .find(|group| *group == said)
        .or_else(|| groups.iter().find(|group| letters(group) == letters(said)))
        .or_else(|| groups.iter().find(|group| GpuModel::new(group) == GpuModel::new(said)));
    found.map_or_else(|| said.to_owned(), Clone::clone)
}

/// Refuses a size that no node of the resource group has. What an answer does not say, or says as 0, is no limit.
pub(super) fn check_limits(answer: &Answer, spec: &GpuInstanceSpec, group: &str) -> Result<()> {
    let data = answer.data();
    let limit = |member: &str| loose::integer(data, member).filter(|limit| *limit > 0);
    let memory = i64::try_from(order::megabytes(spec)).unwrap_or(i64::MAX);
    let gpus = order::gpu_count(spec);
    let tasks = order::task_number(spec);
    let quota = match order::accelerator(spec) {
        ScnetAccelerator::Gpu => "nvLimits",
        ScnetAccelerator::Dcu => "dcuLimits",
        ScnetAccelerator::Mlu => "mluLimits",
        ScnetAccelerator::Cpu => "",
    };
    let gpus_in_all = gpus.saturating_mul(tasks);
    for (field, wanted, member, what) in [
        ("cpu", spec.cpu.unwrap_or_default(), "cpuNumber", "cores a node"),
        ("memory", memory, "memorySize", "MB of memory a node"),
        ("gpu.count", gpus, "gpuNumber", "accelerators a node"),
        ("gpu.count", gpus_in_all, quota, "accelerators for this account"),
    ] {
        if let Some(most) = limit(member).filter(|most| wanted > *most) {
            let why = format!("spec.{field} asks for {wanted}, and {group} has {most} {what} ({member})");
            return Err(answer.refusal(Kind::Invalid, &why));
        }
    }
    check_time(answer, spec, group)
}

fn check_time(answer: &Answer, spec: &GpuInstanceSpec, group: &str) -> Result<()> {
    let Some(said) = loose::word(answer.data(), "maxTime") else {
        return Ok(());
    };
    let Some(most) = order::seconds(&said).filter(|most| *most > 0) else {
        return Ok(());
    };
    let wanted = spec
        .scnet
        .as_ref()
        .and_then(order::timeout_limit)
        .unwrap_or("unlimited");
    if order::seconds(wanted).is_some_and(|wanted| wanted <= most) {
        return Ok(());
    }
    let why = format!("spec.scnet.timeoutLimit is {wanted}, and {group} lets a machine run for {said} (maxTime)");
    Err(answer.refusal(Kind::Invalid, &why))
}

/// An image of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Image {
    pub(super) path: String,
    pub(super) version: String,
}

/// One page of the list of images.
#[derive(Debug)]
pub(super) struct ImagePage {
    /// The image that was looked for.
    pub(super) found: Option<Image>,
    /// Rows on this page.
    pub(super) rows: usize,
    /// Rows on all pages, where that is said.
    pub(super) total: Option<usize>,
    /// The paths on this page.
    pub(super) paths: Vec<String>,
}

/// Looks through a page of the list of images for the one that a spec means; `None` where there is no list.
pub(super) fn images(answer: &Answer, said: &str) -> Option<ImagePage> {
    let (rows, total) = list::rows(answer.data())?;
    let read = |row: &Value| {
        let path = loose::word(row, "path")?;
        let version = loose::word(row, "version").unwrap_or_else(|| derived_version(&path));
        Some(Image { path, version })
    };
    let means = |row: &&Value| {
        ["path", "version", "id"]
            .iter()
            .any(|member| loose::word(row, member).as_deref() == Some(said))
    };
    let found = rows.iter().find(means).and_then(read);
    let paths = rows.iter().filter_map(|row| loose::word(row, "path")).collect();
    Some(ImagePage {
        found,
        rows: rows.len(),
        total,
        paths,
    })
}

/// `name:tag`, the last part of a path.
pub(super) fn derived_version(path: &str) -> String {
    path.rsplit('/').next().unwrap_or(path).to_owned()
}

/// An image that no list shows.
pub(super) fn no_image(said: &str, have: &[String]) -> Error {
    let have = if have.is_empty() {
        "none".to_owned()
    } else {
        have.iter().take(6).cloned().collect::<Vec<_>>().join(", ")
    };
    Error::new(
        Kind::Invalid,
        format!(
            "spec.image {said} is in neither list of images, public or private (there are: {have}, …); to order an image \
             that they do not show, set spec.scnet.imageVersion to its name:tag"
        ),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn resource_groups_are_found_in_every_form_that_is_likely() {
        for data in [
            json!({"gpu": ["TeslaM40", "A100"], "cpu": ["cpu1"]}),
            json!({"gpu": [{"resourceGroup": "TeslaM40"}, {"name": "A100"}], "dcu": []}),
            json!([{"acceleratorType": "gpu", "resourceGroup": "TeslaM40"}, {"acceleratorType": "gpu", "resourceGroup": "A100"}, {"acceleratorType": "cpu", "resourceGroup": "cpu1"}]),
            json!([{"acceleratorType": "gpu", "resourceGroups": ["TeslaM40", "A100"]}, {"acceleratorType": "cpu", "resourceGroups": ["cpu1"]}]),
            json!({"data": {"GPU": ["TeslaM40", "A100"]}}),
        ] {
            assert_eq!(
                resource_groups(&data, ScnetAccelerator::Gpu),
                ["TeslaM40", "A100"],
                "{data}"
            );
        }
        for data in [json!(null), json!("gpu"), json!({"gpu": "TeslaM40"}), json!([1])] {
            assert!(resource_groups(&data, ScnetAccelerator::Gpu).is_empty(), "{data}");
        }
    }

    #[test]
    fn a_group_is_found_in_any_spelling_and_passed_on_where_none_is_like_it() {
        let groups = ["TeslaM40".to_owned(), "A100-80G".to_owned()];
        for (said, expected) in [
            ("TeslaM40", "TeslaM40"),
            ("Tesla M40", "TeslaM40"),
            ("tesla-m40", "TeslaM40"),
            ("NVIDIA A100 80G", "A100-80G"),
            ("H100", "H100"),
        ] {
            assert_eq!(find_group(&groups, said), expected);
        }
    }

    #[test]
    fn a_version_is_the_end_of_a_path() {
        assert_eq!(
            derived_version("10.0.35.26:5000/gpu/admin/base/jupyter:4.4-py3.7-cpu"),
            "jupyter:4.4-py3.7-cpu"
        );
    }
}
