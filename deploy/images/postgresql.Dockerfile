# The database that agents work on, for trying and for tests: a target, no part of the product.
# The base is PostgreSQL's own image, or any Debian with its packages.
ARG BASE_IMAGE=postgres:15-bookworm

FROM ${BASE_IMAGE}
COPY deploy/images/postgresql.sh /usr/local/bin/target
RUN echo 'target:x:10002:10002::/var/lib/target:/usr/sbin/nologin' >> /etc/passwd \
 && mkdir -m 0700 /var/lib/target && chown 10002:10002 /var/lib/target \
 && mkdir -p /run/postgresql
ENV PGHOST=/run/postgresql
USER 10002:10002
EXPOSE 5432
ENTRYPOINT ["/bin/sh", "/usr/local/bin/target"]
CMD ["run"]
STOPSIGNAL SIGINT
