# shellcheck shell=bash
# What every other file here uses: messages, and whose process a pid is.

say() {
	printf 'controlplane: %s\n' "$*" >&2
}

die() {
	say "$@"
	exit 1
}

# Sets the caller's `dir` to the absolute form of DIR: processes are recognised by it.
absolute_dir() {
	[[ -n ${1:-} && $1 != -* ]] || die "which directory? See \`controlplane help\`."
	dir=$(realpath -m -- "$1")
}

# Tokens and keys are in there.
make_private_dir() {
	mkdir -p -- "$(dirname -- "$1")"
	[[ -d $1 ]] || mkdir -m 700 -- "$1"
}

# Whether process PID exists and works for this DIR; a pid alone may belong to somebody else by now.
is_ours() {
	local pid=$1 argument
	local -a arguments=()
	[[ -n $pid && -r /proc/$pid/cmdline ]] || return 1
	mapfile -d '' -t arguments 2>/dev/null <"/proc/$pid/cmdline" || return 1
	for argument in "${arguments[@]}"; do
		if [[ $argument == *"$dir" || $argument == *"$dir/"* ]]; then
			return 0
		fi
	done
	return 1
}

# Prints the pid of PART of this DIR if it is running.
running_pid() {
	local pid=
	[[ -r $dir/pids/$1 ]] || return 1
	read -r pid <"$dir/pids/$1" || return 1
	is_ours "$pid" && printf '%s\n' "$pid"
}
