//! The manifests in the documents: a real API server takes each, and what a recipe lets a program do is what it needs.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test ends where it finds something wrong"
)]

use std::collections::BTreeSet;
use std::path::PathBuf;

use controlplane::{ControlPlane, Options};
use pulldown_cmark::{CodeBlockKind, Event, Parser, Tag, TagEnd};
use serde_json::Value;

mod repository;

use repository::{read, root};

/// Of kinds that the API server does not serve: for programs of other projects.
const OF_OTHERS: [&str; 4] = [
    "kustomize.config.k8s.io/",
    "toolkit.fluxcd.io/",
    "argoproj.io/",
    "monitoring.coreos.com/",
];

/// The manifests of a document: its code blocks in YAML that are whole objects, and what it pipes into kubectl.
fn manifests(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut block: Option<(String, String)> = None;
    for event in Parser::new(text) {
        match event {
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(language))) => {
                block = Some((language.into_string(), String::new()));
            }
            Event::Text(text) => {
                if let Some((_, code)) = &mut block {
                    code.push_str(&text);
                }
            }
            Event::End(TagEnd::CodeBlock) => match block.take() {
                Some((language, code)) if language == "yaml" && code.contains("apiVersion:") => found.push(code),
                Some((language, code)) if language == "sh" => {
                    let piped = code.split("<<'YAML'\n").skip(1);
                    found.extend(piped.filter_map(|rest| rest.split_once("\nYAML").map(|(yaml, _)| yaml.to_owned())));
                }
                _ => {}
            },
            _ => {}
        }
    }
    found.retain(|manifest| !OF_OTHERS.iter().any(|group| manifest.contains(group)));
    found
}

/// All documents that are for users.
fn documents() -> Vec<(PathBuf, String)> {
    let mut found = vec![root().join("README.md")];
    let mut folders = vec![root().join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                found.push(path);
            }
        }
    }
    let read = |path: PathBuf| (path.clone(), std::fs::read_to_string(path).unwrap());
    found.into_iter().map(read).collect()
}

fn objects(manifest: &str) -> Vec<Value> {
    let documents = manifest.split("---\n").filter(|text| !text.trim().is_empty());
    documents.map(|text| serde_saphyr::from_str(text).unwrap()).collect()
}

fn api_server() -> ControlPlane {
    let plane = ControlPlane::start(&Options::new().crds(root().join("crds"))).unwrap();
    plane.kubectl(&["create", "namespace", "ml"]).unwrap();
    plane
}

#[test]
fn every_manifest_of_the_documents_is_taken() {
    let plane = api_server();
    let all: Vec<_> = documents()
        .into_iter()
        .flat_map(|(path, text)| {
            manifests(&text)
                .into_iter()
                .map(move |manifest| (path.clone(), manifest))
        })
        .collect();
    let namespaces: BTreeSet<_> = all
        .iter()
        .flat_map(|(_, manifest)| objects(manifest))
        .filter_map(|object| object["metadata"]["namespace"].as_str().map(ToOwned::to_owned))
        .filter(|namespace| namespace != "ml")
        .collect();
    for namespace in &namespaces {
        plane.kubectl(&["create", "namespace", namespace]).unwrap();
    }
    // A manifest that names no namespace is for that of the reader.
    plane
        .kubectl(&["config", "set-context", "--current", "--namespace=ml"])
        .unwrap();
    for (path, manifest) in &all {
        let arguments = [
            "apply",
            "--server-side",
            "--dry-run=server",
            "--validate=strict",
            "--filename=-",
        ];
        let said = plane.kubectl_with(&arguments, manifest);
        let taken = said.as_ref().is_ok_and(|said| !said.contains("Warning"));
        assert!(taken, "{}: {said:?}\n{manifest}", path.display());
    }
    let recipes = all
        .iter()
        .filter(|(path, _)| path.to_string_lossy().contains("/recipes/"));
    assert!(recipes.count() >= 4, "the recipes have manifests");
}

/// A machine that nobody looks after.
fn machine(name: &str) -> String {
    format!(
        "{{ apiVersion: gpuinstance.dev/v1alpha1, kind: GpuInstance, metadata: {{ name: {name}, namespace: ml }}, \
         spec: {{ providerRef: {{ name: xgc }}, gpu: {{ model: RTX 4090, count: 1 }}, image: i, power: Running }} }}\n"
    )
}

fn power(plane: &ControlPlane, name: &str) -> String {
    let path = "--output=jsonpath={.spec.power}";
    plane
        .kubectl(&["get", "gpuinstance", name, "--namespace=ml", path])
        .unwrap()
}

/// The command that a `CronJob` of this name runs, as `kubectl` takes it.
fn command(objects: &[Value], name: &str) -> Vec<String> {
    let job = objects
        .iter()
        .find(|object| object["kind"] == "CronJob" && object["metadata"]["name"] == name)
        .unwrap();
    let pod = &job["spec"]["jobTemplate"]["spec"]["template"]["spec"];
    assert_eq!(pod["serviceAccountName"], "gpu-hours");
    let container = &pod["containers"][0];
    assert_eq!(container["command"], serde_json::json!(["kubectl"]));
    serde_json::from_value(container["args"].clone()).unwrap()
}

#[test]
fn the_night_job_can_stop_and_start_and_nothing_else() {
    let plane = api_server();
    let restricted = ["label", "namespace", "ml", "pod-security.kubernetes.io/warn=restricted"];
    plane.kubectl(&restricted).unwrap();
    let page = read("docs/recipes/stop-at-night.md");
    let manifest = manifests(&page).remove(0);
    let said = plane
        .kubectl_with(&["apply", "--validate=strict", "--filename=-"], &manifest)
        .unwrap();
    assert!(!said.contains("Warning"), "{said}");
    for name in ["train-1", "train-2", "train-3"] {
        plane.apply(&machine(name)).unwrap();
    }

    let job = |arguments: &[&str]| {
        let identity = ["--as=system:serviceaccount:ml:gpu-hours", "--namespace=ml"];
        plane.kubectl_with(&[&identity, arguments].concat(), "")
    };
    let objects = objects(&manifest);
    for (name, wanted) in [("gpu-stop", "Stopped"), ("gpu-start", "Running")] {
        let command = command(&objects, name);
        job(&command.iter().map(String::as_str).collect::<Vec<_>>()).unwrap();
        assert_eq!(power(&plane, "train-1"), wanted);
        assert_eq!(power(&plane, "train-2"), wanted);
        assert_eq!(power(&plane, "train-3"), "Running");
    }

    for refused in [
        &["patch", "gpuinstance", "train-3", "--type=merge", "--patch={}"][..],
        &["delete", "gpuinstance", "train-1"],
        &["get", "gpuinstances"],
        &["get", "secrets"],
        &["create", "configmap", "c"],
    ] {
        let said = job(refused).unwrap_err();
        assert!(said.contains("forbidden") || said.contains("Forbidden"), "{said}");
    }
}

#[test]
fn manifests_are_found() {
    let text = "```yaml\napiVersion: v1\n```\n1. x\n\n   ```sh\n   apply -f - <<'YAML'\n   kind: A\n   YAML\n   ```\n\
                ```yaml\nspec: {}\n```\n```yaml\napiVersion: argoproj.io/v1\n```\n";
    assert_eq!(manifests(text), ["apiVersion: v1\n", "kind: A"]);
}
