# ---------------------------------------------------------------- reading an archive
# Nothing that an archive says is believed before all of it is proved; nothing is written outside one folder.

# Reads a tar archive from `od` and prints "mode size name" for every entry, or "error: why" and fails.
# It reads the headers themselves since listings differ from tar to tar and hide what matters.
USTAR_READER='
function fail(why) { print "error: " why; failed = 1; exit 1 }
function zero(at, length_,    i) {
    for (i = at; i < at + length_; i++) if (b[i] != 0) return 0
    return 1
}
function text(at, length_,    i, s) {
    s = ""
    for (i = at; i < at + length_ && b[i] != 0; i++) {
        if (b[i] < 33 || b[i] > 126) fail("a name with a character that is not allowed")
        s = s sprintf("%c", b[i])
    }
    if (!zero(i, at + length_ - i)) fail("a name that goes on after its end")
    return s
}
function octal(at, length_,    i, n, digits) {
    n = 0; digits = 0
    for (i = at; i < at + length_ && b[i] >= 48 && b[i] <= 55; i++) { n = n * 8 + b[i] - 48; digits++ }
    for (; i < at + length_; i++) if (b[i] != 0 && b[i] != 32) fail("a header number that is not octal")
    if (!digits) fail("a header without a number")
    return n
}
function header(    i, sum, name, parts, n, mode, size, want) {
    sum = 0
    for (i = 0; i < 512; i++) sum += (i >= 148 && i < 156) ? 32 : b[i]
    if (sum == 256) { ended++; return }
    if (ended) fail("data after the end of the archive")
    if (octal(148, 8) != sum) fail("a header whose checksum is wrong")
    if (b[257] != 117 || b[258] != 115 || b[259] != 116 || b[260] != 97 || b[261] != 114 || b[262] != 0 || b[263] != 48 || b[264] != 48) fail("an entry that is not plain ustar")
    if (b[156] != 48) fail("an entry that is not a regular file (type " sprintf("%c", b[156]) ")")
    if (!zero(157, 100)) fail("a link")
    if (!zero(345, 155)) fail("a name of more than 100 bytes")
    name = text(0, 100)
    if (name !~ /^[A-Za-z0-9._\/-]+$/) fail("the name `" name "`")
    n = split(name, parts, "/")
    for (i = 1; i <= n; i++) if (parts[i] ~ /^-/ || parts[i] == "" || parts[i] == "." || parts[i] == "..") fail("the name `" name "`")
    if (n < 2) fail("`" name "` outside the root folder")
    if (root == "") root = parts[1]
    if (parts[1] != root) fail("two root folders, `" root "` and `" parts[1] "`")
    if (++entries > 10000) fail("more than 10000 files")
    if (tolower(name) in seen) fail("`" name "` twice (or alike but for case)")
    seen[tolower(name)] = 1
    mode = octal(100, 8); size = octal(124, 12)
    if (octal(108, 8) || octal(116, 8)) fail("`" name "` with an owner")
    name = substr(name, length(root) + 2)
    want = (name == "payload/labctl" || name ~ /^payload\/.*\.sh$/) ? 493 : 420
    if (mode != want) fail("`" name "` with a mode that its path does not have")
    print (mode == 493 ? "755" : "644"), size, root "/" name
    skip = int((size + 511) / 512) * 32
}
skip > 0 { skip--; next }
{
    for (i = 1; i <= NF; i++) b[filled++] = $i + 0
    if (filled < 512) next
    filled = 0
    header()
}
END {
    if (failed) exit 1
    if (skip > 0 || filled || ended < 2) { print "error: it is cut"; exit 1 }
    if (ended > 20) { print "error: padding after the end of the archive"; exit 1 }
}'

# Checks BUNDLE: exactly the lines of the format, in their order, and nothing a shell could trip over.
BUNDLE_READER='
function fail(why) { print why; failed = 1; exit 1 }
BEGIN { n = split("format lab machine version seq content manifest-sha256", want, " ") }
NR > n || NF != 2 || $1 != want[NR] || $0 != $1 " " $2 { fail("line " NR " of BUNDLE is not one of its format") }
$1 == "format" && $2 != format { fail("its format `" $2 "` is not `" format "`, the one this labctl reads") }
($1 == "lab" || $1 == "machine" || $1 == "version") && ($2 ~ /[^A-Za-z0-9._+-]/ || $2 ~ /^[.-]/) { fail("BUNDLE has a strange " $1) }
$1 == "seq" && ($2 ~ /[^0-9]/ || length($2) > 18 || $2 ~ /^0./) { fail("BUNDLE has a strange seq") }
($1 == "content" || $1 == "manifest-sha256") && ($2 ~ /[^0-9a-f]/ || length($2) != 64) { fail("BUNDLE has a strange " $1) }
END { if (!failed && NR != n) { print "BUNDLE is cut"; exit 1 } }'

