//! What users get wrong, a row each: for the rules (checked without a cluster, and on a real API server) and for the
//! table in the docs.

/// The kind that a row is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Instance,
    Provider,
    ClusterProvider,
}

/// Who finds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FoundBy {
    /// A rule of the kind.
    Rule,
    /// The schema: types, patterns, bounds. Only an API server checks it.
    Schema,
}

/// A manifest that is refused.
pub struct Row {
    pub what: &'static str,
    pub kind: Kind,
    /// What is set in the spec of [`Kind::valid`], as YAML; `null` takes a field away.
    pub fragment: &'static str,
    /// The essential part of the message.
    pub says: &'static str,
    #[allow(dead_code, reason = "only the test without an API server picks by it")]
    pub found_by: FoundBy,
}

/// A change that is refused once a machine is claimed.
pub struct Change {
    pub what: &'static str,
    pub before: &'static str,
    pub after: &'static str,
    pub says: &'static str,
}

impl Kind {
    /// A spec that is accepted.
    pub fn valid(self) -> &'static str {
        match self {
            Self::Instance => "providerRef: { name: xgc }\ngpu: { model: RTX 4090, count: 1 }\nimage: pytorch",
            Self::Provider => "xgc: { credentialsSecretRef: { name: xgc-credentials } }",
            Self::ClusterProvider => {
                "xgc: { credentialsSecretRef: { name: xgc-credentials, namespace: gpu } }\nallowedNamespaces: { from: All }"
            }
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Instance => "GpuInstance",
            Self::Provider => "GpuProvider",
            Self::ClusterProvider => "ClusterGpuProvider",
        }
    }
}

const fn rule(what: &'static str, kind: Kind, fragment: &'static str, says: &'static str) -> Row {
    Row {
        what,
        kind,
        fragment,
        says,
        found_by: FoundBy::Rule,
    }
}

const fn schema(what: &'static str, kind: Kind, fragment: &'static str, says: &'static str) -> Row {
    Row {
        what,
        kind,
        fragment,
        says,
        found_by: FoundBy::Schema,
    }
}

use Kind::{ClusterProvider, Instance, Provider};

