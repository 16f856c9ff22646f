# syntax=docker/dockerfile:1

FROM rust:1.95-slim-bookworm AS build
WORKDIR /src
COPY . .
# The caches keep dependencies, downloaded and compiled, from one build to the next.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked --bin terima \
    && install -D target/release/terima /out/terima \
    && strip --strip-debug /out/terima

FROM debian:bookworm-slim
COPY --from=build /out/terima /usr/local/bin/terima
COPY config/container.toml /etc/terima/server.toml
# For the socket of [admin]; or, over TCP, its token.
RUN install -d -o 10001 -g 10001 -m 0700 /run/terima /var/lib/terima
# A number needs no entry in /etc/passwd, and lets Kubernetes see that it is not root.
USER 10001:10001
ENV TERIMA_CONFIG=/etc/terima/server.toml
EXPOSE 27015 27016 27017
STOPSIGNAL SIGTERM
# Asks the service itself, over its admin interface; without [admin], over its listeners. Keys that are set by arguments it does
# not know: set them by TERIMA__… or in a configuration of your own.
HEALTHCHECK --interval=30s --timeout=5s --start-period=2s CMD ["/usr/local/bin/terima", "health"]
# Exec form: terima is process 1 and gets the signal itself. A stop takes up to server.drain_timeout, so give
# `docker stop --timeout` more than that.
ENTRYPOINT ["/usr/local/bin/terima"]
CMD ["run"]
