#!/usr/bin/env bash
# The first process of a node, in namespaces of its own for processes and mounts. usage: node_init.sh DIR NAME ADDRESS
# When it ends, everything in them does.
set -euo pipefail

dir=$1 name=$2 address=$3

# What is in an image belongs to others than root, too.
umask 022

# What containerd, CNI and kubelet write to fixed paths goes to DIR, or nowhere.
mount -t tmpfs -o mode=755 tmpfs /run
for path in lib log; do
	mount -t overlay -o "lowerdir=/var/$path,upperdir=$dir/node/$path,workdir=$dir/node/$path-work" overlay "/var/$path"
done

rm -f "$dir/containerd.sock"
containerd --config="$dir/node/containerd.toml" >>"$dir/logs/containerd.log" 2>&1 &
until ctr --address="$dir/containerd.sock" version >/dev/null 2>&1; do
	kill -0 $! 2>/dev/null || { tail -n 15 "$dir/logs/containerd.log" >&2 && exit 1; }
	sleep 0.1
done
ctr --address="$dir/containerd.sock" --namespace=k8s.io images import "$dir/node/pause.tar" >/dev/null

"$dir/bin/kubelet" \
	--config="$dir/node/kubelet.yaml" \
	--kubeconfig="$dir/kube-apiserver/kubeconfig-kubelet" \
	--root-dir="$dir/node/kubelet" \
	--cert-dir="$dir/node/kubelet/pki" \
	--node-ip="$address" \
	--hostname-override="$name" >>"$dir/logs/kubelet.log" 2>&1 &

# Neither is of use without the other.
wait -n
printf 'containerd or kubelet has ended; their logs are in %s\n' "$dir/logs" >&2
exit 1
