# shellcheck shell=bash
# The node: containerd and kubelet, in namespaces of their own for processes and mounts. When the first process of those
# ends, however it does, the kernel ends all others, pods too, and undoes all mounts.

node_name=node-1
# The bridge that pods are connected to; its address is the machine's, as pods see it.
pod_network=10.88.0.0/24
pod_gateway=10.88.0.1
pause_image=localhost/pause:1

prepare_node() {
	remove_cgroup
	make_cgroup
	# What programs with fixed paths write to; see node_init.sh.
	rm -rf "$dir/node"
	mkdir -p "$dir/node"/{kubelet,cni,lib,lib-work,log,log-work}
	make_pod_network
	make_pause_archive
	write_containerd_config
	write_kubelet_config
}

make_pod_network() {
	ip link set lo up
	ip address replace "$service_address/32" dev lo
	ip link show dev cni0 >/dev/null 2>&1 || ip link add cni0 type bridge
	ip address replace "$pod_gateway/${pod_network#*/}" dev cni0
	ip link set cni0 up
	cat >"$dir/node/cni/10-pods.conflist" <<-CNI
		{
		  "cniVersion": "1.0.0",
		  "name": "pods",
		  "plugins": [{
		    "type": "bridge",
		    "bridge": "cni0",
		    "isGateway": true,
		    "ipam": {
		      "type": "host-local",
		      "ranges": [[{ "subnet": "$pod_network" }]],
		      "routes": [{ "dst": "0.0.0.0/0" }]
		    }
		  }]
		}
	CNI
}

# A container that does nothing holds the network of each pod. The image is made by hand: no registry is asked.
make_pause_archive() {
	local build=$dir/node/pause layer
	mkdir -p "$build/root"
	printf '#include <unistd.h>\nint main(void) { for (;;) pause(); }\n' |
		cc -static -O2 -s -x c -o "$build/root/pause" -
	tar --create --owner=0 --group=0 --directory="$build/root" --file="$build/layer.tar" pause
	layer=$(sha256sum "$build/layer.tar" | cut -c1-64)
	printf '{"architecture":"%s","os":"linux","config":{"Entrypoint":["/pause"]},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}\n' \
		"$(machine_architecture)" "$layer" >"$build/config.json"
	printf '[{"Config":"config.json","RepoTags":["%s"],"Layers":["layer.tar"]}]\n' "$pause_image" >"$build/manifest.json"
	tar --create --directory="$build" --file="$dir/node/pause.tar" manifest.json config.json layer.tar
}

# As images name it.
machine_architecture() {
	case $(uname -m) in
	x86_64) echo amd64 ;;
	aarch64) echo arm64 ;;
	*) uname -m ;;
	esac
}

write_containerd_config() {
	cat >"$dir/node/containerd.toml" <<-TOML
		version = 2
		root = "$dir/node/containerd"
		state = "/run/containerd"
		[grpc]
		  address = "$dir/containerd.sock"
		[plugins."io.containerd.grpc.v1.cri"]
		  sandbox_image = "$pause_image"
		  # Not everybody's root may lower a process' score.
		  restrict_oom_score_adj = true
		  [plugins."io.containerd.grpc.v1.cri".cni]
		    bin_dir = "$cni_plugins"
		    conf_dir = "$dir/node/cni"
	TOML
}

write_kubelet_config() {
	: >"$dir/node/resolv.conf"
	cat >"$dir/node/kubelet.yaml" <<-KUBELET
		apiVersion: kubelet.config.k8s.io/v1beta1
		kind: KubeletConfiguration
		containerRuntimeEndpoint: unix://$dir/containerd.sock
		# All that it makes is below one group, which is removed at the end.
		cgroupRoot: /$cgroup
		cgroupDriver: cgroupfs
		failCgroupV1: false
		enforceNodeAllocatable: []
		failSwapOn: false
		localStorageCapacityIsolation: false
		evictionHard: { memory.available: 1Mi }
		# Nobody but this network's own processes can reach it.
		authentication: { anonymous: { enabled: true }, webhook: { enabled: false } }
		authorization: { mode: AlwaysAllow }
		resolvConf: $dir/node/resolv.conf
		clusterDNS: [10.96.0.10]
		clusterDomain: cluster.local
		# A test waits for each of these.
		nodeStatusUpdateFrequency: 5s
		syncFrequency: 10s
	KUBELET
}

command_of_node() {
	command=(
		unshare --fork --pid --kill-child=KILL --mount --mount-proc --propagation private
		"$BASH" "$here/lib/node_init.sh" "$dir" "$node_name" "$service_address"
	)
}

is_ready_node() {
	kubectl wait --for=condition=Ready --timeout=1s "node/$node_name"
}
