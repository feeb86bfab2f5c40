# shellcheck shell=bash
# The clouds: what each calls what `cloud break` and the bench need, and its sample as the simulated one takes it.

# As files in deploy/samples are called.
clouds=(xgc luchen scnet capital-online neolink)

is_cloud() {
	[[ " ${clouds[*]} " == *" $1 "* ]]
}

# What the simulator calls it.
twin() {
	printf '%s' "${1//-/_}"
}

# The simulator's name for the call of CLOUD that rents a machine.
create_operation() {
	case $1 in
	xgc) printf xgc.deploy ;;
	capital-online) printf capital_online.CreateGpuInstance ;;
	*) printf '%s.create' "$1" ;;
	esac
}

# The simulator's name for the call of CLOUD that lists machines.
list_operation() {
	case $1 in
	capital-online) printf capital_online.DescribeGpu ;;
	*) printf '%s.list' "$1" ;;
	esac
}

# sample CLOUD [LINES]: deploy/samples/CLOUD.yaml for the simulated cloud. What differs is all here: the credentials and
# the address, as the simulator has printed them; LINES, added to the provider's spec; and the machine's name, CLOUD-1,
# for all are in one namespace.
sample() {
	local url account key secret
	read -r _ url account key secret < <(grep "^$(twin "$1") " "$log/cloudsim.out")
	account=${account#account=} key=${key#key=} secret=${secret#secret=}
	sed --regexp-extended --expression='/^#/d' --expression="s/name: train-1$/name: $1-1/" \
		--expression="s~\<(user|userId): replace-me~\1: $account~" \
		--expression="s~\<(token|username|accessKey|accessKeyId): replace-me~\1: $key~" \
		--expression="s~\<(password|secretKey|accessKeySecret): replace-me~\1: $secret~" \
		--expression="/credentialsSecretRef/a\\$(endpoints "$1" "$url")${2:+\\n${2//$'\n'/\\n}}" \
		"$root/deploy/samples/$1.yaml"
}

# The members of a provider that say where its cloud is; left out, it is the real one.
endpoints() {
	case $1 in
	capital-online) printf '    endpoint: %s/gpubms/v1\\n    vpcEndpoint: %s/vpc' "$2" "$2" ;;
	*) printf '    endpoint: %s' "$2" ;;
	esac
}
