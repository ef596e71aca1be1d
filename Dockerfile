# botbox with everything but the bench: desk, page, notifications, PostgreSQL. Nothing secret goes in: see .dockerignore.
FROM python:3.13-slim-trixie AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
COPY requirements.lock requirements-dev.lock ./
# Wheels only, each by its hash; what builds the package itself comes from the developers' lock, into its own place.
RUN python -m venv /opt/botbox \
    && /opt/botbox/bin/pip install --only-binary :all: --require-hashes -r requirements.lock \
    && python -m venv /opt/build \
    && awk '/^[a-z]/ { wanted = /^(hatchling|packaging|pathspec|pluggy|tomlkit|trove-classifiers)==/ } wanted' \
        requirements-dev.lock > build.lock \
    && /opt/build/bin/pip install --only-binary :all: --require-hashes -r build.lock
COPY pyproject.toml README.md CHANGELOG.md ./
COPY botbox_cli botbox_cli
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /wheels . \
    && /opt/botbox/bin/pip install --no-deps --no-index --find-links /wheels botbox

FROM python:3.13-slim-trixie
# The same Debian as the database's image, so that pg_dump is not older than the server.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends postgresql-client \
    && rm -rf /var/lib/apt/lists/*
# That of the person whose .dev.vars is mounted: it is readable by its owner only.
ARG UID=1000
RUN useradd --uid "$UID" --create-home --home-dir /data --shell /usr/sbin/nologin botbox
COPY --from=build /opt/botbox /opt/botbox
ENV PATH=/opt/botbox/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/data \
    XDG_DATA_HOME=/data \
    TZ=UTC
USER ${UID}
WORKDIR /data
VOLUME ["/data"]
# As Ctrl-C: what is under way is left in order.
STOPSIGNAL SIGINT
HEALTHCHECK --interval=5m --timeout=60s --start-period=2m --retries=2 CMD ["botbox", "doctor", "--quiet"]
ENTRYPOINT ["botbox"]
CMD ["--help"]
