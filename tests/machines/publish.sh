#!/bin/sh
# Publishes ports of the container 172.17.0.2 with the rules that Docker 26 writes, ahead of those that are there.
#
#   publish.sh PROTO/PORT/CONTAINER-PORT...
set -eu
echo 1 >/proc/sys/net/ipv4/ip_forward

{
    echo '*nat'
    echo ':DOCKER -'
    echo '-I PREROUTING -m addrtype --dst-type LOCAL -j DOCKER'
    echo '-I OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER'
    echo '-I POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE'
    echo '-A DOCKER -i docker0 -j RETURN'
    for port in "$@"; do
        proto=${port%%/*} inner=${port##*/} outer=${port#*/}
        echo "-A DOCKER ! -i docker0 -p $proto --dport ${outer%/*} -j DNAT --to-destination 172.17.0.2:$inner"
    done
    echo COMMIT
    echo '*filter'
    echo ':FORWARD DROP'
    echo ':DOCKER -'
    echo ':DOCKER-USER -'
    echo '-I FORWARD -i docker0 -o docker0 -j ACCEPT'
    echo '-I FORWARD -i docker0 ! -o docker0 -j ACCEPT'
    echo '-I FORWARD -o docker0 -j DOCKER'
    echo '-I FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT'
    echo '-I FORWARD -j DOCKER-USER'
    echo '-A DOCKER-USER -j RETURN'
    for port in "$@"; do
        echo "-A DOCKER -d 172.17.0.2/32 ! -i docker0 -o docker0 -p ${port%%/*} --dport ${port##*/} -j ACCEPT"
    done
    echo COMMIT
} | iptables-restore --noflush
