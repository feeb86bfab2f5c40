# shellcheck shell=bash
# kube-controller-manager with the controllers that make the API behave as in a cluster: owner
# references, deletion of namespaces, aggregated roles, service accounts.

prepare_kube_controller_manager() {
	:
}

command_of_kube_controller_manager() {
	orphan=
	local controllers=(
		clusterrole-aggregation-controller
		garbage-collector-controller
		namespace-controller
		serviceaccount-controller
		serviceaccount-token-controller
	)
	# Where Pods run, whatever makes and ends them.
	[[ $node == no ]] || controllers=('*')
	command=(
		"$dir/bin/kube-controller-manager"
		--kubeconfig="$dir/kube-apiserver/kubeconfig-kube-controller-manager"
		--controllers="$(IFS=,; printf %s "${controllers[*]}")"
		# As in a cluster, each controller has its own account: the audit log names it, RBAC binds it.
		--use-service-account-credentials
		--service-account-private-key-file="$(service_account_key)"
		--root-ca-file="$dir/kube-apiserver/certificates/apiserver.crt"
		--leader-elect=false
		--secure-port=0
		# The defaults protect big clusters; here they would only slow down discovery and deletion.
		--kube-api-qps=300
		--kube-api-burst=600
	)
}

# Ready is who has done its work: the account that every namespace gets, and an object removed whose
# owner does not exist. The garbage collector does that only once it watches all kinds that there are.
is_ready_kube_controller_manager() {
	local left
	kubectl get serviceaccount default --namespace=default || return 1
	if [[ -z $orphan ]]; then
		orphan=orphan-$RANDOM$RANDOM
		kubectl create --filename=- <<-ORPHAN
			apiVersion: v1
			kind: ConfigMap
			metadata:
			  name: $orphan
			  namespace: kube-system
			  ownerReferences:
			    - {apiVersion: v1, kind: ConfigMap, name: $orphan-owner, uid: $orphan-owner}
		ORPHAN
	fi
	left=$(kubectl get configmap "$orphan" --namespace=kube-system --ignore-not-found --output=name) &&
		[[ -z $left ]]
}
