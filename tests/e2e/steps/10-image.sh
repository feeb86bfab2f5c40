# shellcheck shell=bash
# What is in the image, and what is not.

step "the image"

archive=$E2E/image/$VERSION.tar
image_config=$(tar --extract --to-stdout --file "$archive" "$(tar --extract --to-stdout --file "$archive" manifest.json | jq -r '.[0].Config')" | jq .config)

files_in_the_image() {
	local layer
	for layer in $(tar --extract --to-stdout --file "$archive" manifest.json | jq -r '.[0].Layers[]'); do
		tar --extract --to-stdout --file "$archive" "$layer" | tar --list | grep -v '/$'
	done | sort
}

unpacked=$E2E/image/files
mkdir -p "$unpacked"
for layer in $(tar --extract --to-stdout --file "$archive" manifest.json | jq -r '.[0].Layers[]'); do
	tar --extract --to-stdout --file "$archive" "$layer" | tar --extract --directory "$unpacked"
done
program=$unpacked/gpu-instance-operator

is_static() {
	! readelf --program-headers "$program" | grep INTERP
}

lists_its_dependencies() {
	readelf --section-headers --wide "$program" | grep '\.dep-v0'
}

check "it holds the program and the public certificates, and nothing else" \
	equal $'etc/ssl/certs/ca-certificates.crt\ngpu-instance-operator' "$(files_in_the_image)"
check "it runs as a user who is not root, by number" equal 65532:65532 "$(jq -r .User <<<"$image_config")"
check "it runs the operator" equal '["/gpu-instance-operator"]["run"]' "$(jq -c '.Entrypoint, .Cmd' <<<"$image_config" | tr -d '\n')"
check "the program is static" is_static
check "the list of its dependencies is in it" lists_its_dependencies
# The digest of an archive's image, over its configuration and the layers that this names.
digest_of() {
	tar --extract --to-stdout --file "$E2E/image/$1.tar" manifest.json | jq -r '.[0].Config'
}
check "built again, from files that were written later, it has the same bytes" equal "$(digest_of "$VERSION")" "$(digest_of "$OLDER")"
size=$(stat --format=%s "$program")
printf '          the program has %s MB, the archive %s MB\n' \
	"$(awk "BEGIN { printf \"%.1f\", $size / 1e6 }")" "$(awk "BEGIN { printf \"%.1f\", $(stat --format=%s "$archive") / 1e6 }")"