/// Every rule at least once; of the schema, what people are likely to write.
pub const ROWS: &[Row] = &[
    // Which account
    schema(
        "No provider",
        Instance,
        "providerRef: null",
        "spec.providerRef: Required value",
    ),
    schema(
        "A provider of another kind",
        Instance,
        "providerRef: { kind: Provider, name: xgc }",
        r#"spec.providerRef.kind: Unsupported value: "Provider": supported values: "GpuProvider", "ClusterGpuProvider""#,
    ),
    // What to rent
    rule(
        "A GPU without a model",
        Instance,
        "gpu: { count: 1 }",
        "gpu.model is needed where gpu.count is not 0",
    ),
    rule(
        "An empty model",
        Instance,
        r#"gpu: { model: "", count: 2 }"#,
        "gpu.model is needed where gpu.count is not 0",
    ),
    schema(
        "No number of GPUs",
        Instance,
        "gpu: { model: RTX 4090 }",
        "spec.gpu.count: Required value",
    ),
    schema(
        "A negative number of GPUs",
        Instance,
        "gpu: { model: RTX 4090, count: -1 }",
        "spec.gpu.count: Invalid value: -1: spec.gpu.count in body should be greater than or equal to 0",
    ),
    schema(
        "The GPU as one word",
        Instance,
        "gpu: RTX 4090",
        r#"spec.gpu: Invalid value: "string": spec.gpu in body must be of type object"#,
    ),
    schema(
        "Memory without a unit that Kubernetes knows",
        Instance,
        "memory: 32GB",
        r#"spec.memory: Invalid value: "32GB": spec.memory in body should match"#,
    ),
    rule(
        "An offer and a GPU",
        Instance,
        "offer: rtx-4090",
        "offer says what is rented and where: leave out gpu and region",
    ),
    rule(
        "An offer and a region",
        Instance,
        "gpu: null\noffer: rtx-4090\nregion: r-1",
        "offer says what is rented and where: leave out gpu and region",
    ),
    rule(
        "An offer for a machine that exists",
        Instance,
        "gpu: null\noffer: rtx-4090\ninstanceId: m-1",
        "instanceId adopts a machine that exists: leave out offer",
    ),
    rule(
        "Fields of two clouds",
        Instance,
        "xgc: {}\nluchen: {}",
        "at most one of xgc, luchen, scnet, capitalOnline and neolink may be set",
    ),
    schema(
        "A product of Capital Online without its network",
        Instance,
        "gpu: null\ncapitalOnline: { goodsId: 10001, computeId: c-1 }",
        "spec.capitalOnline.vpcId: Required value",
    ),
    schema(
        "A field that does not exist",
        Instance,
        "gpus: 1",
        r#"strict decoding error: unknown field "spec.gpus""#,
    ),
    // What it does
    schema(
        "A power state that YAML reads as a boolean",
        Instance,
        "power: on",
        r#"spec.power: Invalid value: "boolean": spec.power in body must be of type string"#,
    ),
    schema(
        "Another word for Running",
        Instance,
        "power: Started",
        r#"spec.power: Unsupported value: "Started": supported values: "Running", "Stopped""#,
    ),
    schema(
        "A time without a time zone",
        Instance,
        r#"restartedAt: "2026-01-01 12:00""#,
        "spec.restartedAt: Invalid value",
    ),
    rule(
        "Two startup scripts",
        Instance,
        "startupScript: echo\nstartupScriptFrom: { secretKeyRef: { name: script, key: sh } }",
        "startupScript and startupScriptFrom exclude each other",
    ),
    rule(
        "A startup script from nowhere",
        Instance,
        "startupScriptFrom: {}",
        "exactly one of secretKeyRef and configMapKeyRef must be set",
    ),
    rule(
        "A startup script from two places",
        Instance,
        "startupScriptFrom: { secretKeyRef: { name: a, key: sh }, configMapKeyRef: { name: a, key: sh } }",
        "exactly one of secretKeyRef and configMapKeyRef must be set",
    ),
    schema(
        "A port twice",
        Instance,
        "ports: [{ port: 8888, protocol: HTTP }, { port: 8888, protocol: HTTP }]",
        r#"spec.ports[1]: Duplicate value: {"port":8888,"protocol":"HTTP"}"#,
    ),
    schema(
        "A port that does not exist",
        Instance,
        "ports: [{ port: 70000, protocol: TCP }]",
        "spec.ports[0].port: Invalid value: 70000: spec.ports[0].port in body should be less than or equal to 65535",
    ),
    schema(
        "A protocol that no cloud publishes",
        Instance,
        "ports: [{ port: 53, protocol: UDP }]",
        r#"spec.ports[0].protocol: Unsupported value: "UDP": supported values: "SSH", "HTTP", "TCP""#,
    ),
    schema(
        "A mount path that is not absolute",
        Instance,
        "volumes: [{ mountPath: data }]",
        r#"spec.volumes[0].mountPath: Invalid value: "data": spec.volumes[0].mountPath in body should match"#,
    ),
    // What it may cost
    rule(
        "Prepaid without a period",
        Instance,
        "billing: { mode: Prepaid }",
        "billing.period goes with mode Prepaid, and Prepaid needs one",
    ),
    rule(
        "A period without Prepaid",
        Instance,
        "billing: { period: { unit: Week, count: 1 } }",
        "billing.period goes with mode Prepaid, and Prepaid needs one",
    ),
    rule(
        "Renewal of what is not prepaid",
        Instance,
        "billing: { mode: PayAsYouGo, autoRenew: true }",
        "billing.autoRenew goes with mode Prepaid",
    ),
    schema(
        "A period of no length",
        Instance,
        "billing: { mode: Prepaid, period: { unit: Month, count: 0 } }",
        "spec.billing.period.count: Invalid value: 0: spec.billing.period.count in body should be greater than or equal to 1",
    ),
    schema(
        "A price as a number",
        Instance,
        "maxPricePerHour: 2.5",
        r#"spec.maxPricePerHour: Invalid value: "number": spec.maxPricePerHour in body must be of type string"#,
    ),
    schema(
        "A price with a currency",
        Instance,
        "maxPricePerHour: 2.50 CNY",
        r#"spec.maxPricePerHour: Invalid value: "2.50 CNY": spec.maxPricePerHour in body should match"#,
    ),
    // An account
    rule(
        "An account at no cloud",
        Provider,
        "xgc: null",
        "exactly one of xgc, luchen, scnet, capitalOnline and neolink must be set",
    ),
    rule(
        "An account at two clouds",
        Provider,
        "luchen: { credentialsSecretRef: { name: luchen-credentials } }",
        "exactly one of xgc, luchen, scnet, capitalOnline and neolink must be set",
    ),
    schema(
        "No credentials",
        Provider,
        "xgc: {}",
        "spec.xgc.credentialsSecretRef: Required value",
    ),
    rule(
        "Credentials of another namespace",
        Provider,
        "xgc: { credentialsSecretRef: { name: xgc-credentials, namespace: other } }",
        "credentialsSecretRef.namespace is for ClusterGpuProvider: a GpuProvider reads Secrets of its own namespace",
    ),
    rule(
        "Too eager a poll",
        Provider,
        "pollInterval: 500ms",
        "pollInterval must be at least 1s",
    ),
    rule(
        "Too short a wait for certainty",
        Provider,
        "settleAfter: 1s",
        "settleAfter must be at least 5s",
    ),
    schema(
        "A duration without a unit",
        Provider,
        r#"pollInterval: "30""#,
        r#"spec.pollInterval: Invalid value: "30": spec.pollInterval in body should match"#,
    ),
    schema(
        "A negative limit",
        Provider,
        "limits: { instances: -1 }",
        "spec.limits.instances: Invalid value: -1: spec.limits.instances in body should be greater than or equal to 0",
    ),
    // A shared account
    rule(
        "A shared account at no cloud",
        ClusterProvider,
        "xgc: null",
        "exactly one of xgc, luchen, scnet, capitalOnline and neolink must be set",
    ),
    rule(
        "Too eager a poll of a shared account",
        ClusterProvider,
        "pollInterval: 0s",
        "pollInterval must be at least 1s",
    ),
    rule(
        "Too short a wait of a shared account",
        ClusterProvider,
        "settleAfter: 4s",
        "settleAfter must be at least 5s",
    ),
    rule(
        "Credentials of no namespace",
        ClusterProvider,
        "xgc: { credentialsSecretRef: { name: xgc-credentials } }",
        "credentialsSecretRef.namespace is needed in a ClusterGpuProvider",
    ),
    schema(
        "A shared account for nobody",
        ClusterProvider,
        "allowedNamespaces: null",
        "spec.allowedNamespaces: Required value",
    ),
    rule(
        "Namespaces that are not said",
        ClusterProvider,
        "allowedNamespaces: {}",
        "exactly one of from, names and selector must be set",
    ),
    rule(
        "Namespaces said in two ways",
        ClusterProvider,
        "allowedNamespaces: { from: All, names: [ml] }",
        "exactly one of from, names and selector must be set",
    ),
];

