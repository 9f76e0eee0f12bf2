#!/bin/sh
# Boots a machine of a rig, in the rig's namespaces; ends when the machine is off.
#
#   boot.sh ROOT NAME CGROUP
set -eu
root=$1 name=$2 cgroup=$3
machine=$root/mnt/$name

# One cgroup a machine in every hierarchy, which nspawn then shows it as the top: what the machine and its Docker make
# there stays below it and is found again at the end.
for hierarchy in /sys/fs/cgroup /sys/fs/cgroup/*; do
    [ -e "$hierarchy/cgroup.procs" ] || continue
    mkdir -p "$hierarchy/$cgroup"
    for setting in cpuset.cpus cpuset.mems; do
        [ ! -e "$hierarchy/$setting" ] || [ ! -e "$hierarchy/$cgroup/$setting" ] ||
            cat "$hierarchy/$setting" >"$hierarchy/$cgroup/$setting" || true
    done
    echo $$ >"$hierarchy/$cgroup/cgroup.procs"
done

# nspawn enters the machine's network late: it would mount the router's /sys/class/net.
exec nsenter --net="/run/netns/$name" \
    systemd-nspawn --quiet --directory="$machine/root" --machine="$name" --register=no --keep-unit \
    --network-namespace-path="/run/netns/$name" --capability=all --system-call-filter='@keyring bpf' \
    --bind="$machine/docker:/var/lib/docker" --boot
