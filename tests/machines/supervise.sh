#!/bin/sh
# The first process of a rig: keeps its namespaces for as long as its input is open.
#
#   supervise.sh ROOT
#
# Mounts, networks and processes of a rig live in namespaces of its own. When the test ends, however it ends, the
# input closes, this process ends, and the kernel takes everything down with it.
set -eu

if [ "$1" != --inside ]; then
    exec unshare --mount --net --ipc --uts --pid --fork --kill-child --propagation private "$0" --inside "$@"
fi

# The root's own /mnt covers nothing that anybody needs: machines are kept below it, in memory.
mount -t proc proc /proc
mount -t tmpfs -o mode=755 tmpfs "$2/mnt"
mount -t tmpfs -o mode=755 tmpfs /run
mkdir /run/netns

# The rig's own network namespace is the router between the networks.
ip link set lo up
for setting in ipv4/ip_forward ipv6/conf/all/forwarding; do
    echo 1 >"/proc/sys/net/$setting"
done

echo ready
exec cat >/dev/null
