# shellcheck shell=bash
# Commands that work on a control plane which another process runs.

up() {
	local dir supervisor
	absolute_dir "${1:-}"
	shift
	if [[ -e $dir/ready ]] && running_pid supervisor >/dev/null; then
		return 0
	fi
	# Here, not in the background, so that its progress is seen.
	if [[ " $* " == *" --node "* ]]; then
		check_node
		add_node_programs
	fi
	ensure_programs
	make_private_dir "$dir"
	mkdir -p "$dir/logs"
	setsid "$BASH" "$here/controlplane" run "$dir" --detached "$@" \
		</dev/null >/dev/null 2>"$dir/logs/supervisor.log" &
	supervisor=$!
	trap 'kill "$supervisor" 2>/dev/null || true; exit 130' INT TERM
	# `ready` may be left over from a run that was killed, but then not with our pid.
	until [[ -e $dir/ready && $(running_pid supervisor) == "$supervisor" ]]; do
		if ! kill -0 "$supervisor" 2>/dev/null; then
			cat "$dir/logs/supervisor.log" >&2
			exit 1
		fi
		sleep 0.1
	done
}

down() {
	local dir pid tenths
	absolute_dir "${1:-}"
	if pid=$(running_pid supervisor); then
		kill -TERM "$pid" 2>/dev/null || true
		# Longer than it takes its parts the hard way.
		for ((tenths = 200; tenths > 0; tenths--)); do
			[[ -n $(running_pid supervisor) ]] || break
			sleep 0.1
		done
		kill -KILL "$pid" 2>/dev/null || true
	fi
	stop_leftovers
}

# Kills what a supervisor of this DIR has left behind, which takes a kernel without death signals.
stop_leftovers() {
	local index pid
	for ((index = ${#parts[@]} - 1; index >= 0; index--)); do
		if pid=$(running_pid "${parts[index]}"); then
			kill -KILL "$pid" 2>/dev/null || true
		fi
		rm -f "$dir/pids/${parts[index]}"
	done
	[[ ! -d $dir/node ]] || remove_cgroup
	rm -f "$dir/ready"
}

fault() {
	local dir id answer=
	absolute_dir "${1:-}"
	[[ -n ${2:-} ]] || die "which fault? See \`controlplane help\`."
	if [[ ! -e $dir/ready ]] || ! running_pid supervisor >/dev/null; then
		die "no control plane is ready in $dir"
	fi
	id=$$-$RANDOM
	printf '%s %s\n' "$id" "$2" >"$dir/control"
	until [[ -e $dir/answers/$id ]]; do
		running_pid supervisor >/dev/null || die "the control plane in $dir has stopped"
		sleep 0.05
	done
	read -r answer <"$dir/answers/$id"
	rm -f "$dir/answers/$id"
	[[ $answer == ok ]] || die "$answer"
}
