//! What a real API server says to the manifests that users get wrong, and that it takes those that we ship.
//!
//! `UPDATE=1 cargo test --test bad_input` writes the table in the docs anew.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test ends where it finds something wrong"
)]

use std::path::PathBuf;

use controlplane::{ControlPlane, Options};
use gpu_instance_operator::api::crds;
use serde_json::{Value, json};

#[path = "bad_input/manifest.rs"]
mod manifest;
mod repository;
#[path = "bad_input/rows.rs"]
mod rows;

use manifest::manifest;
use repository::root;
use rows::{CHANGES, Kind, ROWS};

/// An API server with our kinds, and the namespace of the rows.
fn api_server() -> &'static ControlPlane {
    static NAMESPACE: std::sync::Once = std::sync::Once::new();
    let plane = ControlPlane::shared(&Options::new().crds(root().join("crds"))).unwrap();
    NAMESPACE.call_once(|| {
        for namespace in ["ml", "gpu-accounts"] {
            plane.kubectl(&["create", "namespace", namespace]).unwrap();
        }
    });
    plane
}

/// What kubectl says to a manifest that is applied in this way: as `Ok` if it was taken, warnings included.
fn apply(plane: &ControlPlane, way: &[&str], manifest: &str) -> Result<String, String> {
    plane.kubectl_with(&[&["apply", "--filename=-"], way].concat(), manifest)
}

/// What a user gets who applies this, without anything being changed.
fn try_to_apply(manifest: &str) -> Result<String, String> {
    apply(api_server(), &["--dry-run=server"], manifest)
}

fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn the_kinds_are_installed_without_a_word_of_complaint() {
    let plane = ControlPlane::start(&Options::new()).unwrap();
    let said = apply(&plane, &["--server-side"], &crds::yaml().unwrap()).unwrap();
    assert!(!said.contains("Warning"), "{said}");
    for crd in crds::all() {
        let name = format!("crd/{}", crd.metadata.name.unwrap());
        plane
            .kubectl(&["wait", "--for=condition=Established", &name, "--timeout=30s"])
            .unwrap();
        let seen = parse(&plane.kubectl(&["get", &name, "--output=json"]).unwrap());
        for condition in seen["status"]["conditions"].as_array().unwrap() {
            let good = matches!(condition["type"].as_str(), Some("Established" | "NamesAccepted"));
            assert!(good && condition["status"] == "True", "{name}: {condition}");
        }
    }
    let listed = plane
        .kubectl(&["api-resources", "--categories=gpu", "--output=name"])
        .unwrap();
    assert_eq!(listed.lines().count(), crds::all().len(), "{listed}");
}

#[test]
fn every_wrong_manifest_is_refused_with_a_message_that_helps() {
    for row in ROWS {
        let said = try_to_apply(&manifest(row.kind, "wrong", row.fragment));
        let refused = said.as_ref().is_err_and(|said| said.contains(row.says));
        assert!(
            refused,
            "{}: expected {:?}, but kubectl says {said:?}",
            row.what, row.says
        );
    }
}

#[test]
fn every_kind_is_taken_as_the_rows_begin_with_it() {
    for kind in [Kind::Instance, Kind::Provider, Kind::ClusterProvider] {
        let said = try_to_apply(&manifest(kind, "right", ""));
        assert!(said.is_ok(), "{}: {said:?}", kind.name());
    }
}

#[test]
fn null_counts_as_absent() {
    // The space keeps these lines: without it a fragment's `null` takes the field away.
    let fragment = "region: null \nxgc: null \nluchen: {}\nrestartedAt: null \nstartupScript: null ";
    let manifest = manifest(Kind::Instance, "nulls", fragment);
    assert!(manifest.contains("  xgc: null"), "{manifest}");
    let said = apply(api_server(), &["--server-side", "--dry-run=server"], &manifest);
    assert!(said.is_ok(), "{said:?}");
}

#[test]
fn what_names_a_machine_cannot_change_once_it_is_claimed() {
    let plane = api_server();
    let claim = json!({ "status": { "claim": {
        "name": "gi-1-2-1", "attempt": 1, "since": "2026-01-01T00:00:00Z", "deadline": "2026-01-01T00:01:00Z"
    }}});
    for (n, change) in CHANGES.iter().enumerate() {
        let name = format!("claimed-{n}");
        let after = manifest(Kind::Instance, &name, change.after);
        plane.apply(&manifest(Kind::Instance, &name, change.before)).unwrap();
        let free = apply(plane, &["--server-side", "--dry-run=server"], &after);
        assert!(free.is_ok(), "{} before the claim: {free:?}", change.what);

        let patch = format!("--patch={claim}");
        let arguments = [
            "patch",
            "gpuinstance",
            &name,
            "--namespace=ml",
            "--subresource=status",
            "--type=merge",
            &patch,
        ];
        plane.kubectl(&arguments).unwrap();
        let said = apply(plane, &["--server-side", "--dry-run=server"], &after);
        let refused = said.as_ref().is_err_and(|said| said.contains(change.says));
        assert!(
            refused,
            "{}: expected {:?}, but kubectl says {said:?}",
            change.what, change.says
        );
    }
}

