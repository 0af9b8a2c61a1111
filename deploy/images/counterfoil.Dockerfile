# The service, the OPA beside it, and the tools of policy. Targets: opa, service, tools.
#
# A build takes what `make images` has put into deploy/prebuilt, and then fetches nothing. Where
# that folder is empty, or holds other versions than are pinned here, it fetches. Either way the
# hashes in requirements/service.txt and tools/opa/go.sum decide what is accepted.
ARG GO_IMAGE=golang:1.26-bookworm
ARG BASE_IMAGE=python:3.12-slim-bookworm

FROM ${GO_IMAGE} AS opa-build
WORKDIR /build
# A pattern may match nothing; a plain name may not.
COPY tools/opa/go.mod tools/opa/go.sum deploy/prebuilt/op[a] ./
# Static, since it is to run where nothing else is. The same build as tools/opa_build.py.
RUN wanted="Version: $(sed -n 's|.*github.com/open-policy-agent/opa v\([^ ]*\).*|\1|p' go.mod)" \
 && { ./opa version 2>/dev/null | grep -qxF "$wanted" \
   || CGO_ENABLED=0 GOFLAGS= GOTOOLCHAIN=local go build -mod=readonly -trimpath -buildvcs=false \
        -ldflags="-s -w" -o opa github.com/open-policy-agent/opa; } \
 && ./opa version | grep -qxF "$wanted" \
 && mkdir -p made/run && mkdir -m 0700 made/run/opa && cp opa made/opa

FROM scratch AS opa
COPY --from=opa-build --chown=10001:10001 /build/made/ /
# Fails here, and not in production, if it is not static.
RUN ["/opa", "version"]
USER 10001:10001
ENTRYPOINT ["/opa"]

FROM ${BASE_IMAGE} AS service-build
COPY requirements/service.txt deploy/prebuilt/*.whl /wheels/
# pip stays outside of what is made: the service never installs anything.
RUN python3 -m venv /pip && python3 -m venv --without-pip /opt/counterfoil \
 && install="/pip/bin/pip --disable-pip-version-check --python=/opt/counterfoil/bin/python install \
      --quiet --no-cache-dir --no-deps --only-binary=:all: --require-hashes \
      --requirement=/wheels/service.txt" \
 && { $install --no-index --find-links=/wheels || $install; }
WORKDIR /source
COPY LICENSE README.md pyproject.toml setup.py ./
COPY schemas schemas
COPY rego rego
COPY service service
COPY issuers issuers
RUN /pip/bin/pip --disable-pip-version-check --python=/opt/counterfoil/bin/python install \
      --quiet --no-cache-dir --no-deps --no-index --no-build-isolation . \
 && /pip/bin/pip --python=/opt/counterfoil/bin/python uninstall --quiet --yes setuptools wheel \
 && mkdir -p /made/var/lib/counterfoil \
 && mkdir -m 0700 /made/var/lib/counterfoil/keys /made/var/lib/counterfoil/ledger \
      /made/var/lib/counterfoil/policy

FROM ${BASE_IMAGE} AS service
COPY --from=service-build /opt/counterfoil /opt/counterfoil
# A new volume takes over owner and mode of these folders.
COPY --from=service-build --chown=10001:10001 /made/var/lib/counterfoil /var/lib/counterfoil
ENV PATH=/opt/counterfoil/bin:/usr/local/bin:/usr/bin:/bin
WORKDIR /var/lib/counterfoil
USER 10001:10001
EXPOSE 8282
ENTRYPOINT ["counterfoil"]
CMD ["serve", "--config", "/etc/counterfoil/counterfoil.toml"]

# The service's own image has no OPA: it could not start one.
FROM service AS tools
COPY --from=opa-build /build/opa /usr/local/bin/opa
CMD ["policy", "--help"]
