# shellcheck shell=bash
# etcd, on a Unix socket in DIR: no port to collide with, and nobody else on the machine can read it.

# Relative to DIR, where every part runs: the path of a Unix socket has a low limit. A plain name,
# because etcd takes no more than that for its peers.
etcd_url=unix://etcd.sock
etcd_peer_url=unix://etcd-peer.sock

prepare_etcd() {
	rm -f "$dir/etcd.sock" "$dir/etcd-peer.sock"
}

command_of_etcd() {
	command=(
		"$dir/bin/etcd"
		--name=default
		--data-dir="$dir/etcd"
		--listen-client-urls="$etcd_url"
		--advertise-client-urls="$etcd_url"
		--listen-peer-urls="$etcd_peer_url"
		--initial-advertise-peer-urls="$etcd_peer_url"
		--initial-cluster="default=$etcd_peer_url"
		# Nothing here has to survive a power cut.
		--unsafe-no-fsync
		--log-level=warn
	)
}

# Clients that connect to the socket are kept waiting until etcd serves, so this is enough.
is_ready_etcd() {
	[[ -S $dir/etcd.sock ]]
}
