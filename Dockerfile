# The program and nothing else: no shell, no git, no package manager. Each platform is built on a machine of its own kind
# (.github/workflows/image.yml), so that nothing is cross-compiled.
FROM docker.io/library/rust:1.95-alpine@sha256:606fd313a0f49743ee2a7bd49a0914bab7deedb12791f3a846a34a4711db7ed2 AS build
WORKDIR /src
COPY . .
# Alpine's own target links statically.
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/src/target \
    cargo build --release --locked && cp target/release/kept /kept

# It has the certificates of public authorities, /tmp, and a user without rights.
FROM gcr.io/distroless/static-debian13:nonroot@sha256:f7f8f729987ad0fdf6b05eeeae94b26e6a0f613bdf46feea7fc40f7bd72953e6
COPY --from=build /kept /kept
USER 65532:65532
ENTRYPOINT ["/kept"]
CMD ["run"]
