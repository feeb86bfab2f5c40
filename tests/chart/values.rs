//! What values do.

use serde_json::{Value, json};

use super::helm::{Helm, objects, the};

fn container(objects: &[Value]) -> &Value {
    &the(objects, "Deployment")["spec"]["template"]["spec"]["containers"][0]
}

fn rendered(values: &Value) -> Vec<Value> {
    objects(&Helm::without_cluster().render(values).unwrap())
}

#[test]
fn values_that_are_none_are_refused_by_their_name() {
    let helm = Helm::without_cluster();
    for (values, named) in [
        (json!({ "watchNamespace": ["ml"] }), "watchNamespace"),
        (json!({ "replicas": "two" }), "replicas"),
        (json!({ "log": { "format": "xml" } }), "format"),
        (json!({ "image": { "digest": "sha256:abc" } }), "digest"),
        (json!({ "installationId": "far-too-long" }), "installationId"),
        (
            json!({ "allowedEndpoints": ["https://me:secret@gpu.example.com"] }),
            "allowedEndpoints",
        ),
        (json!({ "resources": { "limits": { "memory": "lots" } } }), "resources"),
        (json!({ "watchNamespaces": ["ml"] }), "installationId is required"),
        (
            json!({ "serviceAccount": { "create": false } }),
            "serviceAccount.name is required",
        ),
    ] {
        let refused = helm.render(&values).unwrap_err();
        assert!(refused.contains(named), "{values}: {refused}");
    }
}

#[test]
fn the_pod_is_started_as_the_values_say() {
    let plain = rendered(&json!({}));
    assert_eq!(
        container(&plain)["args"],
        json!(["run", "--concurrency=16", "--log-format=text"])
    );
    assert_eq!(container(&plain)["env"], Value::Null);
    let image = concat!("gpu-instance-operator:", env!("CARGO_PKG_VERSION"));
    assert_eq!(container(&plain)["image"], image);

    let digest = format!("sha256:{}", "0".repeat(64));
    let changed = rendered(&json!({
        "image": { "repository": "registry.example.com/gpu", "digest": digest },
        "watchNamespaces": ["ml", "dev"], "installationId": "prod1", "concurrency": 4,
        "allowedEndpoints": ["https://gpu.example.com", "http://twin.dev.svc:8080/xgc"],
        "log": { "format": "json", "filter": "debug" },
        "proxy": { "url": "http://proxy:3128", "except": [".example.com", "10.0.0.0/8"] },
        "caBundle": { "configMap": "company-ca" },
        "extraEnv": [{ "name": "TZ", "value": "Asia/Shanghai" }],
    }));
    let operator = container(&changed);
    assert_eq!(operator["image"], format!("registry.example.com/gpu@{digest}"));
    assert_eq!(
        operator["args"],
        json!([
            "run",
            "--concurrency=4",
            "--log-format=json",
            "--installation-id=prod1",
            "--namespace=ml",
            "--namespace=dev",
            "--allow-endpoint=https://gpu.example.com",
            "--allow-endpoint=http://twin.dev.svc:8080/xgc"
        ])
    );
    let environment: Vec<String> = operator["env"]
        .as_array()
        .unwrap()
        .iter()
        .map(|variable| {
            format!(
                "{}={}",
                variable["name"].as_str().unwrap(),
                variable["value"].as_str().unwrap()
            )
        })
        .collect();
    assert_eq!(
        environment,
        [
            "RUST_LOG=debug",
            "HTTPS_PROXY=http://proxy:3128",
            "HTTP_PROXY=http://proxy:3128",
            "NO_PROXY=.example.com,10.0.0.0/8",
            "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt",
            "SSL_CERT_DIR=/etc/gpu-instance-operator/ca",
            "TZ=Asia/Shanghai"
        ]
    );
}

/// Every argument that the chart can give is one that the program takes.
#[test]
fn the_program_takes_the_arguments() {
    use clap::Parser as _;
    let objects = rendered(&json!({
        "watchNamespaces": ["ml"], "installationId": "prod1", "log": { "format": "json" },
        "allowedEndpoints": ["http://twin.dev.svc:8080/xgc"],
    }));
    let arguments = container(&objects)["args"].as_array().unwrap().clone();
    let line = arguments.iter().map(|argument| argument.as_str().unwrap());
    gpu_instance_operator::cli::CommandLine::try_parse_from(std::iter::once("gpu-instance-operator").chain(line))
        .unwrap();
}

