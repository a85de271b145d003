# tegami in a container: one static binary, a user of its own, and nothing else.
#
#   docker build --tag tegami .                          builds the server, then the image
#   docker build --tag tegami --target prebuilt PLACE    the image around a binary you have: PLACE/usr/bin/tegami, static,
#                                                        beside an empty PLACE/var/lib/tegami (build with --file Dockerfile)
#
# Run it with a volume on /var/lib/tegami; it needs no other place to write to, no capability and no shell.

# What the image is, however its binary came about.
FROM scratch AS runtime
ENV TEGAMI_DATA_DIR=/var/lib/tegami
USER 10025:10025
EXPOSE 25 465 587 110 995
HEALTHCHECK --interval=30s --timeout=20s --start-period=60s --retries=3 CMD ["/usr/bin/tegami", "healthcheck"]
ENTRYPOINT ["/usr/bin/tegami"]
CMD ["serve"]

FROM runtime AS prebuilt
COPY usr/bin/tegami /usr/bin/tegami
COPY --chown=10025:10025 var/lib/tegami/ /var/lib/tegami/
VOLUME /var/lib/tegami

FROM rust:1-bookworm AS build
WORKDIR /src
COPY . .
RUN RUSTFLAGS="-C target-feature=+crt-static" \
    cargo build --release --locked --package tegami --target x86_64-unknown-linux-gnu --target-dir /target \
 && install -D /target/x86_64-unknown-linux-gnu/release/tegami /image/usr/bin/tegami \
 && strip --strip-debug /image/usr/bin/tegami \
 && install -d -m 0700 /image/var/lib/tegami

FROM runtime
COPY --from=build /image/usr/bin/tegami /usr/bin/tegami
COPY --from=build --chown=10025:10025 /image/var/lib/tegami/ /var/lib/tegami/
VOLUME /var/lib/tegami
