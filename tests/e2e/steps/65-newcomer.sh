# shellcheck shell=bash
# From nothing to a machine that can be logged in to, as a newcomer gets there: how many commands, and how long.

step "a newcomer: helm install, one key, a machine"

# The reader has filled the token into a copy of the sample.
mkdir -p "$E2E/newcomer"
sample xgc | sed 's/name: xgc-1$/name: train-1/' >"$E2E/newcomer/xgc.yaml"
kubectl delete namespace ml >/dev/null

began=$EPOCHREALTIME
must "docs/install.md: helm install --wait" as_documented "With Helm" "helm install"
must "docs/install.md: the first machine, line by line" as_documented "The first machine" all "$E2E/newcomer"
took=$(since "$began")
commands=$(documented "The first machine" all | grep -c '^kubectl')
printf '          %d commands, %s s, of which the cloud took 3 to make the machine\n' $((commands + 1)) "$took"
check "one machine was made" equal $((ever_before + 1)) "$(machines)"
must "docs/install.md: remove everything, line by line" as_documented "Uninstall" all
ever_before=$(machines)
