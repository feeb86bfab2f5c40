# The operator's image: one static program and the public CA certificates, nothing else. Built for the platform that it is
# built on. The commands of the first stage are in .ci/image-files, which also runs without a container engine.
FROM docker.io/library/rust:1.95.0-slim-trixie AS build
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates=* gcc=* libc6-dev=* \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY . .
RUN .ci/image-files /image

FROM scratch
LABEL org.opencontainers.image.title="gpu-instance-operator" \
      org.opencontainers.image.description="GPU machines rented by the hour as Kubernetes objects" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /image/ /
# One heap, whose free end goes back to the system, and large buffers apart from it: what a long list takes is given back.
ENV MALLOC_ARENA_MAX=1 MALLOC_MMAP_THRESHOLD_=131072 MALLOC_TRIM_THRESHOLD_=131072
# A number, so that Kubernetes can see that it is not root.
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/gpu-instance-operator"]
CMD ["run"]