# Unpacks an archive into the empty folder $2 and proves that the result is the closed world that its
# BUNDLE names. UNPACKED is then the folder. Refuses everything else; writes nowhere but below $2.
unpack() {
    archive=$1 into=$2
    [ -f "$archive" ] && [ -r "$archive" ] || refuse "$archive is not a file that can be read"
    room "$into" $(($(wc -c <"$archive") * 12 / 1024 + 4096)) || refuse "not enough room on the disk of $into"

    {
        gzip -dc 2>/dev/null <"$archive"
        echo $? >"$into/status"
    } | head -c $((UNPACKED_LIMIT + 1)) >"$into/tar" 2>/dev/null
    size=$(wc -c <"$into/tar")
    [ "$size" -le "$UNPACKED_LIMIT" ] || refuse "$archive unpacks to more than a bundle can be"
    [ "$(cat "$into/status" 2>/dev/null)" = 0 ] || refuse "$archive is cut or damaged (gzip), or the disk is full"
    # gzip ignores what follows its last member; the size in the last four bytes shows that there is something.
    # shellcheck disable=SC2046  # four numbers
    set -- $(tail -c 4 "$archive" | od -An -v -tu1)
    [ $(($1 + 256 * $2 + 65536 * $3 + 16777216 * $4)) = "$size" ] || refuse "$archive has trailing data"
    [ $((size % 512)) = 0 ] || refuse "$archive is cut or has trailing data (tar)"

    if ! od -An -v -tu1 "$into/tar" 2>/dev/null | awk "$USTAR_READER" >"$into/entries"; then
        why=$(sed -n 's/^error: //p' "$into/entries")
        refuse "$archive is not a bundle: ${why:-its tar archive cannot be read}"
    fi
    [ -s "$into/entries" ] || refuse "$archive is empty"
    folder=$(sed -n '1s|^[0-9]* [0-9]* \([^/]*\)/.*|\1|p' "$into/entries")
    mkdir "$into/tree" && tar -xof "$into/tar" -C "$into/tree" 2>"$into/errors" ||
        refuse "$archive cannot be unpacked: $(head -n 1 "$into/errors")"
    rm -f "$into/tar"
    UNPACKED=$into/tree/$folder

    why=$(closed_world "$UNPACKED" "$into/entries") || refuse "$archive is not a closed world: $why"
    content=$(value_of "$UNPACKED" content)
    id=$(printf '%.12s' "$content")
    [ "$folder" = "$(value_of "$UNPACKED" lab)-$(value_of "$UNPACKED" machine)-$id" ] ||
        refuse "the root folder \`$folder\` of $archive does not agree with its BUNDLE"
    why=$(sound_tables "$UNPACKED")
    [ -z "$why" ] || refuse "$why"
    check_signature "$archive" "$UNPACKED"
    why=$(sound_scripts "$UNPACKED")
    [ -z "$why" ] || refuse "$why"
}

# Proves that a generation's folder holds what its BUNDLE says and nothing else; prints why not.
closed_world() {
    tree=$1 entries=${2:-}
    for file in BUNDLE SHA256SUMS manifest.json; do
        [ -f "$tree/$file" ] || { echo "there is no $file"; return 1; }
    done
    awk -v format="$FORMAT" "$BUNDLE_READER" "$tree/BUNDLE" || return 1
    # shellcheck disable=SC2046  # two hashes, two names
    set -- $(cd "$tree" && sha256sum SHA256SUMS manifest.json)
    [ "$1" = "$(value_of "$tree" content)" ] || { echo "SHA256SUMS is not the one that BUNDLE names"; return 1; }
    [ "$3" = "$(value_of "$tree" manifest-sha256)" ] || { echo "manifest.json is not the one that BUNDLE names"; return 1; }
    awk 'length($1) != 64 || $1 ~ /[^0-9a-f]/ || $0 != $1 "  " $2 || $2 !~ /^payload\// || $2 <= last { exit 1 } { last = $2 }' \
        "$tree/SHA256SUMS" || { echo "SHA256SUMS has a line that is not of its form, or out of order"; return 1; }
    { echo BUNDLE; echo SHA256SUMS; echo manifest.json; cut -c67- "$tree/SHA256SUMS"; } | sort >"$WORK/named"
    (cd "$tree" && find . ! -type d) | sed 's|^\./||' | sort >"$WORK/found"
    odd=$(cd "$tree" && find . ! -type d ! -type f)
    [ -z "$odd" ] || { echo "$odd is not a regular file"; return 1; }
    cmp -s "$WORK/named" "$WORK/found" || {
        echo "$(sort "$WORK/named" "$WORK/found" | uniq -u | head -n 3 | tr '\n' ' ')is in it or in SHA256SUMS, not in both"
        return 1
    }
    if [ -n "$entries" ]; then
        sed 's|^[0-9]* [0-9]* [^/]*/||' "$entries" | sort | cmp -s - "$WORK/found" || { echo "it did not unpack to what it lists"; return 1; }
    fi
    (cd "$tree" && sha256sum -c SHA256SUMS 2>/dev/null) >"$WORK/sums" || {
        echo "$(sed -n 's/: FAILED.*//p' "$WORK/sums" | head -n 3 | tr '\n' ' ')is not what SHA256SUMS says"
        return 1
    }
}

