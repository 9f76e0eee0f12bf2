#!/bin/sh
# Starts what stands in for nginx-proxy-manager: its API on the port of its pages, a listener for the pages it proxies.
set -eu
/usr/bin/peer serve tcp/80 tcp/443 &
[ -s /data/state ] || echo '{"users": [], "proxyHosts": [], "accessLists": [], "certificates": [], "unreachable": [], "serial": 0, "log": []}' >/data/state
exec python3 /npm_api.py /data/state /npm_schema.json /tmp/port :: 81
