# shellcheck shell=bash
# The process in the foreground that owns all others: starts them in order, watches them, does what
# `fault` asks for, and stops them in order when nobody wants them any more.

# Start order; stopped in reverse. kube-apiserver hangs for minutes when etcd goes first.
parts=(etcd kube-apiserver kube-controller-manager)

start_timeout=${CONTROLPLANE_START_TIMEOUT:-60}

declare -A pid_of=()
users=()
crds=()
audit=no
node=no
ephemeral=no
detached=no
stop_wanted=no
etcd_paused=no

run() {
	local dir argument
	local -a given=("$@")
	absolute_dir "${1:-}"
	if [[ $1 != "$dir" ]]; then
		# Others recognise this process by the absolute path in its arguments.
		exec "$BASH" "$here/controlplane" run "$dir" "${given[@]:1}"
	fi
	shift
	while [[ $# -gt 0 ]]; do
		argument=$1
		shift
		case $argument in
		--audit) audit=yes ;;
		--node) add_node ;;
		--ephemeral) ephemeral=yes ;;
		--detached) detached=yes ;;
		--user | --crds)
			[[ -n ${1:-} ]] || die "$argument needs a value"
			case $argument in
			--user) add_user_option "$1" ;;
			--crds) crds+=("$(realpath -e -- "$1")") || die "--crds $1: there is no such file" ;;
			esac
			shift
			;;
		*) die "unknown option $argument; see \`controlplane help\`" ;;
		esac
	done

	[[ $node == no ]] || enter_own_network "${given[@]}"
	umask 077
	claim_dir
	trap 'stop_wanted=yes' TERM INT HUP
	trap '' PIPE
	trap finish EXIT
	ensure_programs
	start_all
	printf 'ready\n' || true
	serve
}

