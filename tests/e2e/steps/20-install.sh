# shellcheck shell=bash
# Installed as the guide says, in a namespace that enforces Pod Security `restricted`; the chart of the version before.

step "helm install, of the version before"

# A field that the kind of the version before lacks.
new_field=stopMode

# This chart as the version before, with that field taken out of the kind.
make_older_chart() {
	local chart=$E2E/older/charts/gpu-instance-operator
	mkdir -p "$E2E/older/charts"
	cp -r "$root/charts/gpu-instance-operator" "$chart"
	sed -i "s/^\(version\|appVersion\): .*/\1: $OLDER/" "$chart/Chart.yaml"
	kubectl create --dry-run=client --output=json --filename "$chart/files/crds/gpuinstances.yaml" |
		jq "del(.spec.versions[].schema.openAPIV3Schema.properties.spec.properties.$new_field)" |
		kubectl create --dry-run=client --output=yaml --filename - >"$E2E/older/crd.yaml"
	mv "$E2E/older/crd.yaml" "$chart/files/crds/gpuinstances.yaml"
}

kind_has_new_field() {
	kubectl get crd gpuinstances.gpuinstance.dev --output=json |
		jq -e ".spec.versions[].schema.openAPIV3Schema.properties.spec.properties | has(\"$new_field\")"
}

make_restricted() {
	kubectl create namespace "$1" >/dev/null
	kubectl label namespace "$1" pod-security.kubernetes.io/enforce=restricted >/dev/null
}

a_lax_pod_is_refused() {
	says 'violates PodSecurity "restricted' \
		"$(kubectl run lax --namespace "$release" --image="$IMAGE:$VERSION" --dry-run=server 2>&1)"
}

two_pods_run() {
	equal 2 "$(operator_pods | wc -l)"
}

make_restricted "$release"
kubectl create namespace ml >/dev/null
kubectl create namespace dev >/dev/null
must "the chart of the version before can be made from this one" make_older_chart
calls_count_from
must "docs/install.md: helm install --wait" as_documented "With Helm" "helm install" "$E2E/older"
check "the namespace would refuse a Pod that is not restricted" a_lax_pod_is_refused
check "two Pods run" eventually 20 two_pods_run
check "one of them holds the Lease" eventually 20 leader_is_one_of_the_pods
check "the kind lacks $new_field" fails kind_has_new_field
check "nothing was restarted" equal 0 "$(restarts)"
check "nothing is rented" equal 0 "$(machines)"
