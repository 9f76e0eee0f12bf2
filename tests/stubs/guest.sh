# What `qm` and `pct` share: guests as files of `key: value` lines. Sourced after stub.sh.
# shellcheck shell=sh disable=SC2154 # state and stub come from stub.sh

config=
need() {
    config=$state/$1
    [ -e "$config" ] || fail 2 "Configuration file 'nodes/pve/$kind/$1.conf' does not exist"
}

# The next free volume of a guest.
volume() {
    number=0
    while grep -q "vm-$1-disk-$number\|subvol-$1-disk-$number" "$state/$1" 2>/dev/null; do number=$((number + 1)); done
    echo "$2-$1-disk-$number"
}

# Proxmox does not keep what it is told but what it made of it: `pool:32` becomes a volume with its size, a network
# device gets an address. A script that compares must see that.
made() {
    id=$1 key=$2 value=$3
    case $key:$value in
        ide[0-9]:*:cloudinit* | scsi[0-9]*:*:cloudinit* | sata[0-9]:*:cloudinit*)
            echo "${value%%:*}:vm-$id-cloudinit,media=cdrom"
            return
            ;;
        scsi[0-9]*:*:[0-9]* | virtio[0-9]*:*:[0-9]* | sata[0-9]:*:[0-9]* | efidisk0:*:[0-9]* | tpmstate0:*:[0-9]*) prefix=vm ;;
        rootfs:*:[0-9]* | mp[0-9]*:*:[0-9]*) prefix=subvol ;;
        net[0-9]*:*)
            case $value in
                *[0-9A-Fa-f]:[0-9A-Fa-f]* | *hwaddr=*) echo "$value" ;;
                name=*) echo "$value,hwaddr=BC:24:11:00:00:$(printf '%02X' "$((id % 256))"),type=veth" ;;
                *)
                    model=${value%%,*}
                    echo "$model=BC:24:11:00:00:$(printf '%02X' "$((id % 256))")${value#"$model"}"
                    ;;
            esac
            return
            ;;
        *)
            echo "$value"
            return
            ;;
    esac
    storage=${value%%:*}
    rest=${value#*:}
    size=${rest%%,*}
    case $size in *[!0-9]*) echo "$value" && return ;; esac
    options=$(printf '%s' "$rest" | tr ',' '\n' | sed -e 1d -e '/^import-from=/d' | sed 's/^/,/' | tr -d '\n')
    # An imported disk has the image's size: 3 GiB, as Debian's cloud image has.
    [ "$size" != 0 ] || size=3
    echo "$storage:$(volume "$id" "$prefix")$options,size=${size}G"
}

# Reads `--key value`, `-key value` and `--key=value` into the guest's file.
options() {
    id=$1
    shift
    while [ $# -gt 0 ]; do
        case $1 in
            -*=*)
                key=${1%%=*}
                value=${1#*=}
                shift
                ;;
            -*)
                key=$1
                value=1
                shift
                case ${1:--} in
                    -*) ;;
                    *)
                        value=$1
                        shift
                        ;;
                esac
                ;;
            *) fail 255 "400 too many arguments" ;;
        esac
        key=${key#-}
        key=${key#-}
        case $key in
            delete) for gone in $(echo "$value" | tr ',' ' '); do unput "$state/$id" "$gone"; done ;;
            force | start | password | storage | digest | unique) ;;
            sshkeys | ssh-public-keys) put "$state/$id" sshkeys "$(sha256sum <"$value" | cut -c 1-16)" ;;
            *) put "$state/$id" "$key" "$(made "$id" "$key" "$value")" ;;
        esac
    done
}

# resize ID DISK SIZE, where SIZE is absolute or `+` what is added.
resize() {
    need "$1"
    disk=$(look "$config" "$2") || fail 255 "disk '$2' does not exist"
    old=$(echo "$disk" | sed -n 's/.*size=\([0-9]*\)G.*/\1/p')
    case $3 in
        +*) new=$((old + $(echo "$3" | tr -dc 0-9))) ;;
        *) new=$(echo "$3" | tr -dc 0-9) ;;
    esac
    [ "$new" -ge "$old" ] || fail 255 "shrinking disks is not supported"
    put "$config" "$2" "$(echo "$disk" | sed "s/size=[0-9]*G/size=${new}G/")"
}

common() {
    verb=$1
    shift
    case $verb in
        list)
            for config in "$state"/*[0-9]; do
                [ -e "$config" ] || continue
                printf '%10s %-20s %-10s\n' "${config##*/}" "$(look "$config" name || look "$config" hostname || echo -)" \
                    "$(cat "$config.status")"
            done
            ;;
        config)
            need "$1"
            cat "$config"
            ;;
        status)
            need "$1"
            echo "status: $(cat "$config.status")"
            ;;
        set)
            need "$1"
            options "$@"
            ;;
        start | stop | shutdown | reboot)
            need "$1"
            # A guest with files of cloud-init starts only from a storage that may hold them.
            snippets=$(look "$config" cicustom | sed -n 's/^user=\([^:]*\):.*/\1/p') || snippets=
            if [ "$verb" = start ] && [ -n "$snippets" ]; then
                case ,$(look "$STUBS/state/pvesm/$snippets" content 2>/dev/null), in
                    *,snippets,* | ,,) ;;
                    *) fail 255 "storage '$snippets' does not support content-type 'snippets'" ;;
                esac
            fi
            case $verb:$(cat "$config.status") in
                start:running) fail 255 "$what $1 already running" ;;
                reboot:stopped) fail 255 "$what $1 not running" ;;
            esac
            case $verb in start | reboot) echo running ;; *) echo stopped ;; esac >"$config.status"
            ;;
        destroy)
            need "$1"
            [ "$(cat "$config.status")" = stopped ] || fail 255 "$what $1 is running - destroy failed"
            rm "$config" "$config.status"
            ;;
        resize) resize "$@" ;;
        *) unknown "$verb" "$@" ;;
    esac
}

born() {
    [ ! -e "$state/$1" ] || fail 255 "unable to create $what $1 - $what $1 already exists on node 'pve'"
    : >"$state/$1"
    echo stopped >"$state/$1.status"
}
