# shellcheck shell=bash
# kube-apiserver with RBAC, real service account tokens and static tokens for the users of a run.

# The first address of the services' range, which is that of the `kubernetes` service.
service_address=10.96.0.1
# Where the server listens.
apiserver_host=127.0.0.1

service_account_key() {
	printf '%s/kube-apiserver/service-account.key\n' "$dir"
}

# Sets `apiserver_port` to a port on which nobody listens, and which the kernel does not hand out to
# connections, so that it is still free after a restart of the server. The lock, held as long as the
# supervisor lives, keeps other control planes away from it.
reserve_port() {
	local reservations=${TMPDIR:-/tmp}/controlplane-ports-$UID try
	make_private_dir "$reservations"
	for ((try = 0; try < 100; try++)); do
		apiserver_port=$((20000 + RANDOM % 10000))
		exec {port_lock}>"$reservations/$apiserver_port"
		if flock --nonblock "$port_lock" && ! (: <>"/dev/tcp/127.0.0.1/$apiserver_port") 2>/dev/null; then
			return
		fi
		exec {port_lock}>&-
	done
	die "no free port between 20000 and 30000 on 127.0.0.1"
}

prepare_kube_apiserver() {
	mkdir -p "$dir/kube-apiserver/certificates"
	if [[ ! -s $(service_account_key) ]]; then
		openssl ecparam -name prime256v1 -genkey -noout -out "$(service_account_key)"
	fi
	cat >"$dir/kube-apiserver/audit-policy.yaml" <<-'POLICY'
		apiVersion: audit.k8s.io/v1
		kind: Policy
		# A watch is seen twice: when it starts and when it ends. Every other call is seen once.
		omitStages: [RequestReceived]
		rules:
		  - level: Metadata
	POLICY
	if [[ $node == yes ]]; then
		apiserver_host=$service_address apiserver_port=443
		# Nobody else is in this network, so nothing is to be locked.
		exec {port_lock}</dev/null
	else
		reserve_port
	fi

	: >"$dir/kube-apiserver/tokens.csv"
	add_user admin system:masters
	add_user system:kube-controller-manager ''
	if [[ $node == yes ]]; then
		add_user system:kube-scheduler ''
		add_user "system:node:$node_name" system:nodes
	fi
	local user
	for user in ${users[@]+"${users[@]}"}; do
		if [[ $user == *:* ]]; then
			add_user "${user%%:*}" "${user#*:}"
		else
			add_user "$user" ''
		fi
	done
}

# add_user NAME GROUP,GROUP...
add_user() {
	printf '%s,%s,%s,"%s"\n' "$(openssl rand -hex 24)" "$1" "$1" "$2" >>"$dir/kube-apiserver/tokens.csv"
}

# write_kubeconfig USER FILE, once kube-apiserver has made its certificate
write_kubeconfig() {
	local token authority
	token=$(awk -F, -v user="$1" '$2 == user { print $1 }' "$dir/kube-apiserver/tokens.csv")
	authority=$(base64 --wrap=0 <"$dir/kube-apiserver/certificates/apiserver.crt")
	# Others may read the file at any time, so it is never half written.
	cat >"$2.new" <<-KUBECONFIG
		apiVersion: v1
		kind: Config
		clusters:
		  - name: controlplane
		    cluster:
		      server: https://$apiserver_host:$apiserver_port
		      certificate-authority-data: $authority
		users:
		  - name: $1
		    user:
		      token: $token
		contexts:
		  - name: controlplane
		    context:
		      cluster: controlplane
		      user: $1
		current-context: controlplane
	KUBECONFIG
	mv "$2.new" "$2"
}

command_of_kube_apiserver() {
	command=(
		"$dir/bin/kube-apiserver"
		--etcd-servers="$etcd_url"
		--bind-address="$apiserver_host"
		--secure-port="$apiserver_port"
		# The `kubernetes` service has no endpoints: pods, if there are any, find the server itself at its address.
		--advertise-address="$service_address"
		--endpoint-reconciler-type=none
		--service-cluster-ip-range=10.96.0.0/24
		--cert-dir="$dir/kube-apiserver/certificates"
		--token-auth-file="$dir/kube-apiserver/tokens.csv"
		--authorization-mode=Node,RBAC
		--kubelet-preferred-address-types=InternalIP
		--service-account-issuer=https://kubernetes.default.svc
		--service-account-key-file="$(service_account_key)"
		--service-account-signing-key-file="$(service_account_key)"
	)
	if [[ $audit == yes ]]; then
		command+=(
			--audit-policy-file="$dir/kube-apiserver/audit-policy.yaml"
			--audit-log-path="$dir/audit.log"
			# In megabytes. A rotated log would lose calls to who reads it.
			--audit-log-maxsize=4000
		)
	fi
}

is_ready_kube_apiserver() {
	if [[ ! -e $dir/kubeconfig ]]; then
		[[ -s $dir/kube-apiserver/certificates/apiserver.crt && -s $dir/kube-apiserver/certificates/apiserver.key ]] || return 1
		write_kubeconfig system:kube-controller-manager "$dir/kube-apiserver/kubeconfig-kube-controller-manager"
		if [[ $node == yes ]]; then
			write_kubeconfig system:kube-scheduler "$dir/kube-apiserver/kubeconfig-kube-scheduler"
			write_kubeconfig "system:node:$node_name" "$dir/kube-apiserver/kubeconfig-kubelet"
		fi
		local user
		for user in ${users[@]+"${users[@]}"}; do
			write_kubeconfig "${user%%:*}" "$dir/kubeconfig-${user%%:*}"
		done
		write_kubeconfig admin "$dir/kubeconfig"
	fi
	kubectl get --raw /readyz
}
