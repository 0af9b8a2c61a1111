#!/bin/sh
# Runs PostgreSQL with a database `orders` and one login for the agents' tools, `orders_tool`.
# The superuser has no password: it exists on the socket inside of the container alone.
set -eu
umask 077
bin=$(echo /usr/lib/postgresql/*/bin)
data=/var/lib/target/data

if [ "${1:-run}" = ready ]; then
  # Over TCP, which the server of the first start does not answer.
  exec "$bin/pg_isready" --quiet --host=127.0.0.1 --dbname=orders
fi

if [ ! -d "$data" ]; then
  # Made beside and renamed: a first start that was cut off is simply done again.
  rm -rf "$data.new"
  "$bin/initdb" --pgdata="$data.new" --username=target --auth-local=peer --auth-host=scram-sha-256 \
    --encoding=UTF8 --locale=C.UTF-8 --data-checksums >/dev/null
  echo 'host all orders_tool samenet scram-sha-256' >> "$data.new/pg_hba.conf"
  "$bin/pg_ctl" --pgdata="$data.new" --wait --silent \
    --options="-c listen_addresses='' -c unix_socket_directories=/run/postgresql" start
  "$bin/psql" --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --username=target --dbname=postgres <<'SQL'
\set password `cat /run/secrets/orders_password`
CREATE ROLE orders_tool LOGIN PASSWORD :'password';
CREATE DATABASE orders OWNER orders_tool;
SQL
  "$bin/pg_ctl" --pgdata="$data.new" --wait --silent --mode=fast stop
  mv "$data.new" "$data"
fi

exec "$bin/postgres" -D "$data" -c listen_addresses='*' -c unix_socket_directories=/run/postgresql