#[test]
fn with_some_namespaces_the_operator_gets_no_cluster_wide_right() {
    let values =
        json!({ "watchNamespaces": ["ml", "dev"], "installationId": "prod1", "userRoles": { "create": false } });
    let objects = rendered(&values);
    let places = |kind: &str| -> Vec<&str> {
        let of_kind = objects.iter().filter(|object| object["kind"] == kind);
        of_kind
            .map(|object| object["metadata"]["namespace"].as_str().unwrap())
            .collect()
    };
    assert!(places("ClusterRole").is_empty() && places("ClusterRoleBinding").is_empty());
    assert_eq!(places("Role"), ["ml", "dev", "gpu-system"]);
    assert_eq!(places("RoleBinding"), ["ml", "dev", "gpu-system"]);
}

#[test]
fn user_roles_are_made_and_added_only_where_asked() {
    let of = |values: &Value| -> Vec<(String, bool)> {
        let objects = rendered(values);
        let roles = objects.iter().filter(|object| object["kind"] == "ClusterRole");
        let roles = roles.filter(|role| role["metadata"]["name"] != "gpu-instance-operator");
        roles
            .map(|role| {
                let labels = role["metadata"]["labels"].as_object().unwrap();
                let added = labels.keys().any(|key| key.contains("aggregate-to-"));
                (role["metadata"]["name"].as_str().unwrap().to_owned(), added)
            })
            .collect()
    };
    let named = |name: &str, added| (format!("gpu-instance-operator-{name}"), added);
    assert_eq!(
        of(&json!({ "userRoles": { "edit": false } })),
        [named("view", true), named("edit", false), named("admin", true)]
    );
    assert_eq!(of(&json!({ "userRoles": { "create": false } })), []);
}

#[test]
fn what_is_switched_off_is_not_there() {
    let kinds = |values: &Value| -> Vec<String> {
        let objects = rendered(values);
        let kinds = objects.iter().map(|object| object["kind"].as_str().unwrap().to_owned());
        kinds.collect()
    };
    let off = kinds(&json!({
        "crds": { "install": false }, "podDisruptionBudget": { "enabled": false },
        "serviceAccount": { "create": false, "name": "mine" },
    }));
    for kind in [
        "CustomResourceDefinition",
        "PodDisruptionBudget",
        "ServiceAccount",
        "NetworkPolicy",
        "ServiceMonitor",
    ] {
        assert!(!off.iter().any(|made| made == kind), "{kind}");
    }
    let on = kinds(&json!({ "networkPolicy": { "enabled": true }, "serviceMonitor": { "enabled": true } }));
    for kind in [
        "CustomResourceDefinition",
        "PodDisruptionBudget",
        "ServiceAccount",
        "NetworkPolicy",
        "ServiceMonitor",
    ] {
        assert!(on.iter().any(|made| made == kind), "{kind}");
    }
}

#[test]
fn alerts_link_to_the_runbook_that_people_read() {
    let of = |values: &Value| -> Value {
        let objects = rendered(values);
        the(&objects, "PrometheusRule")["spec"]["groups"][0]["rules"][0]["annotations"]["runbook_url"].clone()
    };
    let there = of(&json!({ "prometheusRule": { "enabled": true, "runbookUrl": "https://docs.example.com/gpu" } }));
    assert_eq!(there, "https://docs.example.com/gpu#gpumachinecostsunwanted");
    let plain = of(&json!({ "prometheusRule": { "enabled": true } }));
    assert_eq!(plain, "docs/runbook.md#gpumachinecostsunwanted");
}

/// Both are written for others than Helm, and full of what Helm would take for its own.
#[test]
fn alerts_and_dashboard_are_rendered_as_they_are() {
    let read = |path: &str| std::fs::read_to_string(super::helm::chart().join(path)).unwrap();
    let objects = rendered(&json!({ "prometheusRule": { "enabled": true }, "dashboard": { "enabled": true } }));
    let rules: Value = serde_saphyr::from_str(&read("files/alerts.yaml")).unwrap();
    assert_eq!(the(&objects, "PrometheusRule")["spec"], rules);
    let dashboard = &the(&objects, "ConfigMap")["data"]["gpu-instance-operator.json"];
    let parse = |text: &str| -> Value { serde_json::from_str(text).unwrap() };
    assert_eq!(parse(dashboard.as_str().unwrap()), parse(&read("files/dashboard.json")));
}