#[test]
fn status_takes_words_that_this_version_does_not_know() {
    let plane = api_server();
    plane.apply(&manifest(Kind::Instance, "from-the-future", "")).unwrap();
    let patch = json!({ "status": { "state": "Hibernating" } });
    let patch = format!("--patch={patch}");
    let instance = ["gpuinstance", "from-the-future", "--namespace=ml"];
    let arguments = [
        &["patch", "--subresource=status", "--type=merge", &patch],
        &instance[..],
    ]
    .concat();
    plane.kubectl(&arguments).unwrap();
    let seen = parse(
        &plane
            .kubectl(&[&["get", "--output=json"], &instance[..]].concat())
            .unwrap(),
    );
    assert_eq!(seen["status"]["state"], "Hibernating");
    let read: gpu_instance_operator::api::GpuInstance = serde_json::from_value(seen).unwrap();
    let state = read.status.unwrap().state.unwrap();
    assert_eq!(state, gpu_instance_operator::api::InstanceState::Unknown);
}

/// The manifests of a folder, by their paths.
fn samples(folder: &str) -> Vec<(PathBuf, String)> {
    let files = std::fs::read_dir(root().join(folder)).unwrap();
    let paths = files.map(|file| file.unwrap().path());
    let manifests = paths.filter(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    manifests
        .map(|path| (path.clone(), std::fs::read_to_string(path).unwrap()))
        .collect()
}

#[test]
fn every_sample_is_taken() {
    let clouds = samples("deploy/samples");
    assert_eq!(clouds.len(), gpu_instance_operator::api::Cloud::ALL.len());
    for (path, text) in clouds.into_iter().chain(samples("deploy/samples/features")) {
        // A namespace that is only tried holds nothing: those of the samples are there before.
        let documents = text.split("---\n");
        let text: Vec<_> = documents.filter(|one| !one.contains("\nkind: Namespace\n")).collect();
        let text = text.join("---\n");
        for server_side in ["--server-side=true", "--server-side=false"] {
            let way = ["--dry-run=server", "--validate=strict", server_side];
            let said = apply(api_server(), &way, &text);
            assert!(
                said.as_ref().is_ok_and(|said| !said.contains("Warning")),
                "{}: {said:?}",
                path.display()
            );
        }
    }
}

#[test]
fn every_field_is_in_a_sample() {
    // What can be rented by name comes with a catalog of offers.
    const NOT_YET: [&str; 1] = ["offer"];
    let all: Vec<_> = [samples("deploy/samples"), samples("deploy/samples/features")].concat();
    for crd in crds::all() {
        let schema = crd.spec.versions[0].schema.as_ref().unwrap();
        let schema = serde_json::to_value(&schema.open_api_v3_schema).unwrap();
        let fields = schema["properties"]["spec"]["properties"].as_object().unwrap();
        for field in fields.keys().filter(|field| !NOT_YET.contains(&field.as_str())) {
            let key = format!("\n  {field}:");
            assert!(
                all.iter().any(|(_, text)| text.contains(&key)),
                "no sample shows spec.{field} of a {}",
                crd.spec.names.kind
            );
        }
    }
}

#[test]
fn the_docs_show_every_row() {
    let file = root().join("docs/bad-input.md");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&file, table()).unwrap();
    }
    let kept = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(kept == table(), "docs/bad-input.md is stale: run `make generate`");
}

const HEADER: &str = "\
# What you get for a wrong manifest

Generated by `make generate` from the rows that `tests/bad_input.rs` applies to a real API server; not to be edited.

Each fragment is a part of `spec`; `null` stands for a field that is left out. All of this is refused before anything is
rented. What only the cloud or the provider can know (a model that it does not have, a field that it cannot honour) is
told by the condition `Ready` instead.
";

fn table() -> String {
    let mut lines = vec![HEADER.to_owned()];
    for kind in [Kind::Instance, Kind::Provider, Kind::ClusterProvider] {
        let rows = ROWS.iter().filter(|row| row.kind == kind);
        lines.push(heading(kind.name(), "manifest"));
        lines.extend(rows.map(|row| line(row.what, row.fragment, row.says)));
    }
    lines.push(heading("A GpuInstance whose machine is claimed", "change"));
    lines.extend(CHANGES.iter().map(|change| {
        let fragment = format!("{}\n→ {}", change.before, change.after);
        line(change.what, &fragment, change.says)
    }));
    lines.join("\n") + "\n"
}

fn heading(title: &str, fragment: &str) -> String {
    format!("\n## {title}\n\n| what is wrong | {fragment} | what you get |\n|---|---|---|")
}

fn line(what: &str, fragment: &str, says: &str) -> String {
    let code = |text: &str| format!("`{}`", text.replace('|', "\\|"));
    let fragment: Vec<_> = fragment.lines().map(code).collect();
    format!("| {what} | {} | {} |", fragment.join("<br>"), code(says))
}
