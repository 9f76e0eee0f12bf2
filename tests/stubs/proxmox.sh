# Makes a room look like a Proxmox host that was installed a moment ago. Sourced in the room, before anything else.
# shellcheck shell=sh
export PATH="/stubs/bare:/stubs/bin:$PATH"

# The room shows the devices of the machine at hand, which must not get others.
mkdir /devices
mount --rbind /dev /devices
mount -t tmpfs tmpfs /dev
for device in /devices/*; do ln -s "$device" "/dev/${device##*/}"; done
rm -rf /dev/disk /dev/kvm
mkdir -p /dev/disk/by-id /dev/disk/by-partlabel
: >/dev/kvm

# disk NAME ID: a disk of the host.
disk() {
    truncate -s 64M "/dev/$1"
    ln -s "/dev/$1" "/dev/disk/by-id/$2"
}

mount -t tmpfs tmpfs /sys/class/net
mkdir /sys/class/net/lo /sys/class/net/vmbr0
mount -t tmpfs tmpfs /sys/bus/pci
mkdir /sys/bus/pci/devices
mount -t tmpfs tmpfs /sys/kernel
mkdir -p /sys/kernel/iommu_groups/0

mkdir -p /etc/pve/firewall /var/lib/vz/template/iso
printf 'dir: local\n\tpath /var/lib/vz\n\tcontent iso,vztmpl,backup\n\nlvmthin: local-lvm\n\tthinpool data\n\tvgname pve\n\tcontent rootdir,images\n' \
    >/etc/pve/storage.cfg