# The places of files that a machine needs itself: no bundle installs anything there or below. The compiler refuses them too.
NEVER_INSTALLED='
/bin /boot /dev /efi /etc/adduser.conf /etc/alternatives /etc/apt/apt.conf /etc/apt/apt.conf.d /etc/apt/sources.list
/etc/bash.bashrc /etc/bindresvport.blacklist /etc/ca-certificates.conf /etc/cloud /etc/containerd /etc/crontab
/etc/crypttab /etc/dbus-1/session-local.conf /etc/dbus-1/session.conf /etc/dbus-1/system-local.conf
/etc/dbus-1/system.conf /etc/debconf.conf /etc/debian_version /etc/default/cron /etc/default/dbus /etc/default/docker
/etc/default/grub /etc/default/grub.d /etc/default/locale /etc/default/networking /etc/default/nfs-common
/etc/default/nfs-kernel-server /etc/default/nss /etc/default/rpcbind /etc/default/ssh /etc/default/ufw
/etc/default/useradd /etc/default/zfs /etc/deluser.conf /etc/dhcpcd.conf /etc/docker /etc/dpkg /etc/dracut.conf
/etc/dracut.conf.d /etc/environment /etc/ethertypes /etc/fstab /etc/gai.conf /etc/group /etc/grub.d /etc/gshadow
/etc/host.conf /etc/hostname /etc/hosts /etc/hosts.allow /etc/hosts.deny /etc/init.d /etc/initramfs-tools /etc/issue
/etc/issue.net /etc/labwright/env /etc/labwright/secrets /etc/labwright/trust /etc/ld.so.conf /etc/ld.so.conf.d
/etc/ld.so.preload /etc/localtime /etc/login.defs /etc/logrotate.conf /etc/lvm /etc/machine-id /etc/mdadm
/etc/multipath.conf /etc/netplan /etc/network/interfaces /etc/nftables.conf /etc/nologin /etc/nsswitch.conf
/etc/os-release /etc/pam.conf /etc/pam.d /etc/passwd /etc/perl /etc/polkit-1 /etc/profile /etc/protocols /etc/pve
/etc/python3 /etc/python3.11 /etc/python3.12 /etc/python3.13 /etc/resolv.conf /etc/rpc /etc/selinux /etc/services
/etc/shadow /etc/shells /etc/skel /etc/ssl/certs/ca-certificates.crt /etc/ssl/openssl.cnf /etc/subgid /etc/subuid
/etc/sudo.conf /etc/sudo_logsrvd.conf /etc/sudoers /etc/sudoers.d /etc/sv /etc/sysctl.conf /etc/terminfo /etc/timezone
/etc/udev/udev.conf /etc/ufw /etc/zfs/zpool.cache /home /lib /lib64 /proc /root /run /sbin /sys /usr/bin /usr/games
/usr/include /usr/lib /usr/lib64 /usr/libexec /usr/local/libexec/docker /usr/local/share/dbus-1 /usr/local/share/perl
/usr/local/share/polkit-1 /usr/sbin /usr/src /var/lib/apt /var/lib/containerd /var/lib/docker /var/lib/dpkg
/var/lib/labwright /var/lib/systemd /var/lock /var/run'

