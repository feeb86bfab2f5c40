# shellcheck shell=bash
# Uninstalled, which leaves machines and objects; installed again, which finds them; then everything is removed as the guide
# says.

step "helm uninstall"

left_of_release() {
	kubectl get all,roles,rolebindings,serviceaccounts,poddisruptionbudgets --namespace "$release" --output=name |
		grep -v '^serviceaccount/default$'
	kubectl get clusterroles,clusterrolebindings --output=name | grep "$release"
}

nothing_is_left_of_release() {
	equal "" "$(left_of_release)"
}

changes_before=$(changes)
known_before=$(known_of_all)
machines_before=$(alive)
# What is denied from here on is denied to Pods that are being ended, after their roles are gone.
must "all rights were used, no call was denied, up to here" rights_and_calls_agree
must "docs/install.md: helm uninstall" as_documented "Uninstall" "helm uninstall"
check "nothing is left of the release" eventually 60 nothing_is_left_of_release
check "the kinds stay" equal 3 "$(kubectl get crds --output=name | grep -c gpuinstance.dev)"
check "the objects stay as they were" equal "$known_before" "$(known_of_all)"
check "machines go on running" equal "$machines_before" "$(alive)"
check "nothing was stopped or deleted" equal "$changes_before" "$(changes)"

step "helm install, over what is there"

calls_count_from
must "docs/install.md: helm install --wait" as_documented "With Helm" "helm install"
check "two Pods run" eventually 20 two_pods_run
check "the one that leads has taken up all instances" eventually 60 knows_all_instances
check "specs, identities and statuses are the same" equal "$known_before" "$(known_of_all)"
check "nothing was rented, started, stopped or deleted" equal "$changes_before" "$(changes)"
check "the kind has $new_field" kind_has_new_field

step "removal of everything"

no_kinds_are_left() {
	equal "" "$(kubectl get crds --output=name | grep gpuinstance.dev)"
}

ever_before=$(machines)
must "docs/install.md: remove everything, line by line" as_documented "Uninstall" all
check "no machine is left at any cloud" equal 0 "$(alive)"
check "none was made meanwhile" equal "$ever_before" "$(machines)"
check "no kind is left" eventually 30 no_kinds_are_left
check "nothing is left of the release" eventually 60 nothing_is_left_of_release
check "nor its namespace" fails kubectl get namespace "$release"
check "credentials are free, connection Secrets gone" equal "" "$(kubectl get secrets --all-namespaces --output=json |
	jq -r '.items[] | select(any(.metadata.finalizers[]?; startswith("gpuinstance.dev")) or (.metadata.name | endswith("-connection"))) | .metadata.name')"
