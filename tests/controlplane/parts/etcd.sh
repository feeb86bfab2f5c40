# shellcheck shell=bash
# etcd, on a Unix socket in DIR: no port to collide with, and nobody else on the machine can read it.

# kube-apiserver and etcd agree on this address.
etcd_url() {
	printf 'unix://%s/etcd/client.sock\n' "$dir"
}

prepare_etcd() {
	mkdir -p "$dir/etcd"
	rm -f "$dir/etcd/client.sock" "$dir/etcd/peer.sock"
	# The kernel's limit for the path of a Unix socket.
	[[ $(printf %s "$dir/etcd/client.sock" | wc -c) -le 107 ]] ||
		die "the path $dir is too long for the sockets in it: use one of at most 90 bytes"
}

command_of_etcd() {
	command=(
		"$dir/bin/etcd"
		--name=default
		--data-dir="$dir/etcd/data"
		--listen-client-urls="$(etcd_url)"
		--advertise-client-urls="$(etcd_url)"
		--listen-peer-urls="unix://$dir/etcd/peer.sock"
		--initial-advertise-peer-urls="unix://$dir/etcd/peer.sock"
		--initial-cluster="default=unix://$dir/etcd/peer.sock"
		# Nothing here has to survive a power cut.
		--unsafe-no-fsync
		--log-level=warn
	)
}

# Clients that connect to the socket are kept waiting until etcd serves, so this is enough.
is_ready_etcd() {
	[[ -S $dir/etcd/client.sock ]]
}