# The programs that root runs by name: no bundle installs one in a folder in which sh looks for it first.
NEVER_HIDDEN='
addgroup adduser apt apt-cache apt-get apt-mark awk basename bash blkid bridge busybox cat chattr chgrp chmod chown
chroot clear cloud-init cmp comm containerd cp createdb crontab curl cut dash date ddclient df diff dir dirname docker
docker-compose dpkg dpkg-query dropdb du echo env exportfs expr fail2ban-client false find findmnt flock free getconf
getent getfacl grep groupadd groups gunzip gzip halt head hostname hostnamectl id init install ip ip6tables iptables
join journalctl jq kill killall labctl ldconfig link ln logger login loginctl ls lsattr lsblk lsmod mariadb
mariadb-dump mkdir mkfs.ext4 mktemp modprobe more mount mountpoint mv mysql mysqldump nc netplan networkctl nft nginx
nohup nsenter od openssl openvpn partx passwd patch pct perl pg_dump pg_restore pgrep ping pkill poweroff pr printf
prometheus prometheus-node-exporter ps psql pvesh pvesm pveum pveversion pwd python3 qm rclone readlink reboot
resolvectl restic rm rmdir runc runuser sed seq service setfacl setpriv setsid sftp sgdisk sh sha256sum sha512sum shuf
shutdown sleep smbd sort split sqlite3 ssh ssh-keygen sshd stat stty su sudo sum swapoff swapon sync sysctl systemctl
systemd-cat systemd-notify systemd-run systemd-tmpfiles tail tar tee test timedatectl timeout top touch tr true
truncate tty udevadm ufw umount uname uniq unshare unzip update-ca-certificates update-initramfs uptime useradd
usermod w watch wc wg wg-quick wget which who wipefs xargs yes zfs zpool'

# Prints every line of install.tsv that no labwright writes. Needs the files of the bundle as side=sums.
INSTALL_READER='
function never(p,    i, name) {
    name = p
    if (sub(/^\/usr\/local\/s?bin\//, "", name) && p != "/usr/local/sbin/labctl")
        for (i = 1; i <= programs; i++) if (name == hidden[i]) return 1
    if (p ~ /^\/usr\/local(\/lib(\/.*)?)?$/ && p !~ /^\/usr\/local\/lib\/labwright(-databases)?\/./) return 1
    for (i = 1; i <= count; i++) if (p == kept[i] || index(p, kept[i] "/") == 1 || index(kept[i], p "/") == 1) return 1
    if (p ~ /^\/etc\/security(\/|$)/ && p !~ /^\/etc\/security\/limits\.d\/./) return 1
    if (p ~ /^\/usr\/share(\/|$)/ && p !~ /^\/usr\/share\/keyrings\/./) return 1
    if (p ~ /^\/etc\/ssh\// && p !~ /^\/etc\/ssh\/sshd_config\.d\//) return 1
    return p ~ /^\/etc\/systemd\// && p !~ /^\/etc\/systemd\/system\/[^\/]+$/ && p !~ /^\/etc\/systemd\/(system\/[^\/]+|[^\/]+\.conf)\.d\/[^\/]+$/
}
BEGIN { count = split(never_installed, kept, " "); programs = split(never_hidden, hidden, " ") }
side == "sums" { there[substr($0, 75)] = 1; next }
NF != 5 || $1 ~ /(^|\/)\.\.?(\/|$)|^\// || $2 !~ /^\/[A-Za-z0-9._\/@:+-]+$/ || $2 ~ /(^|\/)\.\.?(\/|$)|\/$|\/\// || $5 !~ /^0[0-7][0-7][0-7]$/ ||
$3 !~ /^[A-Za-z0-9_.][A-Za-z0-9_.-]*$/ || $4 !~ /^[A-Za-z0-9_.][A-Za-z0-9_.-]*$/ {
    print "install.tsv has a line that is not allowed: " $1 " -> " $2; next }
!($1 in there) { print "install.tsv names " $1 ", which is not in the bundle" }
seen[$2]++ { print "install.tsv installs " $2 " twice" }
never($2) { print "install.tsv installs " $2 ", where the machine has what it needs itself" }
{ places[$2] = 1 }
END {
    for (p in places) {
        above = p
        while (sub(/\/[^\/]*$/, "", above) && above != "") if (above in places) print "install.tsv installs " p " in " above ", which is a file"
    }
}'

# Prints every script that the bundle in $1 installs and that its shell can't read. Runs none of them.
sound_scripts() {
    [ -f "$1/payload/install.tsv" ] || return 0
    while IFS="$TAB" read -r from to _; do
        IFS= read -r first <"$1/payload/$from" || continue
        case $first in
        '#!/bin/sh'*) shell='sh' ;;
        '#!/bin/bash'* | '#!/usr/bin/env bash'*) shell='bash' ;;
        *) continue ;;
        esac
        "$shell" -n "$1/payload/$from" >"$WORK/read" 2>&1 ||
            echo "$shell can't read $to:$(sed -n '1s|^[^:]*payload/[^:]*:||p' "$WORK/read")"
    done <"$1/payload/install.tsv"
}
