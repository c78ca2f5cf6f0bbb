# The server, as one static binary that no user owns, and nothing else.
#
#   docker build --tag registry.example.com/tenure .
#
# It is built as `cargo xtask dist` builds it, which also shows that it is static.

FROM rust:1.95.0-slim-trixie AS build
WORKDIR /source
# The toolchain of this image, without the lints and formatter that rust-toolchain.toml asks for.
ENV RUSTUP_TOOLCHAIN=1.95.0
COPY . .
RUN target="$(uname -m)-unknown-linux-gnu" \
 && RUSTFLAGS="-C target-feature=+crt-static" \
    cargo build --locked --release --package tenure --bin tenure --target "$target" \
 && cp "target/$target/release/tenure" /tenure

FROM scratch
LABEL org.opencontainers.image.title="tenure" \
      org.opencontainers.image.licenses="Apache-2.0"
# Whom an archive's server is believed by.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /tenure /tenure
USER 65532:65532
EXPOSE 8080 9443
ENTRYPOINT ["/tenure"]
CMD ["server", "--mode=standalone"]
