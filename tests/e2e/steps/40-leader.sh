# shellcheck shell=bash
# The Pod that acts is killed, without a chance to say goodbye, while machines are being rented.

step "the leader's Pod is killed in the middle of creates"

rented_before=$(machines)
leading=$(leader)
crowd=12

# The container's process, at once; then the Pod, so that it does not come back.
kill_pod() {
	local container
	container=$(kubectl get pod --namespace "$release" "$1" --output=jsonpath='{.status.containerStatuses[0].containerID}')
	ctr --address "$E2E/plane/containerd.sock" --namespace k8s.io tasks kill --signal SIGKILL "${container#containerd://}"
	kubectl delete pod --namespace "$release" "$1" --grace-period=0 --force
}

another_leads() {
	local now
	now=$(leader)
	[[ -n $now && $now != "$leading" ]] && operator_pods | grep -x "$now"
}

some_are_rented() {
	[[ $(machines) -gt $rented_before ]]
}

# Orders are answered slowly, so that some are under way when the leader dies; one is never answered at all.
cloud post /faults '{"on":"xgc.deploy","times":4,"effect":{"kind":"slow","ms":2500}}' >/dev/null
cloud post /faults '{"on":"scnet.create","effect":{"kind":"cut","when":"after"}}' >/dev/null
check "$crowd objects are applied" more_machines xgc ml crowd "$crowd"
check "two more at SCNet, one order's answer is lost" more_machines scnet ml lost 2
must "machines are being made" eventually 30 some_are_rented
killed_at=$EPOCHREALTIME
must "its process is killed, its Pod deleted" kill_pod "$leading"
rented_then=$(machines)
# The Lease holds 15 s, and the other looks every 2; the rest is for a slow machine.
check "another Pod takes over once the Lease is over" eventually 40 another_leads
printf '          after %s s; %s of %s machines were made when it died\n' \
	"$(since "$killed_at")" "$((rented_then - rented_before))" "$((crowd + 2))"
check "all are Ready" until_ready ml 150
check "nothing doubled: as many machines were ever made as there are objects" equal "$(instances)" "$(machines)"
check "and all of them are alive" equal "$(machines)" "$(alive)"
check "two Pods run again" eventually 60 two_pods_run
cloud mend >/dev/null
