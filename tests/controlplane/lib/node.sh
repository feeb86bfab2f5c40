# shellcheck shell=bash
# What a node needs of the machine: programs, a network of its own, a cgroup; and work on it from outside.

# Debian's place, then that of most others.
cni_plugins=/usr/lib/cni
[[ -d $cni_plugins ]] || cni_plugins=/opt/cni/bin

# Says in one line what is missing.
check_node() {
	local tool missing=()
	for tool in containerd ctr runc ip unshare nsenter mount cc tar; do
		command -v "$tool" >/dev/null || missing+=("$tool")
	done
	for tool in bridge host-local; do
		[[ -x $cni_plugins/$tool ]] || missing+=("the CNI plugin $tool")
	done
	[[ $EUID -eq 0 ]] || missing+=("root's rights")
	if [[ ${#missing[@]} -eq 0 ]] && ! unshare --net --pid --mount --fork true 2>/dev/null; then
		missing+=("the right to make namespaces")
	fi
	[[ ${#missing[@]} -eq 0 ]] || die "no node can run here, missing: $(printf '%s, ' "${missing[@]}" | sed 's/, $//')"
}

add_node() {
	node=yes
	parts+=(kube-scheduler node)
	add_node_programs
}

# enter_own_network OPTION...: starts this process again in a network that nothing enters or leaves, once. It is gone with
# the last process in it. Its only addresses are its own, so port 443 of the services' first address is free.
enter_own_network() {
	[[ ${CONTROLPLANE_IN_OWN_NETWORK:-} != "$dir" ]] || return 0
	check_node
	# The path of a socket has a limit.
	[[ ${#dir} -lt 90 ]] || die "$dir is too long a path for a node's sockets"
	CONTROLPLANE_IN_OWN_NETWORK=$dir exec unshare --net -- "$BASH" "$here/controlplane" run "$@"
}

# The folders in which there are control groups: one with cgroups v2, one for each controller before.
cgroup_roots() {
	if [[ -e /sys/fs/cgroup/cgroup.controllers ]]; then
		echo /sys/fs/cgroup
	else
		find /sys/fs/cgroup -mindepth 1 -maxdepth 1 -type d
	fi
}

# The node's own, by DIR, so that what a killed run has left can be found.
cgroup_of_dir() {
	printf 'controlplane-%s' "$(printf '%s' "$dir" | sha256sum | cut -c1-12)"
}

make_cgroup() {
	local root controller
	cgroup=$(cgroup_of_dir)
	while read -r root; do
		mkdir -p "$root/$cgroup"
		# With v2, a group has the controllers that the one above it hands down.
		for controller in $(cat "$root/cgroup.controllers" 2>/dev/null); do
			echo "+$controller" 2>/dev/null >"$root/cgroup.subtree_control" || true
		done
	done < <(cgroup_roots)
}

# Processes in it may take a moment to end.
remove_cgroup() {
	local root try
	cgroup=$(cgroup_of_dir)
	for ((try = 0; try < 50; try++)); do
		while read -r root; do
			[[ ! -d $root/$cgroup ]] || find "$root/$cgroup" -depth -type d -exec rmdir {} + 2>/dev/null || true
		done < <(cgroup_roots)
		compgen -G "/sys/fs/cgroup/$cgroup" >/dev/null || compgen -G "/sys/fs/cgroup/*/$cgroup" >/dev/null || return 0
		sleep 0.1
	done
	say "cgroups named $cgroup could not be removed"
}

enter() {
	local dir pid
	absolute_dir "${1:-}"
	shift
	pid=$(running_pid supervisor) || die "no control plane runs in $dir"
	exec nsenter --net="/proc/$pid/ns/net" -- "$@"
}

load() {
	local dir
	absolute_dir "${1:-}"
	[[ -r ${2:-} ]] || die "which archive?"
	ctr --address="$dir/containerd.sock" --namespace=k8s.io images import "$2" >/dev/null
}
