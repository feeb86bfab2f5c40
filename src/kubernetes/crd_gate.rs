//! The wait for our own kinds: whoever installs the operator before its CRDs gets an operator that waits and says so,
//! not one that crashes.

use std::time::Duration;

use kube::api::ListParams;
use kube::{Api, Client, Resource};
use serde::de::DeserializeOwned;
use tokio::time::sleep;

use super::deadline::{CallError, call};
use super::{Gate, Namespaces};
use crate::api::{ClusterGpuProvider, GpuInstance, GpuProvider};

/// How often the kinds are looked for.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Waits until the API server serves every kind that is needed for these namespaces, and then opens the gate. What is
/// missing is in the gate, and logged when it changes.
///
/// A kind is served when it can be listed. That needs no permission that the operator would not need anyway (reading
/// CRDs is cluster-wide), and finds a missing permission too.
pub async fn wait_for_kinds(client: &Client, namespaces: &Namespaces, gate: &Gate) {
    let mut said = None;
    loop {
        let missing = missing(client, namespaces).await;
        if missing.is_empty() {
            gate.open();
            return;
        }
        let missing = missing.join("; ");
        gate.close(&missing);
        if said.as_ref() != Some(&missing) {
            tracing::warn!(missing, "waiting for the API server");
            said = Some(missing);
        }
        sleep(LOOK_EVERY).await;
    }
}

/// What is missing, a sentence each.
async fn missing(client: &Client, namespaces: &Namespaces) -> Vec<String> {
    let instances = namespaces.apis::<GpuInstance>(client);
    let providers = namespaces.apis::<GpuProvider>(client);
    let mut missing = Vec::new();
    missing.extend(first_problem("gpuinstances", &instances).await);
    missing.extend(first_problem("gpuproviders", &providers).await);
    if namespaces.cluster_wide() {
        let shared = [Api::<ClusterGpuProvider>::all(client.clone())];
        missing.extend(first_problem("clustergpuproviders", &shared).await);
    }
    missing
}

/// What is wrong with a kind: one sentence, even if it is wrong in many namespaces.
async fn first_problem<K>(plural: &str, apis: &[Api<K>]) -> Option<String>
where
    K: Resource + Clone + DeserializeOwned + std::fmt::Debug,
{
    for api in apis {
        // Only the answer's metadata matters: an object that this version cannot read is no reason to wait.
        if let Err(error) = call(api.list_metadata(&ListParams::default().limit(1))).await {
            return Some(sentence(plural, api.namespace(), &error));
        }
    }
    None
}

fn sentence(plural: &str, namespace: Option<&str>, error: &CallError) -> String {
    let kind = format!("{plural}.{}", crate::api::GROUP);
    if error.is_not_found() {
        format!(
            "the CRD {kind} is not installed; `gpu-instance-operator crds | kubectl apply --server-side -f -` does it"
        )
    } else if error.is_forbidden() {
        let place = namespace.map_or_else(|| "all namespaces".to_owned(), |name| format!("namespace {name}"));
        format!("the operator's role does not let it list {kind} in {place}")
    } else {
        format!("{kind} cannot be listed: {error}")
    }
}

#[cfg(test)]
mod tests {
    use super::super::Readiness;
    use super::*;
    use axum::Router;
    use axum::extract::{Request, State};
    use axum::http::StatusCode;
    use axum::response::{IntoResponse, Response};
    use serde_json::json;
    use std::collections::BTreeMap;
    use std::sync::{Arc, Mutex};

    /// What an API server answers for each path; 404 where nothing is said.
    type Answers = Arc<Mutex<BTreeMap<String, StatusCode>>>;

    async fn answer(State(answers): State<Answers>, request: Request) -> Response {
        let code = answers.lock().unwrap().get(request.uri().path()).copied();
        match code {
            Some(StatusCode::OK) => axum::Json(json!({
                "apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadataList", "metadata": {}, "items": []
            }))
            .into_response(),
            Some(code) => code.into_response(),
            None => (StatusCode::NOT_FOUND, "404 page not found\n").into_response(),
        }
    }

    fn api_server(answers: &Answers) -> Client {
        Client::new(
            Router::new().fallback(answer).with_state(Arc::clone(answers)),
            "default",
        )
    }

    fn serve(answers: &Answers, path: &str, code: StatusCode) {
        let path = format!("/apis/gpuinstance.dev/v1alpha1/{path}");
        answers.lock().unwrap().insert(path, code);
    }

    #[tokio::test(start_paused = true)]
    async fn it_waits_until_all_three_kinds_are_served() {
        let (answers, readiness) = (Answers::default(), Readiness::default());
        let gate = readiness.gate("kinds", "the first look");
        serve(&answers, "gpuinstances", StatusCode::OK);
        let client = api_server(&answers);
        let waiting = tokio::spawn(async move { wait_for_kinds(&client, &Namespaces::All, &gate).await });

        sleep(LOOK_EVERY * 3).await;
        let missing = readiness.missing().join(" ");
        assert!(
            missing.contains("gpuproviders.gpuinstance.dev is not installed"),
            "{missing}"
        );
        assert!(
            missing.contains("clustergpuproviders.gpuinstance.dev is not installed"),
            "{missing}"
        );
        assert!(!missing.contains("gpuinstances"), "{missing}");

        serve(&answers, "gpuproviders", StatusCode::OK);
        serve(&answers, "clustergpuproviders", StatusCode::OK);
        waiting.await.unwrap();
        assert!(readiness.missing().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn without_the_whole_cluster_only_its_namespaces_are_asked() {
        let answers = Answers::default();
        for namespace in ["dev", "ml"] {
            serve(
                &answers,
                &format!("namespaces/{namespace}/gpuinstances"),
                StatusCode::OK,
            );
            serve(
                &answers,
                &format!("namespaces/{namespace}/gpuproviders"),
                StatusCode::OK,
            );
        }
        let client = api_server(&answers);
        let namespaces = Namespaces::new(vec!["ml".into(), "dev".into()]);
        assert_eq!(missing(&client, &namespaces).await, [""; 0]);

        serve(&answers, "namespaces/ml/gpuproviders", StatusCode::FORBIDDEN);
        assert_eq!(
            missing(&client, &namespaces).await,
            ["the operator's role does not let it list gpuproviders.gpuinstance.dev in namespace ml"]
        );
    }
}