add_user_option() {
	[[ $1 =~ ^[A-Za-z0-9._@-]+(:[^\"]*)?$ ]] || die "--user $1: expected NAME[:GROUP,GROUP]..., the name of letters, digits and . _ @ -"
	[[ ${1%%:*} != admin ]] || die "--user admin: this user is always there, as the administrator"
	users+=("$1")
}

# Makes DIR ready for a new run and makes sure that it is the only one.
claim_dir() {
	if [[ $ephemeral == yes && -n $(ls -A "$dir" 2>/dev/null) ]]; then
		ephemeral=no
		die "--ephemeral would remove $dir at the end, but there is something in it already"
	fi
	make_private_dir "$dir"
	exec {dir_lock}>"$dir/lock"
	flock --nonblock "$dir_lock" || die "another control plane runs in $dir; stop it with: controlplane down $dir"
	stop_leftovers
	mkdir -p "$dir"/{pids,logs,bin,answers}
	rm -f "$dir/ready" "$dir/control" "$dir"/kubeconfig* "$dir"/answers/*
	printf '%s\n' $$ >"$dir/pids/supervisor"
	# Open for reading and writing, so it neither blocks nor ends when its writers come and go.
	mkfifo -m 600 "$dir/control"
	exec {control}<>"$dir/control"
}

start_all() {
	local program part
	for program in "${programs[@]}"; do
		ln -sfn "$(program_path "$program")" "$dir/bin/$program"
	done
	for part in "${parts[@]}"; do
		"prepare_${part//-/_}"
	done
	for part in "${parts[@]}"; do
		if [[ $part == kube-controller-manager ]]; then
			apply_crds
		fi
		start_part "$part"
		wait_until "$part is ready" "is_ready_${part//-/_}"
	done
	: >"$dir/ready"
}

start_part() {
	local part=$1 log=$dir/logs/$1.log
	local -a command=()
	"command_of_${part//-/_}"
	printf '==== started at %s\n' "$(date --utc +%FT%TZ)" >>"$log"
	# A session of its own: Ctrl-C in a terminal reaches only the supervisor, which orders the stop.
	# The death signal: not even `kill -9` of the supervisor leaves anything running.
	setsid env --chdir="$dir" setpriv --pdeathsig KILL "${command[@]}" \
		</dev/null >>"$log" 2>&1 {control}>&- {dir_lock}>&- {port_lock}>&- &
	pid_of[$part]=$!
	printf '%s\n' $! >"$dir/pids/$part"
}

# stop_part PART SECONDS: asks, waits for so long, then kills.
stop_part() {
	local part=$1 pid=${pid_of[$1]:-} tenths
	[[ -n $pid ]] || return 0
	unset "pid_of[$part]"
	kill -TERM "$pid" 2>/dev/null || true
	# Whoever is paused can't see the request to stop.
	kill -CONT "$pid" 2>/dev/null || true
	for ((tenths = $2 * 10; tenths > 0; tenths--)); do
		kill -0 "$pid" 2>/dev/null || break
		sleep 0.1
	done
	kill -KILL "$pid" 2>/dev/null || true
	wait "$pid" 2>/dev/null || true
	rm -f "$dir/pids/$part"
}

finish() {
	local status=$? index
	trap '' TERM INT HUP
	rm -f "$dir/ready"
	for ((index = ${#parts[@]} - 1; index >= 0; index--)); do
		stop_part "${parts[index]}" 2
	done
	[[ $node == no ]] || remove_cgroup
	rm -f "$dir/pids/supervisor" "$dir/control"
	if [[ $ephemeral == yes ]]; then
		if [[ ${KEEP_CONTROLPLANE:-} == 1 ]]; then
			say "KEEP_CONTROLPLANE is set: data and logs stay in $dir"
		else
			rm -rf "$dir"
		fi
	fi
	exit "$status"
}

# wait_until WHAT COMMAND...: fails when it takes too long, and ends the run when it is to stop.
wait_until() {
	local what=$1 deadline=$((SECONDS + start_timeout))
	shift
	until "$@" >/dev/null 2>&1; do
		end_if_unwanted
		end_if_a_part_died
		if ((SECONDS >= deadline)); then
			last_words kube-apiserver
			say "gave up after $start_timeout s: waiting until $what; logs are in $dir/logs"
			return 1
		fi
		sleep 0.1
	done
}

# Whoever holds our standard input wants us; when it is gone, however it went, so are we.
end_if_unwanted() {
	local status=0
	if [[ $detached == no && $stop_wanted == no ]] && read -r -t 0; then
		read -r -t 0.01 || status=$?
		# More than 128 means that there was only nothing to read in time.
		if ((status > 0 && status <= 128)); then
			stop_wanted=yes
			[[ -e $dir/ready ]] || say "standard input ended before everything was ready, so everything stops; \`controlplane up\` needs nobody to hold it"
		fi
	fi
	[[ $stop_wanted == no ]] || exit 0
}

end_if_a_part_died() {
	local part status
	for part in "${!pid_of[@]}"; do
		if ! kill -0 "${pid_of[$part]}" 2>/dev/null; then
			status=0
			wait "${pid_of[$part]}" 2>/dev/null || status=$?
			last_words "$part"
			die "$part ended by itself with status $status, so everything stops"
		fi
	done
}

last_words() {
	say "the last lines of $dir/logs/$1.log:"
	tail -n 15 "$dir/logs/$1.log" >&2 || true
}

serve() {
	local id verb outcome begun='' more
	while true; do
		if IFS= read -r -t 0.2 -u "$control" more; then
			read -r id verb <<<"$begun$more"
			begun=
			outcome=ok
			cause_fault "$verb" || outcome="$verb: ${refusal:-it was not ready again in $start_timeout s}"
			printf '%s\n' "$outcome" >"$dir/answers/$id.new"
			mv "$dir/answers/$id.new" "$dir/answers/$id"
		else
			# The time can be up in the middle of a line, on a machine that has much else to do.
			begun+=$more
		fi
		end_if_unwanted
		end_if_a_part_died
	done
}

# What is asked for is no crash: stop_part forgets the pid before it stops the process.
cause_fault() {
	refusal=
	case $1 in
	pause-etcd)
		kill -STOP "${pid_of[etcd]}"
		etcd_paused=yes
		;;
	resume-etcd)
		kill -CONT "${pid_of[etcd]}"
		etcd_paused=no
		;;
	stop-apiserver)
		stop_part kube-apiserver 2
		;;
	start-apiserver)
		[[ -n ${pid_of[kube-apiserver]:-} ]] || restart kube-apiserver
		;;
	restart-apiserver)
		restart kube-apiserver
		;;
	restart-controller-manager)
		restart kube-controller-manager
		;;
	*)
		refusal="unknown fault; see \`controlplane help\`"
		return 1
		;;
	esac
}

restart() {
	if [[ $etcd_paused == yes ]]; then
		refusal="etcd is paused, so nothing could start; resume-etcd first"
		return 1
	fi
	stop_part "$1" 2
	start_part "$1"
	wait_until "$1 is ready again" "is_ready_${1//-/_}"
}

kubectl() {
	# What it caches by address would mislead the next control plane on the same port.
	KUBECACHEDIR=$dir/kubectl-cache "$dir/bin/kubectl" --kubeconfig="$dir/kubeconfig" --request-timeout=5s "$@"
}

apply_crds() {
	local path
	for path in ${crds[@]+"${crds[@]}"}; do
		kubectl apply --server-side --filename="$path" >/dev/null
		kubectl wait --for=condition=Established --filename="$path" >/dev/null
	done
}
