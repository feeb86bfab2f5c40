# shellcheck shell=bash
# A program from a pinned Go module, built once into the cache that the control plane's programs are in too.
#
# Sourced by the script of each program, which sets:
#   name       what the program is called, also in the cache
#   tools      the folder with its go.mod and go.sum
#   package    what is built
#   version    its version
#   takes      how long the first build takes, for whoever waits
#   more_flags more flags for the build; may be unset

build_flags=(-trimpath -buildvcs=false -mod=readonly "-ldflags=-s -w" "${more_flags[@]}")
root=${GPU_OPERATOR_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/gpu-instance-operator}/tools
key=$name-$version-$({
	find "$tools" -type f -print0 | LC_ALL=C sort --zero-terminated | xargs --null cat
	printf '%s\n' "${build_flags[@]}"
	uname -sm
} | sha256sum | cut -c1-12)
program=$root/$key/$name

say() {
	printf '%s: %s\n' "$name" "$*" >&2
}

# In a subshell: its lock and its trap end with it.
build() (
	mkdir -p "$root/$key"
	exec {lock}>"$root/$key.lock"
	flock "$lock"
	[[ ! -x $program ]] || return 0
	if ! command -v go >/dev/null; then
		say "it is built with Go $(awk '$1 == "go" { print $2 }' "$tools/go.mod") or newer, which is not on the PATH"
		return 1
	fi
	say "building version $version, once: $takes on 2 cores"
	log=$root/$key/log
	started=$SECONDS
	if ! (
		cd "$tools"
		GOWORK=off CGO_ENABLED=0 nice go build "${build_flags[@]}" -o "$program.new" "$package"
	) >"$log" 2>&1; then
		tail -n 20 "$log" >&2
		say "building it failed, see above"
		return 1
	fi
	rm -f "$log"
	# Whole or not at all, whatever ends this.
	mv "$program.new" "$program"
	say "built version $version in $((SECONDS - started)) s: $program"
)

# With `build` it is only built; anything else is a command for the program.
build_or_run() {
	[[ -x $program ]] || build
	if [[ ${1:-} != build ]]; then
		exec "$program" "$@"
	fi
}
