# shellcheck shell=bash
# What the steps speak of: the release, the clouds' own books, samples, and the commands of the install guide.

# The release, its namespace, its Deployment and its account are all called so.
release=gpu-instance-operator
log=$E2E/log

# shellcheck source=../../../demo/clouds.sh
source "$root/demo/clouds.sh"

# Tests are impatient.
provider_lines="  pollInterval: 2s
  settleAfter: 10s"

set_up() {
	mkdir -p "$E2E/bin"
	ln -sf "$E2E/plane/bin/kubectl" "$E2E/bin/kubectl"
	# What the install guide cannot know: where the clouds are here.
	cat >"$E2E/bin/values.yaml" <<-VALUES
		allowedEndpoints: ["$CLOUDS"]
		log: { filter: "info,gpu_instance_operator=debug" }
	VALUES
	cat >"$E2E/bin/helm" <<-HELM
		#!/usr/bin/env bash
		export HELM_CACHE_HOME='$E2E/bin' HELM_CONFIG_HOME='$E2E/bin' HELM_DATA_HOME='$E2E/bin'
		case \$1 in install) set -- "\$@" --values='$E2E/bin/values.yaml' --timeout=3m ;; esac
		exec '$root/tests/helm/helm' "\$@"
	HELM
	chmod +x "$E2E/bin/helm"
	export PATH=$E2E/bin:$PATH
}

# documented HEADING WORD: the command of docs/install.md below the heading that has the word in its first line; all of the
# block where the word is `all`.
documented() {
	awk -v heading="$1" -v word="$2" '
		/^```$/ { if (inside && block != "") { printf "%s", block; exit } inside = 0 }
		inside {
			if (word == "all" || more || index($0, word)) { block = block $0 "\n"; more = /\\$/ }
		}
		/^## / { here = ($0 == "## " heading) }
		here && /^```sh$/ { inside = 1; block = ""; more = 0 }
	' "$root/docs/install.md"
}

# as_documented HEADING WORD [FOLDER]: runs them as they stand, where the reader would be.
as_documented() {
	local commands
	commands=$(documented "$1" "$2")
	[[ -n $commands ]] || {
		printf 'docs/install.md has no commands with "%s" below "%s"\n' "$2" "$1"
		return 1
	}
	printf '%s\n' "$commands"
	(cd -- "${3:-$root}" && bash -euo pipefail -c "$commands")
}

# ---- the clouds' own books

cloud() {
	CLOUDSIM=$CLOUDS/admin "$root/demo/cloud" "$@"
}

# machines [FILTER]: how many machines there ever were, or those for which the filter of jq holds.
machines() {
	cloud get /meter | jq "[.machines[] | select(${1:-true})] | length"
}

alive() {
	machines .alive
}

# How often the clouds were asked to change something: to rent, start, stop, or delete.
changes() {
	cloud get /calls/counts | jq -c 'with_entries(select(.key | test("deploy|[cC]reate|boot|start|stop|shutdown|destroy|[dD]elete|terminate|Operate|power_")))'
}

# ---- objects

# apply_sample CLOUD NAMESPACE: its account, credentials and machine.
apply_sample() {
	sample "$1" "$provider_lines" | kubectl apply --namespace "$2" --filename - >/dev/null
}

# more_machines CLOUD NAMESPACE PREFIX COUNT: instances like the sample's.
more_machines() {
	local number
	for ((number = 1; number <= $4; number++)); do
		sample "$1" | awk -v RS='---\n' '/(^|\n)kind: GpuInstance\n/ { printf "---\n%s", $0 }' |
			sed "s/name: $1-1\$/name: $3-$number/"
	done | kubectl apply --namespace "$2" --filename - >/dev/null
}

instances() {
	kubectl get gpuinstances --all-namespaces --output=name | wc -l
}

# until_ready NAMESPACE SECONDS INSTANCE...: all of them where none is named.
until_ready() {
	local namespace=$1 seconds=$2
	shift 2
	[[ $# -gt 0 ]] || set -- --all
	kubectl wait --namespace "$namespace" --for=condition=Ready --timeout="${seconds}s" gpuinstance "$@"
}

reason_is() {
	equal "$3" "$(kubectl get gpuinstance --namespace "$1" "$2" \
		--output=jsonpath='{.status.conditions[?(@.type=="Ready")].reason}')"
}

# What must not change while machines are left alone: who they are and what is known of them.
known_of_all() {
	kubectl get gpuinstances --all-namespaces --output=json |
		jq -c '[.items[] | [.metadata.namespace, .metadata.name, .metadata.uid, .spec, .status]] | sort'
}

# ---- Pods

operator_pods() {
	kubectl get pods --namespace "$release" --selector app.kubernetes.io/name=gpu-instance-operator \
		--field-selector status.phase=Running --output=json 2>/dev/null |
		jq -r '.items[] | select(.metadata.deletionTimestamp == null) | .metadata.name'
}

# The Pod that holds the Lease; the holder is the Pod's name and a number.
leader() {
	local holder
	holder=$(kubectl get lease --namespace "$release" "$release" --output=jsonpath='{.spec.holderIdentity}')
	printf '%s' "${holder%_*}"
}

leader_is_one_of_the_pods() {
	local leader
	leader=$(leader)
	[[ -n $leader ]] && operator_pods | grep -x "$leader"
}

# page POD PATH: what a Pod serves, by way of the API server.
page() {
	kubectl get --raw "/api/v1/namespaces/$release/pods/$1:8080/proxy$2"
}

# metric POD NAME: the sum over all labels.
metric() {
	page "$1" /metrics | awk -v name="$2" '$1 ~ "^" name "({|$)" { sum += $2 } END { print sum + 0 }'
}

restarts() {
	kubectl get pods --namespace "$release" --output=json | jq '[.items[].status.containerStatuses[]?.restartCount] | add'
}

# ---- rights

# From here on calls count: another release of the same name may have been there before.
calls_count_from() {
	counted_since=$(date --utc +%FT%T.%6NZ)
}

rights_and_calls_agree() {
	kubectl get clusterrolebindings,rolebindings,clusterroles,roles --all-namespaces --output=json |
		"$PROGRAMS/rights" "$E2E/plane/audit.log" "$release" "$release" "$counted_since"
}

# ---- status, watched while something is done to the operator

watcher=

watch_status() {
	kubectl get gpuinstances --all-namespaces --watch-only --output=json >"$E2E/watched.json" 2>/dev/null &
	watcher=$!
	sleep 1
}

stop_watching() {
	[[ -z $watcher ]] || { kill "$watcher" && wait "$watcher"; } 2>/dev/null
	watcher=
}

# Nothing that was written meanwhile said that a machine was not Ready.
always_ready() {
	jq -r 'select(.kind == "GpuInstance") | select(any(.status.conditions[]?; .type == "Ready" and .status == "True") | not)
		| "\(.metadata.name): \(.status.state) \(.status.conditions)"' "$E2E/watched.json" | { ! grep .; }
}
