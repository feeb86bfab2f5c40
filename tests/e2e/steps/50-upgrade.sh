# shellcheck shell=bash
# Upgraded and rolled back while machines run: nothing is rented, restarted or stopped, and no status says otherwise.

step "helm upgrade, machines running"

before_change() {
	changes_before=$(changes)
	known_before=$(known_of_all)
	watch_status
}

# undisturbed VERSION: what is so when only the operator was replaced.
undisturbed() {
	must "the Deployment has rolled" kubectl rollout status --namespace "$release" "deployment/$release" --timeout=120s
	check "all Pods run $1" eventually 60 pods_run_version "$1"
	check "one of them leads" eventually 40 leader_is_one_of_the_pods
	check "it has taken up all instances" eventually 60 knows_all_instances
	# Long enough for it to look at every account twice.
	sleep 5
	stop_watching
	check "nothing was rented, started, stopped or deleted" equal "$changes_before" "$(changes)"
	check "no status had a gap" always_ready
	check "specs, identities and statuses are the same" equal "$known_before" "$(known_of_all)"
}

pods_run_version() {
	equal "$IMAGE:$1" "$(kubectl get pods --namespace "$release" --output=json |
		jq -r '[.items[].spec.containers[].image] | unique | join(" ")')"
}

knows_all_instances() {
	equal "$(instances)" "$(metric "$(leader)" gpu_instance_operator_instances)"
}

# Whether the API server would keep the field.
new_field_is_kept() {
	kubectl patch gpuinstance --namespace ml xgc-1 --dry-run=server --type=merge --output=json \
		--patch "{\"spec\":{\"$new_field\":\"KeepGpu\"}}" | jq -e ".spec.$new_field == \"KeepGpu\""
}

check "the kind of the version before drops $new_field" fails new_field_is_kept
before_change
must "docs/install.md: helm upgrade" as_documented "Upgrade and roll back" "helm upgrade"
undisturbed "$VERSION"
check "the kind is upgraded: it keeps $new_field" eventually 20 new_field_is_kept

step "helm rollback, machines running"
before_change
must "docs/install.md: helm rollback" as_documented "Upgrade and roll back" "helm rollback"
undisturbed "$OLDER"
check "the kind is rolled back, too" eventually 20 fails new_field_is_kept