/// What cannot change once a machine is claimed.
pub const CHANGES: &[Change] = &[
    Change {
        what: "Another account for a machine that exists",
        before: "providerRef: { name: xgc }",
        after: "providerRef: { name: other }",
        says: "spec.providerRef cannot change once a machine is claimed: delete this object and create another",
    },
    Change {
        what: "A shared account of the same name",
        before: "providerRef: { name: xgc }",
        after: "providerRef: { kind: ClusterGpuProvider, name: xgc }",
        says: "spec.providerRef cannot change once a machine is claimed: delete this object and create another",
    },
    Change {
        what: "Another region for a machine that exists",
        before: "region: r-1",
        after: "region: r-2",
        says: "spec.region cannot change once a machine is claimed: delete this object and create another",
    },
    Change {
        what: "A region that is said later",
        before: "region: null",
        after: "region: r-1",
        says: "spec.region cannot change once a machine is claimed: delete this object and create another",
    },
    Change {
        what: "Adopting in the place of a machine that exists",
        before: "instanceId: null",
        after: "instanceId: m-2",
        says: "spec.instanceId cannot change once a machine is claimed: delete this object and create another",
    },
    Change {
        what: "Another connection Secret for a machine that exists",
        before: "connectionSecretName: null",
        after: "connectionSecretName: train-ssh",
        says: "spec.connectionSecretName cannot change once a machine is claimed: delete this object and create another",
    },
];
