#!/bin/sh
# Makes an image of this machine's own programs, each with the libraries that it needs; busybox is everything else.
#
#   image.sh REFERENCE ENTRYPOINT FILE... [-- OPTION-OF-DOCKER-IMPORT...]
#
# ENTRYPOINT is a JSON list. A FILE may be a folder; OLD=NEW puts a file under another name.
set -eu
reference=$1 entrypoint=$2
shift 2
image=$(mktemp -d)
mkdir -m 1777 "$image/tmp"
mkdir -p "$image/etc" "$image/var/run" "$image/usr/bin" "$image/usr/sbin" "$image/usr/lib" "$image/usr/lib64" "$image/proc"
for folder in bin sbin lib lib64; do ln -s "usr/$folder" "$image/$folder"; done
cp /etc/passwd /etc/group /etc/nsswitch.conf "$image/etc/"
echo 'service:x:999:999::/:/bin/sh' >>"$image/etc/passwd"
cp /usr/bin/busybox "$image/usr/bin/"
busybox --install -s "$image/usr/bin"

while [ $# -gt 0 ] && [ "$1" != -- ]; do
    new=$image${1#*=}
    mkdir -p "${new%/*}"
    rm -f "$new"
    cp -rL "${1%%=*}" "$new"
    shift
done
[ $# = 0 ] || shift

# PostgreSQL's compiler of queries is half of an image, and PostgreSQL goes on without it.
rm -rf "$image"/usr/lib/postgresql/*/lib/bitcode "$image"/usr/lib/postgresql/*/lib/llvmjit*
# ldd fails for what is no program, and says so.
find "$image" -type f \( -perm /111 -o -name '*.so*' \) -exec ldd {} + 2>/dev/null |
    sed -n 's,.*[[:blank:]]\(/[^ ]*\) (0x.*,\1,p' | sort -u | while read -r library; do
    # Into /usr, where the links lead.
    new=$image/usr/${library#/}
    case $library in /usr/*) new=$image$library ;; esac
    mkdir -p "${new%/*}"
    [ -e "$new" ] || cp -L "$library" "$new"
done

tar -C "$image" -c . | docker import --change "ENTRYPOINT $entrypoint" "$@" - "$reference" >/dev/null
rm -rf "$image"
