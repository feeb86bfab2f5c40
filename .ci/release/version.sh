# shellcheck shell=bash
# What the parts of a release share: its version, without the tag's `v`, and where things are.

cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." || exit

[[ ${VERSION:-} =~ ^v?([0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.]+)?)$ ]] || {
	printf 'release: VERSION must be one such as 0.2.0, and is "%s"\n' "${VERSION:-}" >&2
	exit 2
}
VERSION=${BASH_REMATCH[1]}
# shellcheck disable=SC2034
files=target/release-files

# A name in the registry: lower case, as registries want it.
registry() {
	[[ -n ${REGISTRY:-} ]] || {
		printf 'release: REGISTRY must say where to push, such as ghcr.io/example\n' >&2
		exit 2
	}
	printf '%s' "${REGISTRY,,}"
}
