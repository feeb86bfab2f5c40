# shellcheck shell=bash
# What `up`, `down` and the bench share: where things are, and processes that outlive the shell that started them.

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
dir=${DEMO_DIR:-$root/.demo}
log=$dir/log
plane=$dir/controlplane
# In the order of starting; the control plane comes before them.
processes=(cloudsim operator)

say() {
	printf '%s\n' "$*"
}

# A step, with the time since the start.
step() {
	printf '[%3d s] %s\n' "$SECONDS" "$*"
}

die() {
	printf 'demo: %s\n' "$*" >&2
	exit 1
}

# The path as the reader types it, from the folder of the repository.
short() {
	printf '%s' "${1#"$root/"}"
}

control_plane() {
	"$root/tests/controlplane/controlplane" "$@"
}

# When process PID was started, in the kernel's ticks: with it, a pid names one process for ever.
birth() {
	local stat
	{ stat=$(<"/proc/$1/stat"); } 2>/dev/null || return 1
	# The command's name, in parentheses, may hold spaces; what counts comes after it.
	read -r -a stat <<<"${stat##*) }"
	printf '%s' "${stat[19]}"
}

# Prints the pid of NAME if it is running.
pid_of() {
	local pid born
	read -r pid born 2>/dev/null <"$dir/pids/$1" || return 1
	[[ $(birth "$pid") == "$born" ]] && printf '%s\n' "$pid"
}

# launch NAME COMMAND...: in a session of its own, so that Ctrl-C reaches only the shell, which ends all in order.
launch() {
	local name=$1
	shift
	mkdir -p "$dir/pids"
	setsid "$@" </dev/null >"$log/$name.out" 2>"$log/$name.log" 9>&- &
	printf '%s %s\n' $! "$(birth $!)" >"$dir/pids/$name"
	disown
}

# Asks NAME to end, waits for five seconds, then kills it.
end() {
	local pid tenths
	if pid=$(pid_of "$1"); then
		kill -TERM "$pid" 2>/dev/null || true
		for ((tenths = 50; tenths > 0; tenths--)); do
			pid_of "$1" >/dev/null || break
			sleep 0.1
		done
		if pid_of "$1" >/dev/null; then
			kill -KILL "$pid" 2>/dev/null || true
		fi
	fi
	rm -f "$dir/pids/$1"
}

control_plane_runs() {
	local pid
	[[ -e $plane/ready ]] && read -r pid 2>/dev/null <"$plane/pids/supervisor" && [[ -d /proc/$pid ]]
}

# Prints what runs, one a line.
running() {
	local name
	control_plane_runs && say "control plane"
	for name in "${processes[@]}"; do
		pid_of "$name" >/dev/null && say "$name"
	done
	return 0
}

all_run() {
	[[ $(running | wc -l) -eq $((${#processes[@]} + 1)) ]]
}

stop_all() {
	local index
	for ((index = ${#processes[@]} - 1; index >= 0; index--)); do
		end "${processes[index]}"
	done
	[[ ! -d $plane ]] || control_plane down "$plane"
}

end_all() {
	stop_all
	# What the next start makes anew; the logs stay to be read.
	rm -rf "${dir:?}"/{controlplane,pids,bin,env}
}

build() {
	local tool
	for tool in cargo openssl setsid setpriv flock; do
		command -v "$tool" >/dev/null || die "$tool is missing: the demo needs Rust (rustup.rs), Go, openssl and util-linux"
	done
	step "building the operator and the simulator (minutes the first time)"
	cargo build --release --locked --package gpu-instance-operator --package cloudsim 9>&- ||
		die "the build failed: see above"
	step "building the control plane, if that was not done before (about 6 minutes, once)"
	control_plane build 9>&- || die "the control plane could not be built: see above"
}

# Where cargo has put what it built.
target_directory() {
	local metadata
	metadata=$(cargo metadata --format-version 1 --no-deps --locked)
	metadata=${metadata##*\"target_directory\":\"}
	printf '%s' "${metadata%%\"*}"
}

# await NAME SECONDS CONDITION: until it holds, while the process lives.
await() {
	local tenths
	for ((tenths = $2 * 10; tenths > 0; tenths--)); do
		if eval "$3" >/dev/null 2>&1; then
			return
		fi
		if ! pid_of "$1" >/dev/null; then
			tail -n 20 "$log/$1.log" >&2
			die "$1 has ended: its last words are above, its log is $(short "$log/$1.log")"
		fi
		sleep 0.1
	done
	die "$1 is not ready after $2 s: its log is $(short "$log/$1.log")"
}
