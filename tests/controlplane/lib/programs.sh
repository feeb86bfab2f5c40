# shellcheck shell=bash
# Where the programs come from: KUBEBUILDER_ASSETS, else the cache, which is filled by
# setup-envtest where that can be had and by the Go compiler otherwise.

tools=$here/tools

programs=(etcd kube-apiserver kube-controller-manager kubectl)
# What a node needs besides; add_node_programs puts them among the others.
node_programs=(kube-scheduler kubelet)

add_node_programs() {
	programs+=("${node_programs[@]}")
}

package_of() {
	case $1 in
	etcd) echo go.etcd.io/etcd/server/v3 ;;
	*) echo "k8s.io/kubernetes/cmd/$1" ;;
	esac
}

# go.mod is the one place where the versions are written.
pinned_version() {
	awk -v module="$1" '$1 == module && $2 ~ /^v/ { print $2; exit }' "$tools/go.mod"
}

kubernetes_version=$(pinned_version k8s.io/kubernetes)
etcd_version=$(pinned_version go.etcd.io/etcd/server/v3)
kubernetes_minor=${kubernetes_version#v1.}
kubernetes_minor=${kubernetes_minor%%.*}

# Clients ask the server for its version, so it must have one.
version_package=k8s.io/component-base/version
build_flags=(
	-trimpath
	-buildvcs=false
	-mod=readonly
	"-ldflags=-s -w -X $version_package.gitVersion=$kubernetes_version -X $version_package.gitMajor=1 -X $version_package.gitMinor=$kubernetes_minor -X $version_package.gitTreeState=clean"
)

cache_root=${GPU_OPERATOR_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/gpu-instance-operator}/controlplane
cache_key=kubernetes-${kubernetes_version#v}-etcd-${etcd_version#v}-$(
	{
		cat "$tools/go.mod" "$tools/go.sum"
		printf '%s\n' "${build_flags[@]}"
		uname -sm
	} | sha256sum | cut -c1-12
)
cache=$cache_root/$cache_key

# Prints where PROGRAM is, or will be once it is built.
program_path() {
	local assets=${KUBEBUILDER_ASSETS:-}
	if [[ -n $assets && -x $assets/$1 ]]; then
		realpath -- "$assets/$1"
	else
		printf '%s\n' "$cache/$1"
	fi
}

missing_programs() {
	local program
	for program in "${programs[@]}"; do
		[[ -x $(program_path "$program") ]] || printf '%s\n' "$program"
	done
}

# Makes sure that all programs are there.
ensure_programs() {
	local missing
	mapfile -t missing < <(missing_programs)
	# In a subshell: its lock and its traps end with it.
	[[ ${#missing[@]} -eq 0 ]] || (build_missing)
}

build_missing() {
	local missing lock
	mkdir -p "$cache"
	exec {lock}>"$cache_root/$cache_key.lock"
	if ! flock --nonblock "$lock"; then
		say "another build of the same programs is under way; waiting for it"
		flock "$lock"
	fi
	mapfile -t missing < <(missing_programs)

	# On the same file system as the cache, so that the last step is one atomic rename.
	staging=$(mktemp -d "$cache_root/.building-XXXXXX")
	trap 'rm -rf "$staging"' EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM

	if [[ " ${missing[*]} " == *" kube-apiserver "* ]]; then
		fetch_prebuilt || true
		mapfile -t missing < <(missing_programs)
	fi
	build_all "${missing[@]}"
}

build_all() {
	[[ $# -gt 0 ]] || return 0
	command -v go >/dev/null || die "missing: $*. They are built with Go $(awk '$1 == "go" { print $2 }' "$tools/go.mod") or newer, which is not on the PATH: install it, or set KUBEBUILDER_ASSETS."
	[[ $# -lt 3 ]] || say "$# programs have to be built, once: about 6 minutes on 2 cores"
	local program number=0 version
	for program in "$@"; do
		number=$((number + 1))
		version=$kubernetes_version
		[[ $program != etcd ]] || version=$etcd_version
		say "building $program $version ($number of $#)"
		local started=$SECONDS
		if ! (
			cd "$tools"
			GOWORK=off CGO_ENABLED=0 nice go build "${build_flags[@]}" \
				-o "$staging/$program" "$(package_of "$program")"
		) >"$staging/log" 2>&1; then
			tail -n 20 "$staging/log" >&2
			die "building $program failed, see above"
		fi
		mv "$staging/$program" "$cache/$program"
		say "built $program in $((SECONDS - started)) s: $cache/$program"
	done
}

# Fetches etcd, kube-apiserver and kubectl of the same Kubernetes minor version, ready made. Where
# they can't be reached this fails within seconds, silently, and is not tried again for a day.
fetch_prebuilt() {
	local failed_before=$cache_root/prebuilt-unavailable
	[[ ${CONTROLPLANE_PREBUILT:-} != no ]] || return 1
	[[ -z $(find "$failed_before" -mmin -1440 2>/dev/null) ]] || return 1

	if fetch_prebuilt_now >"$staging/log" 2>&1; then
		say "fetched prebuilt etcd, kube-apiserver and kubectl 1.$kubernetes_minor; only kube-controller-manager is built"
		rm -f "$failed_before"
	else
		touch "$failed_before"
		return 1
	fi
}

# The steps are chained by hand: the caller tests the result, which turns `set -e` off in here.
fetch_prebuilt_now() {
	local setup=$staging/setup-envtest assets program
	command -v go &&
		(
			cd "$tools/setup-envtest" &&
				GOWORK=off CGO_ENABLED=0 timeout 60 go build -trimpath -buildvcs=false -mod=readonly \
					-o "$setup" sigs.k8s.io/controller-runtime/tools/setup-envtest
		) &&
		# The list is small: it tells in a short time whether the big download is worth a try.
		timeout --kill-after=1 8 "$setup" list --bin-dir "$staging/envtest" "1.$kubernetes_minor.x" |
		grep "1\.$kubernetes_minor\." &&
		assets=$(timeout --kill-after=1 120 "$setup" use --bin-dir "$staging/envtest" --print path \
			"1.$kubernetes_minor.x") &&
		"$assets/kube-apiserver" --version | grep "v1\.$kubernetes_minor\." || return 1
	for program in etcd kube-apiserver kubectl; do
		if [[ ! -x $cache/$program ]]; then
			chmod u+wx "$assets" "$assets/$program" && mv "$assets/$program" "$cache/$program" || return 1
		fi
	done
}
