//! A manifest for a machine that exists, with comments on what is to be completed.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::account::Found;
use crate::account::ProviderView;
use crate::api::InstanceState;
use crate::api::money;
use crate::api::provider::OrphanPolicy;
use crate::api::remote_name::Installation;
use crate::provider::{Capabilities, Machine, RegionUse};

/// What is said of an account before its machines.
pub(super) fn heading(found: &Found, provider: &ProviderView, installation: &Installation) -> String {
    let count = found.machines.len();
    let mut text = format!(
        "# {}: account {} at {} has {count} of installation {installation}'s machines.\n",
        provider.key,
        one_line(&found.account.id),
        found.account.cloud
    );
    if count == 0 {
        return text;
    }
    if !provider.allows_adoption() {
        let _ = writeln!(
            text,
            "# It does not let machines be adopted: set its spec.adoption to Allowed before you apply these, and back after."
        );
    }
    if provider.spec.orphans == OrphanPolicy::Delete {
        let _ = writeln!(
            text,
            "# Its spec.orphans is Delete: set it to Report until all of these are applied and Ready."
        );
    }
    let _ = writeln!(
        text,
        "# Run the operator with --installation-id={installation}: another installation may not adopt them."
    );
    text
}

/// The manifest of a machine.
pub(super) fn of(machine: &Machine, provider: &ProviderView, found: &Found) -> String {
    let mut text = format!("---\n# {}\n", one_line(&summary(machine)));
    if machine.state == InstanceState::Deleting {
        text.push_str("# It is being deleted: nothing to be done.\n");
        return text;
    }
    text.push_str("apiVersion: gpuinstance.dev/v1alpha1\nkind: GpuInstance\nmetadata:\n");
    let name = machine.name.as_deref().unwrap_or(&machine.id);
    line(
        &mut text,
        2,
        "name",
        &json!(name),
        "the name that it had, if you know it: its connection Secret is called <name>-connection",
    );
    match &provider.key.namespace {
        Some(namespace) => line(&mut text, 2, "namespace", &json!(namespace), ""),
        None => text.push_str("  # namespace: to be completed: one that the provider allows\n"),
    }
    text.push_str("spec:\n");
    let kind: &str = provider.key.kind.into();
    let reference = json!({ "kind": kind, "name": provider.key.name });
    line(&mut text, 2, "providerRef", &reference, "");
    line(
        &mut text,
        2,
        "instanceId",
        &json!(machine.id),
        "this machine is adopted; none is rented",
    );
    spec(&mut text, machine, found.capabilities);
    text
}

fn spec(text: &mut String, machine: &Machine, cloud: &Capabilities) {
    let (power, suspend) = power(machine.state);
    line(text, 2, "power", &json!(power), "as it is now");
    if suspend {
        let word = format!(
            "it is {} now: nothing is done until this line goes, with power as you want it",
            one_line(&machine.cloud_state)
        );
        line(text, 2, "suspend", &json!(true), &word);
    }
    region(text, machine, cloud);
    if let (true, Some(model), Some(count)) = (cloud.gpu_by_model, &machine.gpu_model, machine.gpu_count) {
        line(text, 2, "gpu", &json!({ "model": model, "count": count }), "");
    }
    match &machine.image {
        Some(image) => line(text, 2, "image", &json!(image), ""),
        None => {
            text.push_str(
                "  # image: the cloud does not tell; it is needed only to reinstall or replace the machine\n",
            );
        }
    }
    line(
        text,
        2,
        "deletionPolicy",
        &json!("Retain"),
        "what an adopted machine has; Delete is what one has that was rented for its object",
    );
    text.push_str(
        "  # To be completed from your own notes, before you apply it (later it counts as a change): ports, volumes,\n",
    );
    text.push_str("  # startupScript, billing, maxPricePerHour, labels.\n");
}

fn region(text: &mut String, machine: &Machine, cloud: &Capabilities) {
    match (cloud.region, &machine.region) {
        (RegionUse::None, _) | (RegionUse::Optional, None) => {}
        (_, Some(region)) => line(text, 2, "region", &json!(region), ""),
        (RegionUse::Required, None) => line(
            text,
            2,
            "region",
            &json!(""),
            "to be completed: the cloud does not tell where the machine is",
        ),
    }
}

/// The power that leaves the machine as it is, and whether only a human can say what is wanted.
fn power(state: InstanceState) -> (&'static str, bool) {
    match state {
        InstanceState::Running | InstanceState::Starting | InstanceState::Creating => ("Running", false),
        InstanceState::Stopped | InstanceState::Stopping => ("Stopped", false),
        _ => ("Running", true),
    }
}

fn summary(machine: &Machine) -> String {
    let mut text = format!("machine {}, {}", machine.id, machine.cloud_state);
    if let Some(price) = machine.price_per_hour {
        let _ = write!(
            text,
            ", {} {} an hour",
            money::format(price),
            machine.currency.unwrap_or_default()
        );
    }
    if let Some(made) = machine.created_at {
        let _ = write!(text, ", made {made:.0}");
    }
    text
}

/// A member and a comment. JSON is YAML, so that nothing a cloud says can be more than a value.
fn line(text: &mut String, indent: usize, key: &str, value: &Value, comment: &str) {
    let _ = write!(text, "{:indent$}{key}: {value}", "");
    if !comment.is_empty() {
        let _ = write!(text, "   # {comment}");
    }
    text.push('\n');
}

