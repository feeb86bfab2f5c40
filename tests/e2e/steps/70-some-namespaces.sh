# shellcheck shell=bash
# The same for some namespaces only: no ClusterRole, no ClusterGpuProvider, and all that is granted is used.

step "helm install, for some namespaces only"

for namespace in ml dev; do
	kubectl delete configmap --namespace "$namespace" scripts --ignore-not-found >/dev/null
done
make_restricted "$release"
calls_count_from
must "docs/install.md: helm install with watchNamespaces" as_documented "For some namespaces only" "helm install"
must "the Deployment is there" kubectl rollout status --namespace "$release" "deployment/$release" --timeout=120s
check "two Pods run" eventually 20 two_pods_run
check "no ClusterRole is bound to the operator" equal "" "$(kubectl get clusterrolebindings --output=json |
	jq -r --arg name "$release" '.items[] | select(any(.subjects[]?; .kind == "ServiceAccount" and .name == $name)) | .metadata.name')"

for namespace in ml dev; do
	apply_sample xgc "$namespace"
	must "$namespace: a sample is Ready" until_ready "$namespace" 90 xgc-1
	live "$namespace"
done
check "machines bear the installation's id" equal 2 "$(machines '.alive and (.name | startswith("gi-prod1-"))')"
check "two machines were made, no more" equal "$((ever_before + 2))" "$(machines)"

unseen() {
	equal "" "$(kubectl get gpuinstance --namespace elsewhere xgc-1 --output=jsonpath='{.status.state}{.status.conditions}{.metadata.finalizers}')"
}
kubectl create namespace elsewhere >/dev/null
apply_sample xgc elsewhere

step "leadership is taken over, for some namespaces only"
leading=$(leader)
must "the leader's process is killed, its Pod deleted" kill_pod "$leading"
check "another Pod takes over" eventually 40 another_leads
check "nothing doubled" equal "$((ever_before + 2))" "$(machines)"
check "what is elsewhere is not looked at" unseen
must "all rights were used, in each namespace; no call was denied" rights_and_calls_agree

step "removal of everything, for some namespaces only"
kubectl delete gpuinstances,gpuproviders --all --namespace elsewhere >/dev/null
must "docs/install.md: remove everything, line by line" as_documented "Uninstall" all
check "no machine is left at any cloud" equal 0 "$(alive)"
check "no kind is left" eventually 30 no_kinds_are_left
check "nothing is left of the release" eventually 60 nothing_is_left_of_release
check "nor its namespace" fails kubectl get namespace "$release"
