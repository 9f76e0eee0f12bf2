#!/bin/sh
# Starts PostgreSQL in an image of this folder as the official image does: makes the cluster at the first start.
set -eu
data=/var/lib/postgresql/data
mkdir -p /var/run/postgresql
chown 999:999 /var/run/postgresql
# The full path: busybox would take its own, which knows less.
as() { /usr/bin/setpriv --reuid 999 --regid 999 --clear-groups "$@"; }
if [ ! -s "$data/PG_VERSION" ]; then
    install -o 999 -m 400 "$POSTGRES_PASSWORD_FILE" /tmp/password
    # shellcheck disable=SC2086 # words, as in the official image
    as initdb -D "$data" $POSTGRES_INITDB_ARGS --username "$POSTGRES_USER" --pwfile /tmp/password --auth-local trust
    rm /tmp/password
    echo 'host all all all scram-sha-256' >>"$data/pg_hba.conf"
    echo "CREATE DATABASE \"$POSTGRES_DB\"" | as postgres --single -D "$data" postgres
fi
exec /usr/bin/setpriv --reuid 999 --regid 999 --clear-groups postgres -D "$data" -c 'listen_addresses=*'
