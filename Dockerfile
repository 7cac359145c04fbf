# Build: docker build -t tandem .      Run: docker run --network host -v /etc/tandem:/etc/tandem tandem
# With the fast path (no privileged container): add
#   --user 0 --cap-drop ALL --cap-add BPF --cap-add NET_ADMIN --cap-add NET_RAW -v /sys/fs/bpf:/sys/fs/bpf
# Host networking is the intended layout: the media port range is large and addresses must be real.
FROM debian:12 AS build
RUN apt-get update && apt-get install -y --no-install-recommends \
      ca-certificates clang curl gcc libbpf-dev libc6-dev libssl-dev nodejs npm pkg-config && rm -rf /var/lib/apt/lists/*
RUN curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y --profile minimal
ENV PATH=/root/.cargo/bin:$PATH
WORKDIR /build
COPY . .
RUN npm ci && npm run build && npm prune --omit=dev

FROM debian:12-slim
RUN apt-get update && apt-get install -y --no-install-recommends libssl3 nodejs && rm -rf /var/lib/apt/lists/* \
 && useradd --system --home-dir /nonexistent --shell /usr/sbin/nologin tandem
WORKDIR /opt/tandem
COPY --from=build /build/native/target/release/tandem-supervisor native/target/release/
COPY --from=build /build/native/target/release/tandem-dataplane native/target/release/
COPY --from=build /build/native/target/release/tandem-fastpath native/target/release/
COPY --from=build /build/dist dist
COPY --from=build /build/node_modules node_modules
COPY --from=build /build/bin bin
COPY --from=build /build/package.json .
COPY --from=build /build/config/default.yaml /etc/tandem/tandem.yaml
USER tandem
ENTRYPOINT ["/opt/tandem/bin/tandem", "--config", "/etc/tandem/tandem.yaml"]
