# shellcheck shell=bash
# Steps, the checks in them, and the report at the end. A check that fails is counted, and the story goes on; a `must`
# that fails ends it.

passed=0
failed=0
step_name=
step_began=
durations=()
ended_well=no

# step TITLE: ends the step before.
step() {
	end_step
	step_name=$1
	step_began=$EPOCHREALTIME
	printf '==== %s\n' "$step_name"
}

# began_with TITLE TIME: what was done before this shell began.
began_with() {
	step_name=$1
	step_began=$2
}

end_step() {
	[[ -z $step_name ]] || durations+=("$(printf '%-56s %6.1f' "$step_name" "$(since "$step_began")")")
	step_name=
}

# Seconds since a time as EPOCHREALTIME tells it.
since() {
	awk -v began="$1" -v now="$EPOCHREALTIME" 'BEGIN { printf "%.1f", now - began }'
}

# check MESSAGE COMMAND...: what the command prints is shown only when it fails.
check() {
	local message=$1 output
	shift
	if output=$("$@" 2>&1); then
		passed=$((passed + 1))
		printf '  ok      %s\n' "$message"
		return 0
	fi
	failed=$((failed + 1))
	printf '  FAILED  %s\n' "$message"
	printf '%s\n' "$output" | tail -n 30 | sed 's/^/          /'
	return 1
}

# The same where nothing that follows would mean anything.
must() {
	check "$@" || exit 1
}

# For the right side of a check.
equal() {
	[[ $1 == "$2" ]] || {
		printf 'expected: %s\nis:       %s\n' "$1" "$2"
		return 1
	}
}

# says PATTERN TEXT: an extended regular expression.
says() {
	grep -qE -- "$1" <<<"$2" || {
		printf 'nothing in this says %s:\n%s\n' "$1" "$2"
		return 1
	}
}

fails() {
	! "$@"
}

# eventually SECONDS COMMAND...: tries until it holds; prints what it said last.
eventually() {
	local deadline=$((SECONDS + $1)) output
	shift
	until output=$("$@" 2>&1); do
		if ((SECONDS >= deadline)); then
			printf 'gave up waiting\n%s\n' "$output"
			return 1
		fi
		sleep 0.3
	done
	printf '%s\n' "$output"
}

report() {
	local status=$?
	end_step
	stop_watching
	if [[ $failed -gt 0 || $ended_well == no ]]; then
		printf '==== what the Pods said last\n'
		operator_pods | while read -r pod; do
			kubectl logs --namespace "$release" "$pod" --tail=15 2>&1 | cut -c1-220
		done
	fi
	printf '==== %-56s %6s\n' "step" "s"
	printf '     %s\n' "${durations[@]}"
	[[ $ended_well == yes ]] || printf 'e2e: it did not come to its end\n'
	printf 'e2e: %d checks passed, %d failed\n' "$passed" "$failed"
	[[ $ended_well == yes && $failed -eq 0 ]] || exit $((status > 0 ? status : 1))
}
