# What `zpool` and `zfs` share: one folder of datasets, each a file of `property: value` lines. Sourced after stub.sh.
# shellcheck shell=sh disable=SC2154 # state and stub come from stub.sh

pools=$STUBS/state/zpool
datasets=$STUBS/state/zfs
mkdir -p "$pools" "$datasets"

file_of() {
    printf '%s/%s' "$datasets" "$(printf '%s' "$1" | tr '/' '%')"
}

exists() {
    [ -e "$(file_of "$1")" ]
}

# Sizes are kept in bytes: `30G`, `30720M` and `32212254720` are one value.
bytes() {
    case $2 in none | on | off | *[!0-9KMGTkmgtiB.]* | '') echo "$2" && return ;; esac
    case $1 in
        quota | refquota | reservation | refreservation | recordsize | volsize | special_small_blocks)
            echo "$2" | awk '{
                power = index("KMGT", toupper(substr($0, match($0, /[A-Za-z]/), 1)))
                if ($0 !~ /[A-Za-z]/) power = 0
                printf "%.0f\n", ($0 + 0) * 1024 ^ power
            }'
            ;;
        *) echo "$2" ;;
    esac
}

# As ZFS prints a size for people: 30G, 1.50T.
human() {
    echo "$1" | awk '{
        value = $0; power = 0
        while (value >= 1024 && power < 4) { value /= 1024; power++ }
        printf (value == int(value) ? "%d%s\n" : "%.2f%s\n"), value, substr("KMGT", power, power > 0)
    }'
}

# put_property DATASET PROPERTY=VALUE
put_property() {
    case $2 in *=*) ;; *) fail 2 "missing '=' for property=value argument" ;; esac
    put "$(file_of "$1")" "${2%%=*}" "$(bytes "${2%%=*}" "${2#*=}")"
}

# property DATASET NAME: the value, and after a tab its source. Inherits as ZFS does.
property() {
    dataset=$1
    case $2 in
        name) printf '%s\t-\n' "$1" && return ;;
        type) printf 'filesystem\t-\n' && return ;;
        used | usedbydataset) printf '98304\t-\n' && return ;;
        available | avail) printf '107374182400\t-\n' && return ;;
        mounted) printf 'yes\t-\n' && return ;;
    esac
    source=local suffix=
    while :; do
        if value=$(look "$(file_of "$dataset")" "$2"); then
            case $2:$value in mountpoint:/*) value=$value$suffix ;; esac
            printf '%s\t%s\n' "$value" "$source"
            return
        fi
        case $2 in quota | refquota | reservation | refreservation | canmount) break ;; esac
        case $dataset in */*) ;; *) break ;; esac
        suffix=/${dataset##*/}$suffix
        dataset=${dataset%/*}
        source="inherited from $dataset"
    done
    case $2 in
        quota | refquota | reservation | refreservation) value=0 ;;
        recordsize) value=131072 ;;
        compression | atime | xattr | canmount | exec | setuid) value=on ;;
        acltype | sharenfs | relatime) value=off ;;
        mountpoint) value=/$1 ;;
        *:*) value=- ;;
        *) fail 2 "bad property list: invalid property '$2'" ;;
    esac
    printf '%s\tdefault\n' "$value"
}

# shown PROPERTY VALUE PARSABLE
shown() {
    case $1:$3 in
        *:1) echo "$2" ;;
        quota:* | refquota:* | reservation:* | refreservation:*) if [ "$2" = 0 ]; then echo none; else human "$2"; fi ;;
        recordsize:* | used:* | avail*:* | volsize:*) human "$2" ;;
        *) echo "$2" ;;
    esac
}