/// A vendor's words, fit for a comment.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::AccountKey;
    use crate::api::instance::ProviderKind;
    use crate::api::{Cloud, GpuInstance};
    use crate::provider::{capital_online, luchen, xgc};

    fn provider(kind: ProviderKind) -> ProviderView {
        let account = json!({ "xgc": { "credentialsSecretRef": { "name": "s", "namespace": "ops" } } });
        let object = |kind: &str| {
            json!({
                "apiVersion": "gpuinstance.dev/v1alpha1", "kind": kind, "metadata": { "name": "xgc", "namespace": "ml" },
            })
        };
        match kind {
            ProviderKind::GpuProvider => {
                let mut object = object("GpuProvider");
                object["spec"] = account;
                object["spec"]["orphans"] = "Delete".into();
                ProviderView::of_namespace(&serde_json::from_value(object).unwrap())
            }
            ProviderKind::ClusterGpuProvider => {
                let mut object = object("ClusterGpuProvider");
                object["metadata"].as_object_mut().unwrap().remove("namespace");
                object["spec"] = account;
                object["spec"]["allowedNamespaces"] = json!({ "from": "All" });
                ProviderView::of_cluster(&serde_json::from_value(object).unwrap())
            }
        }
    }

    fn found(capabilities: &'static Capabilities) -> Found {
        Found {
            account: AccountKey {
                cloud: Cloud::Xgc,
                endpoint: None,
                id: "u-1".into(),
            },
            capabilities,
            machines: Vec::new(),
            incomplete: None,
        }
    }

    fn machine(state: InstanceState) -> Machine {
        Machine {
            name: Some("gi-ours-9b1c7d2e4f60-1".into()),
            gpu_model: Some("RTX 4090".into()),
            gpu_count: Some(2),
            image: Some("a: b # \"c\"\n- d".into()),
            ..Machine::new("0123", state, "word\n- evil: true")
        }
    }

    fn read(yaml: &str) -> GpuInstance {
        serde_saphyr::from_str(yaml).unwrap_or_else(|error| panic!("{error}\n{yaml}"))
    }

    #[test]
    fn a_manifest_leaves_the_machine_as_it_is() {
        let team = provider(ProviderKind::GpuProvider);
        for (state, power, suspend) in [
            (InstanceState::Running, "Running", false),
            (InstanceState::Starting, "Running", false),
            (InstanceState::Stopped, "Stopped", false),
            (InstanceState::Stopping, "Stopped", false),
            (InstanceState::Frozen, "Running", true),
            (InstanceState::SavingImage, "Running", true),
            (InstanceState::Unknown, "Running", true),
        ] {
            let read = read(&of(&machine(state), &team, &found(xgc::Xgc::CAPABILITIES)));
            let spec = serde_json::to_value(&read.spec).unwrap();
            assert_eq!(
                (&spec["power"], read.spec.suspend),
                (&json!(power), suspend),
                "{state:?}"
            );
            assert_eq!(spec["instanceId"], "0123", "text, though it looks like a number");
            assert_eq!(spec["gpu"], json!({ "model": "RTX 4090", "count": 2 }));
            assert_eq!(spec["image"], "a: b # \"c\"\n- d", "whatever a cloud says is a value");
            assert_eq!(read.metadata.namespace.as_deref(), Some("ml"));
        }
        let going = of(&machine(InstanceState::Deleting), &team, &found(xgc::Xgc::CAPABILITIES));
        assert!(
            going.lines().all(|line| line.starts_with('#') || line == "---"),
            "{going}"
        );
    }

    #[test]
    fn what_a_cloud_refuses_or_needs_is_left_out_or_asked_for() {
        let team = provider(ProviderKind::GpuProvider);
        let goods = of(
            &machine(InstanceState::Running),
            &team,
            &found(capital_online::CapitalOnline::CAPABILITIES),
        );
        assert_eq!(read(&goods).spec.gpu, None, "{goods}");
        let nowhere = of(
            &machine(InstanceState::Running),
            &team,
            &found(luchen::Luchen::CAPABILITIES),
        );
        assert!(nowhere.contains("region: \"\"   # to be completed"), "{nowhere}");
        assert_eq!(read(&nowhere).spec.region(), None);
    }

    #[test]
    fn what_the_provider_must_allow_is_said() {
        let ours = Installation::new("ours").unwrap();
        let with = |kind| {
            let found = Found {
                machines: vec![machine(InstanceState::Running)],
                ..found(xgc::Xgc::CAPABILITIES)
            };
            let provider = provider(kind);
            let heading = heading(&found, &provider, &ours);
            assert!(heading.lines().all(|line| line.starts_with("# ")), "{heading}");
            (heading, of(&found.machines[0], &provider, &found))
        };
        let (heading, _) = with(ProviderKind::GpuProvider);
        assert!(
            heading.contains("orphans is Delete") && !heading.contains("spec.adoption"),
            "{heading}"
        );
        let (heading, manifest) = with(ProviderKind::ClusterGpuProvider);
        assert!(heading.contains("spec.adoption to Allowed"), "{heading}");
        assert!(manifest.contains("# namespace: to be completed"), "{manifest}");
        assert_eq!(read(&manifest).metadata.namespace, None);
    }
}
