# shellcheck shell=bash
# A machine at each cloud, from the samples; what is seen of it; and all else that needs a right of its own.

step "a sample for each of the five clouds"

for sampled in "${clouds[@]}"; do
	check "kubectl apply: deploy/samples/$sampled.yaml" apply_sample "$sampled" ml
done
for sampled in "${clouds[@]}"; do
	must "$sampled-1 is Ready" until_ready ml 90 "$sampled-1"
done
check "five machines were made, no more" equal 5 "$(machines)"
kubectl get gpu --namespace ml

connection_of() {
	kubectl get secret --namespace ml "$1-connection" --output=json | jq -r '.data | map_values(@base64d)'
}
for sampled in "${clouds[@]}"; do
	connection=$(connection_of "$sampled-1")
	check "$sampled-1-connection opens it" says '"ssh_command": "ssh -p [0-9]+ [a-z]+@[^ ]+"' "$connection"
	check "$sampled-1-connection says where it is" says "\"host\": \"$(kubectl get gpuinstance --namespace ml "$sampled-1" \
		--output=jsonpath='{.status.endpoints.ssh.host}')\"" "$connection"
done
tells_its_story() {
	says '^ *Normal +Creating ' "$(kubectl describe gpuinstance --namespace ml xgc-1)"
}
check "kubectl describe tells its story" eventually 20 tells_its_story

step "logs, probes, metrics"

leading=$(leader)
standing_by=$(operator_pods | grep -vx "$leading")
check "kubectl logs of the one that acts" says "leading" "$(kubectl logs --namespace "$release" "$leading")"
check "kubectl logs of the other" says "another replica leads" "$(kubectl logs --namespace "$release" "$standing_by")"
check "no credentials in the logs" fails says "$(grep -o 'secret=[^ ]*\|key=[^ ]*' "$log/cloudsim.out" | cut -d= -f2 |
	grep -vx -- - | sort -u | paste --serial --delimiters='|')" "$(kubectl logs --namespace "$release" "$leading")"
for pod in "$leading" "$standing_by"; do
	check "$pod: /healthz and /readyz answer" eventually 10 eval "page $pod /healthz && page $pod /readyz"
	check "$pod: the kubelet calls it Ready" equal True "$(kubectl get pod --namespace "$release" "$pod" \
		--output=jsonpath='{.status.conditions[?(@.type=="Ready")].status}')"
done
check "/metrics: one leads" equal "1 0" \
	"$(metric "$leading" gpu_instance_operator_leader) $(metric "$standing_by" gpu_instance_operator_leader)"
check "/metrics: five instances" equal 5 "$(metric "$leading" gpu_instance_operator_instances)"
check "the metrics Service selects both Pods" equal 2 "$(kubectl get endpointslices --namespace "$release" --output=json \
	--selector "kubernetes.io/service-name=$release-metrics" | jq '[.items[].endpoints[] | select(.conditions.ready)] | length')"
check "nothing was restarted" equal 0 "$(restarts)"

# live NAMESPACE: what needs rights besides renting.
live() {
	local namespace=$1
	check "$namespace: stopped" kubectl patch gpuinstance --namespace "$namespace" xgc-1 --type=merge --patch '{"spec":{"power":"Stopped"}}'
	check "$namespace: it is Ready, Stopped" kubectl wait --namespace "$namespace" gpuinstance/xgc-1 --timeout=60s --for=jsonpath='{.status.state}'=Stopped
	check "$namespace: started" kubectl patch gpuinstance --namespace "$namespace" xgc-1 --type=merge --patch '{"spec":{"power":"Running"}}'
	check "$namespace: it is Ready, Running" kubectl wait --namespace "$namespace" gpuinstance/xgc-1 --timeout=60s --for=jsonpath='{.status.state}'=Running
	until_ready "$namespace" 30 xgc-1 >/dev/null
	kubectl create configmap --namespace "$namespace" scripts --from-literal=start.sh=true >/dev/null
	kubectl apply --namespace "$namespace" --filename - >/dev/null <<-MANIFEST
		apiVersion: gpuinstance.dev/v1alpha1
		kind: GpuInstance
		metadata: { name: scripted }
		spec:
		  providerRef: { name: xgc }
		  gpu: { model: RTX 4090, count: 1 }
		  image: 7fd1f863-c2e2-4af6-b41b-cf92a034c2d3
		  startupScriptFrom: { configMapKeyRef: { name: scripts, key: start.sh } }
	MANIFEST
	check "$namespace: what XGC cannot do is refused" eventually 30 reason_is "$namespace" scripted Unsupported
	check "$namespace: and goes when it is deleted" kubectl delete gpuinstance --namespace "$namespace" scripted --timeout=30s
}

step "stop, start, a script, a shared account"
live ml

share_account() {
	kubectl label namespace dev gpu=yes >/dev/null
	sample xgc "$provider_lines
  allowedNamespaces: { selector: { matchLabels: { gpu: \"yes\" } } }" | sed '
		s/^kind: GpuProvider/kind: ClusterGpuProvider/
		s/credentialsSecretRef: { name: xgc-credentials }/credentialsSecretRef: { name: xgc-credentials, namespace: dev }/
		s/providerRef: { name: xgc }/providerRef: { kind: ClusterGpuProvider, name: xgc }/
		s/name: xgc-1$/name: shares/' | kubectl apply --namespace dev --filename - >/dev/null
}
check "a ClusterGpuProvider for namespaces with a label" share_account
check "an instance in such a namespace is Ready" until_ready dev 60 shares
check "six machines were made, no more" equal 6 "$(machines)"
