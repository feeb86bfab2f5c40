# shellcheck shell=bash
# kube-scheduler, where there is a node.

prepare_kube_scheduler() {
	:
}

command_of_kube_scheduler() {
	command=(
		"$dir/bin/kube-scheduler"
		--kubeconfig="$dir/kube-apiserver/kubeconfig-kube-scheduler"
		--leader-elect=false
		--secure-port=10259
		--bind-address=127.0.0.1
		--cert-dir="$dir/kube-scheduler"
	)
}

is_ready_kube_scheduler() {
	# No curl, so that nothing has to be installed; it listens once it schedules.
	(: <>/dev/tcp/127.0.0.1/10259)
}
