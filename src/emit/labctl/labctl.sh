#!/bin/sh
# labctl takes a labwright bundle into use on the machine it was made for, and takes it back again.
#
# It needs a POSIX shell (dash, busybox ash) and the usual small tools (coreutils or busybox: awk, tar,
# gzip, od, sha256sum, stat; flock). It trusts nothing in an archive before the whole of it is verified, changes
# nothing before the revert is armed, and leaves a journal (`pending`) from which any later call, a timer
# or the next boot can finish the change or put the old generation back.
#
#   /var/lib/labwright/<lab>/
#     gen/<id>/     unpacked generations: BUNDLE SHA256SUMS manifest.json payload/
#     current       link to the active generation; previous: to the one before it
#     machine       the machine's name: its identity, whatever the host name says
#     pending       the journal of a change that is under way
#     installed     every path outside the state that labctl has written
#     replaced/     files that were there before labctl wrote their path
#     edited/       files of ours that somebody had edited, as they were before being overwritten
#     log           one line per event; output: what the steps of the last run printed
#     labctl        the copy that the armed revert runs, never the one of the new generation
#
# For tests only: LABWRIGHT_ROOT is put before every absolute path, so that everything runs unprivileged
# in a folder. The other LABWRIGHT_TEST_* variables count only together with it.

# shellcheck disable=SC2317  # reached by trap
# shellcheck disable=SC2015  # `a && b || fail`: that fail also answers for b is meant
# shellcheck disable=SC2016  # awk programs and messages that name a command hold $ and ` that are not for sh

set -u
umask 022
LC_ALL=C
export LC_ALL
unset CDPATH ENV BASH_ENV GZIP TAR_OPTIONS POSIXLY_CORRECT GREP_OPTIONS 2>/dev/null
PATH=${PATH:-}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH
IFS=' 	
'
TAB='	'

FORMAT='labwright.bundle/1'
UNPACKED_LIMIT=$((256 * 1024 * 1024)) # as the compiler's own reader has it; more than this is a bomb
REVERT_EVERY=15                       # seconds between two looks of the armed timer
RETRY_EVERY=300                       # seconds before it tries a revert again that has failed

ROOT=${LABWRIGHT_ROOT:-}
BASE=$ROOT/var/lib/labwright
TRUST=$ROOT/etc/labwright/trust/allowed_signers
LOCK_FILE=$ROOT/run/labwright.lock
STEP_FILE=$ROOT/run/labwright.step

# What the command line said.
VERB='' FILE='' LAB='' NAME='' JSON=0 ALL=0 KEEP=3 WITHIN='' ONE_WAY=0 ALL_STEPS=0 AT_BOOT=0 WATCH=0

# What the running call knows. STATE is empty until the lab is known.
STATE='' WORK='' STAGED='' LOCKED=0 INTERRUPTED=0 TOUCHED=0

# ---------------------------------------------------------------- talking

# A login that was cut off must not end a change half way: nothing here fails because nobody listens.
say() { [ "$JSON" = 1 ] || printf '%s\n' "$*" 2>/dev/null || :; }
warn() { printf 'labctl: %s\n' "$*" >&2 2>/dev/null || :; }

usage_error() {
    warn "$1"
    warn "\`labctl --help\` shows how it is used"
    exit 64
}

# Ends a call that has changed nothing by itself (though it may have finished or reverted an earlier one).
refuse() {
    record "refused: $*"
    if [ "$JSON" = 1 ]; then
        {
            printf 'S\tformat\tlabwright.%s/1\n' "$VERB"
            printf 'L\trefused\n'
            printf 'R\trefused\twhy=%s\n' "$(one_line "$*")"
        } | render_json
    fi
    warn "refused: $*"
    [ "$TOUCHED" = 1 ] || warn "nothing was changed"
    exit 3
}

one_line() { printf '%s' "$*" | tr '\n\t' '  '; }

# Appends one event to the log. A full disk must not stop a revert, so this never fails.
record() {
    [ -n "$STATE" ] && [ -d "$STATE" ] || return 0
    (printf '%s %s %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$VERB" "$(one_line "$*")" >>"$STATE/log") 2>/dev/null || :
}

help() {
    cat <<'HELP'
labctl: take a labwright bundle into use on this machine, and take it back

  labctl plan FILE        verify FILE and show what it would change; touches nothing
                          exit 0: nothing, 2: changes, 3: FILE is refused
  labctl apply FILE       make it so; exit 0: done, 3: refused, nothing changed,
                          4: failed and reverted, 5: failed and the revert failed
      --confirm-within S  seconds for `labctl confirm` from a new login when the
                          firewall or ssh changes (default 120; 0: do not ask)
      --allow-one-way     accept what cannot be undone
      --all-steps         run every step, also those whose inputs are the same
  labctl confirm          keep the new generation; from a new login
  labctl rollback [ID]    back to the previous or the named generation, offline
  labctl status           current, previous and pending generation, health
  labctl list             the generations on this machine
  labctl verify           compare what is installed with the current generation
  labctl gc [--keep N]    remove old generations (keeps N, default 3), never the
                          current, the previous or a pending one
  labctl secrets [FILE]   which secrets are there, which are missing
  labctl secrets set NAME [FILE]
                          read the value from standard input and write it

  --json   plan, status, list, verify, secrets   --all   do not shorten the plan
  --lab L  when this machine holds the state of several labs
HELP
}

# ---------------------------------------------------------------- hooks of the tests

# Marks a place where the power may fail. With LABWRIGHT_TEST_KILL the call dies here, without a trap.
point() {
    [ -n "$ROOT" ] || return 0
    [ -z "${LABWRIGHT_TEST_POINTS:-}" ] || printf '%s\n' "$1" >>"$LABWRIGHT_TEST_POINTS"
    [ "${LABWRIGHT_TEST_KILL:-}" != "$1" ] || kill -9 $$
}

# Makes sure that what was written is on the disk before the next thing is done.
flush() { [ -n "${ROOT:+${LABWRIGHT_TEST_NO_SYNC:-}}" ] || sync; }

# The kernel's view of time and boots; a test may bring its own.
proc() { if [ -n "$ROOT" ] && [ -e "$ROOT/proc/$1" ]; then echo "$ROOT/proc/$1"; else echo "/proc/$1"; fi; }

# Hundredths of a second since boot: a clock that ntp or a person sets cannot move a deadline.
now() {
    uptime=''
    read -r uptime _ 2>/dev/null <"$(proc uptime)" || :
    case $uptime in
    *.*) echo "${uptime%%.*}${uptime#*.}" ;;
    *) echo "$(date +%s)00" ;;
    esac
}

boot_id() {
    boot=unknown
    read -r boot 2>/dev/null <"$(proc sys/kernel/random/boot_id)" || :
    echo "$boot"
}

is_root() { [ "$(id -u)" = 0 ]; }
has() { command -v "$1" >/dev/null 2>&1; }
has_systemd() { [ -d "$ROOT/run/systemd/system" ] && has systemctl && has systemd-run; }

# ---------------------------------------------------------------- one at a time

cleanup() {
    [ -z "$WORK" ] || rm -rf "$WORK"
    if [ -n "$STAGED" ]; then
        rm -rf "$STAGED"
        rmdir "$BASE" 2>/dev/null || : # a refused first bundle leaves no trace
    fi
    unlock
}

# Takes the machine's lock or fails. The kernel lets go of it when labctl is gone, however it ended.
lock() {
    mkdir -p "${LOCK_FILE%/*}" 2>/dev/null
    (: >>"$LOCK_FILE") 2>/dev/null || refuse "cannot write $LOCK_FILE: is this root, on a writable file system?"
    has flock || refuse "there is no flock here (Debian: util-linux)"
    exec 9<>"$LOCK_FILE"
    flock -n 9 || return 1
    printf '%s\n' $$ >"$LOCK_FILE"
    LOCKED=1
    step_runs || return 0
    unlock
    return 1
}

# Whether a step outlives the labctl that started it.
step_runs() {
    read -r owner 2>/dev/null <"$STEP_FILE" || return 1
    tr '\0' ' ' 2>/dev/null <"/proc/$owner/cmdline" | grep -q '^[^ ]*sh [a-z]*\.d/'
}

unlock() {
    [ "$LOCKED" = 1 ] || return 0
    LOCKED=0
    exec 9>&-
}

# The start time of a process in clock ticks (hundredths of a second) since boot; nothing when it is gone.
started() {
    line=''
    read -r line 2>/dev/null <"/proc/$1/stat" || return 0
    line=${line##*) }
    # shellcheck disable=SC2086  # the fields after the command's name hold no blanks
    set -- $line
    echo "${20:-}"
}

lock_or_refuse() {
    lock && return 0
    owner=''
    read -r owner 2>/dev/null <"$LOCK_FILE" || :
    refuse "another labctl${owner:+ (process $owner)}, or a step it started, is at work"
}

# ---------------------------------------------------------------- which lab

must_be_root() { [ -n "$ROOT" ] || is_root || refuse "this needs root"; }

use_lab() {
    LAB=$1
    STATE=$BASE/$LAB
    [ ! -d "$STATE" ] || [ -x "$STATE" ] || refuse "$STATE cannot be read: this needs root"
}

# Finds the one lab that this machine belongs to; fails when there is none.
find_lab() {
    if [ -n "$LAB" ]; then
        use_lab "$LAB"
        [ -d "$STATE" ]
        return
    fi
    found=''
    for folder in "$BASE"/*/; do
        [ -d "$folder/gen" ] || [ -f "$folder/machine" ] || continue
        folder=${folder%/}
        [ -z "$found" ] || usage_error "this machine holds the state of several labs: say which with --lab"
        found=${folder##*/}
    done
    [ -n "$found" ] && use_lab "$found"
}

find_lab_or_refuse() { find_lab || refuse "no generation was ever applied on this machine"; }

# The id that a link of the state (current, previous) points to; nothing when it is not there.
linked() {
    link=$(readlink "$STATE/$1" 2>/dev/null) || return 0
    echo "${link##*/}"
}

generation() { [ -z "$1" ] || echo "$STATE/gen/$1"; }
# Prints the value of a key in the BUNDLE of the generation folder $1. Asked often, so without a process.
value_of() {
    while read -r key value; do
        if [ "$key" = "$2" ]; then
            echo "$value"
            return
        fi
    done <"$1/BUNDLE"
} 2>/dev/null

described() { if [ -n "$1" ]; then echo "$(value_of "$STATE/gen/$1" version) ($1)"; else echo nothing; fi; }

# Points a link of the state to a generation in one step, or takes it away.
relink() {
    if [ -z "$2" ]; then
        rm -f "$STATE/$1"
    else
        rm -f "$STATE/.$1.new"
        ln -s "gen/$2" "$STATE/.$1.new" && mv -fT "$STATE/.$1.new" "$STATE/$1"
    fi
}

work_folder() {
    tmp=${TMPDIR:-/tmp}
    [ -z "$ROOT" ] || [ ! -d "$ROOT/tmp" ] || tmp=$ROOT/tmp
    WORK=$(mktemp -d "$tmp/labctl.XXXXXX") || refuse "cannot write to $tmp"
}

# ---------------------------------------------------------------- reading an archive

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
    for (i = 1; i <= n; i++) if (parts[i] == "" || parts[i] == "." || parts[i] == "..") fail("the name `" name "`")
    if (n < 2) fail("`" name "` outside the root folder")
    if (root == "") root = parts[1]
    if (parts[1] != root) fail("two root folders, `" root "` and `" parts[1] "`")
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
    check_signature "$archive" "$UNPACKED"
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

check_signature() {
    if [ ! -f "$TRUST" ]; then
        [ ! -f "$1.sig" ] || warn "$1.sig was not checked: $TRUST does not exist"
        return 0
    fi
    [ -f "$1.sig" ] || refuse "$1 is not signed ($1.sig is missing), and $TRUST asks for a signature"
    has ssh-keygen || refuse "ssh-keygen, which checks the signature, is not installed"
    signer=$(ssh-keygen -Y find-principals -s "$1.sig" -f "$TRUST" 2>/dev/null | head -n 1)
    [ -n "$signer" ] || refuse "$1.sig is not by a key in $TRUST"
    ssh-keygen -Y verify -f "$TRUST" -I "$signer" -n labwright -s "$1.sig" >/dev/null 2>&1 <"$2/BUNDLE" ||
        refuse "$1.sig does not sign this bundle"
}

# Refuses a bundle of another lab or machine. The identity is a file: a host name changes too easily.
check_identity() {
    lab=$(value_of "$1" lab) machine=$(value_of "$1" machine)
    [ -z "$LAB" ] || [ "$LAB" = "$lab" ] || refuse "this bundle is of the lab \`$lab\`, not of \`$LAB\`"
    for file in "$BASE"/*/machine; do
        [ -f "$file" ] || continue
        folder=${file%/machine}
        [ "${folder##*/}" = "$lab" ] || refuse "this machine belongs to the lab \`${folder##*/}\`, the bundle to \`$lab\` (remove $file to give the machine away)"
        read -r is <"$file" || is=''
        [ "$is" = "$machine" ] || refuse "this machine is \`$is\`, the bundle is for \`$machine\` ($file)"
    done
    use_lab "$lab"
}

# Refuses a bundle that is older than the current generation.
check_replay() {
    seq=$(value_of "$1" seq)
    current=$(linked current)
    [ -n "$current" ] || return 0
    have=$(value_of "$STATE/gen/$current" seq)
    [ "$seq" -ge "${have:-0}" ] ||
        refuse "this bundle ($(value_of "$1" version)) is older than the current generation ($(value_of "$STATE/gen/$current" version)): replayed; \`labctl rollback\` goes back"
}

# Whether the file system that holds $1 has $2 KiB left.
room() {
    free=$(df -Pk "$1" 2>/dev/null | awk 'NR > 1 { free = $(NF - 2) } END { print free }')
    [ -z "$free" ] || [ "$free" -ge "$2" ]
}

# ---------------------------------------------------------------- what differs

# Prints a table of a generation; nothing when the generation is "" or has no such table.
table() { [ -z "$1" ] || [ ! -f "$1/payload/$2" ] || cat "$1/payload/$2"; }
table_path() { if [ -n "$1" ] && [ -f "$1/payload/$2" ]; then echo "$1/payload/$2"; else echo /dev/null; fi; }
sums() { [ -z "$1" ] || cat "$1/SHA256SUMS"; }

# Writes to WORK/files what becomes of every path that generation $1 installs or that labctl installed
# before, compared with the machine as it is: "op dst src owner group mode".
#   same, new, changed   adopt: the same file is there, not by us   takeover: another is there, not by us
#   edited: ours, changed by somebody   removed: ours, no longer wanted   blocked: a folder is there
# $2 is the generation that was activated last: what it installed and nobody edited is "changed".
file_changes() {
    table "$1" install.tsv >"$WORK/want"
    table "$2" install.tsv >"$WORK/had"
    if [ -f "$STATE/installed" ]; then sort "$STATE/installed"; fi >"$WORK/ours"
    sums "$1" >"$WORK/want.sums"
    sums "$2" >"$WORK/had.sums"
    { cut -f2 "$WORK/want"; cat "$WORK/ours"; } | sort -u | awk -v root="$ROOT" '{ print root $0 }' >"$WORK/targets"
    : >"$WORK/hashes"
    : >"$WORK/stats"
    if [ -s "$WORK/targets" ]; then
        xargs sha256sum <"$WORK/targets" >"$WORK/hashes" 2>/dev/null
        xargs stat -c '%n %a %u %g %U %G %F' <"$WORK/targets" >"$WORK/stats" 2>/dev/null
    fi
    owners=0
    if is_root; then owners=1; fi # an unprivileged test cannot give files away
    awk -v root="$ROOT" -v owners="$owners" '
        function path(p) { return substr(p, length(root) + 1) }
        side == "sums" { want[substr($2, 9)] = $1; next }
        side == "oldsums" { had[substr($2, 9)] = $1; next }
        side == "old" { split($0, f, "\t"); last[f[2]] = had[f[1]]; next }
        side == "hash" { hash[path($2)] = $1; next }
        side == "stat" {
            dst = path($1); mode[dst] = $2; uid[dst] = $3; gid[dst] = $4; user[dst] = $5; group[dst] = $6
            kind[dst] = $7; next
        }
        side == "ours" { ours[$1] = 1; next }
        {
            split($0, f, "\t")
            src = f[1]; dst = f[2]; wants[dst] = 1; m = f[5]; sub(/^0+/, "", m)
            same = hash[dst] == want[src] && mode[dst] == m && kind[dst] == "regular" && (!owners || ((user[dst] == f[3] || uid[dst] == f[3]) && (group[dst] == f[4] || gid[dst] == f[4])))
            if (!(dst in kind)) op = "new"
            else if (kind[dst] == "directory") op = "blocked"
            else if (same) op = (dst in ours) ? "same" : "adopt"
            else if (!(dst in ours)) op = "takeover"
            else op = (hash[dst] == last[dst] || hash[dst] == want[src]) ? "changed" : "edited"
            print op "\t" dst "\t" src "\t" f[3] "\t" f[4] "\t" f[5]
        }
        END {
            for (dst in ours) if (!(dst in wants)) print "removed\t" dst "\t-\t" ((dst in hash) && hash[dst] != last[dst] ? "edited" : "-")
        }' side=sums "$WORK/want.sums" side=oldsums "$WORK/had.sums" side=old "$WORK/had" side=hash "$WORK/hashes" \
        side=stat "$WORK/stats" side=ours "$WORK/ours" side=new "$WORK/want" | sort -t "$TAB" -k2 >"$WORK/files"
}

# Writes to WORK/changed the payload paths that differ between two generations, and those whose installed
# copy is not as it should be: what reads them has to be told again. Needs file_changes.
payload_changes() {
    {
        awk '
            side == "old" { old[substr($2, 9)] = $1; next }
            { p = substr($2, 9); if (old[p] != $1) print p; delete old[p] }
            END { for (p in old) print p }' side=old "$WORK/had.sums" side=new "$WORK/want.sums"
        awk -F'\t' '$1 != "same" && $1 != "removed" { print $3 }' "$WORK/files"
    } | sort -u >"$WORK/changed"
}

# Prints the activate steps of generation $1 that have to run, in order. Needs payload_changes.
steps_to_run() {
    [ -n "$1" ] && [ -d "$1/payload/activate.d" ] || return 0
    (
        cd "$1/payload" || exit 1
        set -- activate.d/*.sh
        [ -f "$1" ] || exit 0
        awk -v all="$ALL_STEPS" -v list="$WORK/changed" '
            function affected(    i, n, input, inputs, p) {
                if (all || !declared || step in changed) return 1
                n = split(line, inputs, " ")
                for (i = 1; i <= n; i++) {
                    input = inputs[i]
                    if (input in changed) return 1
                    if (input ~ /\/$/) for (p in changed) if (index(p, input) == 1) return 1
                }
                return 0
            }
            BEGIN { while ((getline p <list) > 0) changed[p] = 1 }
            FNR == 1 { if (step != "" && affected()) print step; step = FILENAME; declared = 0 }
            FNR <= 20 && !declared && /^# inputs:/ { declared = 1; line = substr($0, 10) }
            END { if (step != "" && affected()) print step }' "$@"
    )
}

# Writes to WORK/tables what differs between the tables of generation folders $1 and $2, as rows for the plan.
table_changes() {
    after=$1 before=$2
    set --
    for name in compose/containers systemd/units firewall/flows one-way; do
        set -- "$@" "table=$name" side=old "$(table_path "$before" "$name.tsv")" side=new "$(table_path "$after" "$name.tsv")"
    done
    awk -F'\t' '
        # The first columns are the key; those in `matter` make a row another one, the rest only explain it.
        function define(t, title_, k, matter_, columns_, words) { title[t] = title_; keys[t] = k; matter[t] = matter_; columns[t] = columns_; split(words, op, " "); added[t] = op[1]; changed[t] = op[2]; removed[t] = op[3] }
        function key(    i, s) { s = ""; for (i = 1; i <= keys[table]; i++) s = s $i "\t"; return table "\t" s }
        function value(    i, n, v, s) { s = ""; n = split(matter[table], v, ","); for (i = 1; i <= n; i++) s = s $v[i] "\t"; return s }
        function row(t, op, line,    i, n, c, f) {
            if (op == "-") return
            n = split(columns[t], c, " "); split(line, f, "\t")
            printf "R\t%s\top=%s", title[t], op
            for (i = 1; i <= n; i++) printf "\t%s=%s", c[i], f[i]
            print ""
        }
        BEGIN {
            define("compose/containers", "containers", 1, "2,3", "name image", "created recreated removed")
            define("systemd/units", "units", 1, "2", "name action", "added changed removed")
            define("firewall/flows", "flows", 3, "5,6", "from proto port reason", "opened changed closed")
            define("one-way", "oneWay", 1, "2", "key value what", "- changed removed")
        }
        side == "old" { was[key()] = value(); line[key()] = $0; of[key()] = table; next }
        {
            k = key()
            if (!(k in was)) row(table, added[table], $0)
            else if (was[k] != value()) row(table, changed[table], $0)
            delete line[k]
        }
        END { for (k in line) row(of[k], removed[of[k]], line[k]) }' "$@" | sort -t "$TAB" -k2,2 -k4 >"$WORK/tables"
}

# Whether the firewall or ssh changes: then a person may be locked out. Needs payload_changes.
reaches_login() {
    grep -q -e '^firewall/' -e '^proxmox/firewall/' "$WORK/changed" ||
        awk -F'\t' '$1 != "same" && $2 ~ /^\/etc\/ssh\// { found = 1 } END { exit !found }' "$WORK/files"
}

# ---------------------------------------------------------------- the login

# Finds who is at work: LOGIN is "ssh ADDR PORT ADDR PORT" or "local SESSION TTY". sudo drops
# SSH_CONNECTION, so the processes above are asked too. LOGIN_SINCE is when the oldest of them that
# belongs to the login began (hundredths of a second since boot; empty when that cannot be told).
find_login() {
    connection=${SSH_CONNECTION-} LOGIN_SINCE=''
    asked=${SSH_CONNECTION+yes} # set but empty: somebody says that this is no ssh login
    pid=$$
    while [ "$pid" -gt 1 ] && [ -r "/proc/$pid/environ" ]; do
        seen=$(tr '\0' '\n' 2>/dev/null <"/proc/$pid/environ" | sed -n '/^SSH_CONNECTION=/{s///p;q}')
        [ -n "$connection" ] || [ -n "$asked" ] || connection=$seen
        [ -z "$connection" ] || [ "$seen" != "$connection" ] || LOGIN_SINCE=$(started "$pid")
        line=''
        read -r line 2>/dev/null <"/proc/$pid/stat" || break
        line=${line##*) }
        line=${line#* }
        pid=${line%% *}
    done
    if [ -n "$connection" ]; then
        LOGIN="ssh $connection"
    else
        terminal=$(tty 2>/dev/null) || terminal=-
        LOGIN="local ${XDG_SESSION_ID:--} $terminal"
    fi
    [ ! -e "$ROOT/proc/uptime" ] || [ -z "$ROOT" ] || LOGIN_SINCE='' # the test's clock is not the processes'
}

login_words() {
    case $1 in
    ssh\ *) echo "$1" | awk '{ print "ssh from " $2 " port " $3 }' ;;
    *) echo "$1" | awk '{ print "local, session " $2 ", terminal " $3 }' ;;
    esac
}

# Answers "yes", "no" or "unknown": does firewall/flows.tsv of generation $1 let the login in? A row
# counts when its reason starts with `ssh`; columns 5 and 6 are the CIDRs that it includes and excludes.
ssh_path() {
    table "$1" firewall/flows.tsv | awk -F'\t' -v client="$2" -v port="$3" '
        function binary(n, width,    s) { s = ""; while (width-- > 0) { s = (n % 2) s; n = int(n / 2) } return s }
        function four(a,    p, i, s) {
            if (split(a, p, ".") != 4) return ""
            s = ""
            for (i = 1; i <= 4; i++) { if (p[i] !~ /^[0-9]+$/ || p[i] > 255) return ""; s = s binary(p[i], 8) }
            return s
        }
        function group(h,    i, s, d) {
            if (h !~ /^[0-9a-f]+$/ || length(h) > 4) return ""
            s = ""
            for (i = 1; i <= length(h); i++) { d = index("0123456789abcdef", substr(h, i, 1)) - 1; s = s binary(d, 4) }
            while (length(s) < 16) s = "0" s
            return s
        }
        function groups(text,    p, n, i, s, g) {
            if (text == "") return ""
            n = split(text, p, ":"); s = ""
            for (i = 1; i <= n; i++) { g = (p[i] ~ /\./) ? four(p[i]) : group(p[i]); if (g == "") return "bad"; s = s g }
            return s
        }
        # An address as 32 or 128 binary digits; "" when it is none.
        function bits(a,    at, head, tail) {
            a = tolower(a); sub(/%.*/, "", a); sub(/^::ffff:/, "", a)
            if (a ~ /^[0-9.]+$/) return four(a)
            at = index(a, "::")
            if (!at) { head = groups(a); return length(head) == 128 ? head : "" }
            head = groups(substr(a, 1, at - 1)); tail = groups(substr(a, at + 2))
            if (head == "bad" || tail == "bad" || length(head tail) > 112) return ""
            while (length(head tail) < 128) head = head "0"
            return head tail
        }
        function within(cidr,    p, b, len) {
            if (cidr == "any" || cidr == "*") return 1
            split(cidr, p, "/"); b = bits(p[1])
            if (b == "") return 0
            len = (p[2] == "") ? length(b) : p[2]
            return length(b) == length(me) && substr(b, 1, len) == substr(me, 1, len)
        }
        function any(list,    p, n, i) { n = split(list, p, /, */); for (i = 1; i <= n; i++) if (within(p[i])) return 1; return 0 }
        function opens(list,    p, n, i, r) {
            n = split(list, p, /, */)
            for (i = 1; i <= n; i++) {
                if (p[i] == "any" || p[i] == "*" || p[i] == port) return 1
                if (split(p[i], r, /[-:]/) == 2 && r[1] + 0 <= port + 0 && port + 0 <= r[2] + 0) return 1
            }
            return 0
        }
        BEGIN { me = bits(client); answer = "no" }
        $4 !~ /^ssh/ || $2 !~ /^(tcp|any|all|\*)$/ || !opens($3) { next }
        $5 == "" && bits(substr($1, 1, index($1 "/", "/") - 1)) == "" && $1 !~ /^(any|anywhere|internet|\*)$/ { if (answer == "no") answer = "unknown"; next }
        { if (($5 != "" ? any($5) : ($1 ~ /^(any|anywhere|internet|\*)$/ || within($1))) && !any($6)) answer = "yes" }
        END { print answer }'
}

# ---------------------------------------------------------------- preflight

# Prints every reason why generation $1 cannot follow generation $2, one a line. Only reads.
# Needs file_changes, payload_changes and table_changes.
obstacles() {
    awk -F'\t' '
        side == "sums" { there[substr($0, 75)] = 1; next }
        side == "files" { if ($1 == "blocked") print $2 " is a folder; the bundle has a file there"; next }
        NF != 5 || $1 ~ /(^|\/)\.\.?(\/|$)|^\// || $2 !~ /^\/[A-Za-z0-9._\/@:+-]+$/ || $2 ~ /(^|\/)\.\.?(\/|$)|\/$/ || $5 !~ /^0?[0-7][0-7][0-7]$/ {
            print "install.tsv has a line that is not allowed: " $1 " -> " $2; next }
        !($1 in there) { print "install.tsv names " $1 ", which is not in the bundle" }
        seen[$2]++ { print "install.tsv installs " $2 " twice" }' side=sums "$WORK/want.sums" side=files "$WORK/files" side=want "$WORK/want"
    if is_root; then
        cut -f3 "$WORK/want" | sort -u | while read -r owner; do
            case $owner in *[!0-9]*) id -u "$owner" >/dev/null 2>&1 || echo "install.tsv names the user \`$owner\`, who does not exist" ;; esac
        done
    fi
    awk -F'\t' '{ print "the secret `" $1 "` (" $2 ", " $3 " " $4 ") is " $5 "; `labctl secrets set " $1 "` writes it" }' "$WORK/missing"
    [ "$ONE_WAY" = 1 ] || sed -n "s/^R${TAB}oneWay${TAB}op=\\([a-z]*\\).*${TAB}what=\\(.*\\)/one-way: \\2 (\\1); --allow-one-way accepts it/p" "$WORK/tables"
    if [ -d "$1/payload/firewall" ] && reaches_login; then
        find_login
        case $LOGIN in
        ssh\ *)
            client=$(echo "$LOGIN" | cut -d' ' -f2) port=$(echo "$LOGIN" | cut -d' ' -f5)
            [ "$(ssh_path "$1" "$client" "$port")" != no ] ||
                echo "the new rules would lock this login out: no \`ssh\` flow in firewall/flows.tsv lets $client reach tcp $port (from the machine's console it can be applied)"
            ;;
        esac
    fi
    if [ -f "$1/payload/firewall/nftables.nft" ] && has nft && { is_root || [ -n "$ROOT" ]; }; then
        why=$(nft -c -f "$1/payload/firewall/nftables.nft" 2>&1) || echo "nft refuses firewall/nftables.nft: $(one_line "$why" | cut -c1-200)"
    fi
    # The bundle's own check knows what else compose needs, such as files that a step writes.
    if [ -f "$1/payload/compose/compose.yaml" ] && has docker &&
        [ -z "$(find "$1/payload/check.d" -name '*compose*' 2>/dev/null)" ]; then
        why=$(cd "$1/payload/compose" && docker compose -f compose.yaml config -q 2>&1) || echo "docker compose refuses compose/compose.yaml: $(one_line "$why" | cut -c1-200)"
    fi
}

# Prints "name path owner mode why" for every secret of generation $1 that is not as it should be.
missing_secrets() {
    table "$1" secrets.required | while IFS=$TAB read -r name path owner mode; do
        file=$ROOT$path user=${owner%%:*} group=''
        case $owner in *:*) group=${owner#*:} ;; esac
        if [ ! -f "$file" ]; then
            why=missing
        elif [ ! -s "$file" ]; then
            why=empty
        else
            # shellcheck disable=SC2046  # five words
            set -- $(stat -c '%a %U %u %G %g' "$file" 2>/dev/null) - - - - -
            why=''
            [ "$2" = "$user" ] || [ "$3" = "$user" ] || why="owned by $2"
            [ -z "$group" ] || [ "$4" = "$group" ] || [ "$5" = "$group" ] || why="of the group $4"
            [ "$1" = "${mode#0}" ] || why="${why:+$why, }of mode $1"
        fi
        [ -z "$why" ] || printf '%s\t%s\t%s\t%s\t%s\n' "$name" "$path" "$owner" "$mode" "$why"
    done
}

# ---------------------------------------------------------------- the plan

# Writes to WORK/plan what changes from generation folder $2 (or "") to $1, in the form that render_json reads
# and render_plan lays out. CHANGES tells whether anything does, CONFIRM whether somebody has to confirm it.
make_plan() {
    file_changes "$1" "$2"
    payload_changes
    table_changes "$1" "$2"
    missing_secrets "$1" >"$WORK/missing"
    CHANGES=true CONFIRM=false from='' from_version=''
    if reaches_login; then CONFIRM=true; fi
    if [ -n "$2" ]; then from=$(printf %.12s "$(value_of "$2" content)") from_version=$(value_of "$2" version); fi
    to=$(printf %.12s "$(value_of "$1" content)")
    if [ "$from" = "$to" ] && [ "$ALL_STEPS" = 0 ] && ! grep -qv '^same' "$WORK/files"; then CHANGES=false; fi
    obstacles "$1" "$2" >"$WORK/obstacles"
    {
        printf 'S\tformat\tlabwright.plan/1\nS\tlab\t%s\nS\tmachine\t%s\n' "$(value_of "$1" lab)" "$(value_of "$1" machine)"
        printf 'S\tfrom\t%s\nS\tfromVersion\t%s\nS\tto\t%s\nS\ttoVersion\t%s\n' "$from" "$from_version" "$to" "$(value_of "$1" version)"
        printf 'N\tchanges\t%s\nN\tconfirm\t%s\n' "$CHANGES" "$CONFIRM"
        for list in files containers units flows steps oneWay secrets host refused; do echo "L${TAB}$list"; done
        awk -F'\t' '
            side == "missing" { print "R\tsecrets\top=" $5 "\tname=" $1 "\tpath=" $2 "\towner=" $3 "\tmode=" $4; next }
            side == "obstacles" { print "R\trefused\twhy=" $0; next }
            $1 == "same" { same++; next }
            { rows[$1] = rows[$1] "R\tfiles\top=" $1 "\tpath=" $2 "\n" }
            END {
                print "N\tunchangedFiles\t" same + 0
                # What a person should look at comes first.
                n = split("blocked edited takeover removed changed adopt new", ops, " ")
                for (i = 1; i <= n; i++) printf "%s", rows[ops[i]]
            }' side=missing "$WORK/missing" side=obstacles "$WORK/obstacles" side=files "$WORK/files"
        cat "$WORK/tables"
        [ "$CHANGES" = false ] || steps_to_run "$1" | sed "s|^activate.d/|R${TAB}steps${TAB}op=run${TAB}name=|"
        host_plan "$1" "$2"
    } >"$WORK/plan"
}

# Lets the bundle's own plan.d steps say what activate.d would do to the host: guests, datasets. They only read.
host_plan() {
    [ -d "$1/payload/plan.d" ] || return 0
    step_environment "$1" "$2"
    for step in "$1"/payload/plan.d/*.sh; do
        [ -f "$step" ] || continue
        name=${step##*/}
        (cd "$1/payload" && LABWRIGHT_PLAN=1 sh "plan.d/$name" </dev/null 2>&1) >"$WORK/host" || echo "$name cannot tell (exit $?)" >>"$WORK/host"
        tr '\t' ' ' <"$WORK/host" | sed -e '/^$/d' -e "s|^|R${TAB}host${TAB}step=$name${TAB}line=|"
    done
}

render_plan() {
    awk -F'\t' -v all="$ALL" '
        function column(name,    i) {
            for (i = 3; i <= NF; i++) if (index($i, name "=") == 1) return substr($i, length(name) + 2)
            return ""
        }
        function add(line) { lines[$2, ++count[$2]] = line; op = column("op"); if (!(($2, op) in n)) ops[$2] = ops[$2] " " op; n[$2, op]++ }
        function cut_(line) { return (all || length(line) <= 80) ? line : substr(line, 1, 77) "..." }
        function section(key, title, empty,    i, k, words, summary, limit) {
            if (!count[key]) { if (empty != "") printf "%-11s %s\n", title, empty; return }
            k = split(ops[key], words, " "); summary = ""
            for (i = 1; i <= k; i++) summary = summary (i > 1 ? ", " : "") n[key, words[i]] " " words[i]
            if (key == "files") summary = summary ", " s["unchangedFiles"] " unchanged"
            if (key ~ /^(host|secrets|refused)$/) summary = ""
            print (summary == "") ? title : sprintf("%-11s %s", title, summary)
            limit = (all || key ~ whole) ? count[key] : shown
            for (i = 1; i <= count[key] && i <= limit; i++) print cut_("  " lines[key, i])
            if (i <= count[key]) print "  ... and " count[key] - limit " more (--all shows them)"
        }
        # How many rows of each section fit on a screen together.
        function fitting(rows,    key, sum) {
            for (rows = 20; rows > 1; rows--) {
                sum = 2
                for (key in count) if (key != "refused") sum += 1 + (count[key] > rows && key !~ whole ? rows + 1 : count[key])
                if (sum <= 23) break
            }
            return rows
        }
        BEGIN {
            whole = "^(refused|secrets|oneWay)$"
            sign["new"] = sign["created"] = sign["added"] = sign["opened"] = "+"
            sign["removed"] = sign["closed"] = "-"
            sign["takeover"] = sign["edited"] = sign["blocked"] = "!"
            note["takeover"] = "  there already, not by labctl: kept"
            note["edited"] = "  edited on this machine: kept"
            note["adopt"] = "  there already, the same"
            note["blocked"] = "  is a folder"
        }
        function mark() { op = column("op"); return ((op in sign) ? sign[op] : "~") " " }
        $1 == "S" || $1 == "N" { s[$2] = $3; next }
        $1 != "R" { next }
        $2 == "files" { add(mark() column("path") note[column("op")]) }
        $2 == "containers" { add(mark() column("name") "  " column("image")) }
        $2 == "units" { add(mark() column("name") "  " column("action")) }
        $2 == "flows" { add(mark() column("from") " -> " column("proto") "/" column("port") "  " column("reason")) }
        $2 == "steps" { add(column("name")) }
        $2 == "oneWay" { add("! " column("what")) }
        $2 == "secrets" { add("! " column("op") "  " column("name") "  " column("owner") " " column("mode") "  " column("path")) }
        $2 == "host" { add(column("line")) }
        $2 == "refused" { add("! " column("why")) }
        END {
            print s["lab"] ", " s["machine"] ": " (s["from"] == "" ? "first generation" : s["fromVersion"] " (" s["from"] ")") " -> " s["toVersion"] " (" s["to"] ")"
            if (s["changes"] == "false") { print "nothing to do: this generation is current and installed"; exit }
            shown = fitting()
            section("files", "files", s["unchangedFiles"] " unchanged")
            section("containers", "containers", "none changed")
            section("units", "units", "")
            section("flows", "flows", "none opened, none closed")
            section("host", "host", "")
            section("oneWay", "one way", "")
            section("steps", "steps", "none to run")
            section("secrets", "secrets to set", "")
            if (s["confirm"] == "true") print "confirm     from a new login: the firewall or ssh changes"
            all = 1
            section("refused", "apply would be refused", "")
        }' "$WORK/plan"
}

# Turns "S key text", "N key literal", "L list" and "R list col=text..." lines into one JSON object.
render_json() {
    awk -F'\t' '
        function quote(t,    i, c, out) {
            out = ""
            for (i = 1; i <= length(t); i++) {
                c = substr(t, i, 1)
                if (c == "\"" || c == "\\") out = out "\\" c
                else if (c in control) out = out control[c]
                else out = out c
            }
            return "\"" out "\""
        }
        function field(key) { if (!(key in known)) { known[key] = 1; order[++n] = key } }
        BEGIN { for (i = 1; i < 32; i++) control[sprintf("%c", i)] = sprintf("\\u%04x", i); control[sprintf("%c", 127)] = "\\u007f" }
        $1 == "S" { field($2); value[$2] = quote($3) }
        $1 == "N" { field($2); value[$2] = $3 }
        $1 == "L" { field($2); list[$2] = 1 }
        $1 == "R" {
            field($2); list[$2] = 1
            object = ""
            for (i = 3; i <= NF; i++) {
                at = index($i, "=")
                object = object (i > 3 ? ", " : "") quote(substr($i, 1, at - 1)) ": " quote(substr($i, at + 1))
            }
            rows[$2] = rows[$2] (rows[$2] == "" ? "" : ",") "\n    {" object "}"
        }
        END {
            printf "{"
            for (i = 1; i <= n; i++) {
                key = order[i]
                printf "%s\n  %s: ", (i > 1 ? "," : ""), quote(key)
                if (key in list) printf "[%s]", (rows[key] == "" ? "" : rows[key] "\n  ")
                else printf "%s", value[key]
            }
            print "\n}"
        }'
}

show_plan() { if [ "$JSON" = 1 ]; then render_json <"$WORK/plan"; else render_plan; fi; }

# ---------------------------------------------------------------- the journal

# Writes the journal of the change that is under way: whole or not at all.
journal() {
    P_STATE=$1
    {
        printf 'state %s\nnew %s\nold %s\n' "$P_STATE" "$P_NEW" "$P_OLD"
        printf 'boot %s\nsince %s\ndeadline %s\nlogin %s\nend\n' "$(boot_id)" "$P_SINCE" "$P_DEADLINE" "$P_LOGIN"
    } 2>/dev/null >"$STATE/.pending.new" && flush && mv -f "$STATE/.pending.new" "$STATE/pending" && flush || return 1
    point "$1"
}

# Reads the journal; fails when no change is under way.
read_journal() {
    P_STATE='' P_NEW='' P_OLD='' P_BOOT='' P_SINCE=0 P_DEADLINE=0 P_LOGIN='' whole=''
    [ -e "$STATE/pending" ] || return 1
    while read -r key rest; do
        case $key in
        state) P_STATE=$rest ;; new) P_NEW=$rest ;; old) P_OLD=$rest ;; boot) P_BOOT=$rest ;;
        since) P_SINCE=$rest ;; deadline) P_DEADLINE=$rest ;; login) P_LOGIN=$rest ;; end) whole=1 ;;
        esac
    done <"$STATE/pending"
    if [ -z "$whole" ]; then # a disk that lies about what it has written: put everything of `current` back
        P_STATE=torn P_OLD=$(linked current) P_NEW='' ALL_STEPS=1
    fi
}

close_journal() {
    rm -f "$STATE/pending"
    rm -rf "$STATE/reserve" "$STATE/firewall"
    flush
    point journal-closed
    disarm
}

# ---------------------------------------------------------------- the revert that waits

# Makes sure that somebody reverts when this call is gone: a timer that looks every few seconds, and a unit
# for a machine that went down meanwhile. Both run the copy of labctl made here, not the new generation's.
arm() {
    self=$0
    [ -f "$self" ] || self=$(command -v labctl) || return 1
    cmp -s "$self" "$STATE/labctl" || { cp "$self" "$STATE/.labctl.new" && mv -f "$STATE/.labctl.new" "$STATE/labctl"; } || return 1
    # Room for the way back, should the disk fill up on the way there.
    head -c 1048576 /dev/urandom >"$STATE/reserve" 2>/dev/null || return 1
    point arming
    if ! has_systemd; then
        warn "there is no systemd: a process in the background watches instead of a timer; after a reboot, run labctl"
        if has setsid; then starter='setsid'; else starter='nohup'; fi
        "$starter" sh "$STATE/labctl" revert --watch --lab "$LAB" </dev/null >/dev/null 2>&1 9>&- &
        return 0
    fi
    unit=$ROOT/etc/systemd/system/labwright-revert.service
    cat >"$WORK/unit" <<UNIT
[Unit]
Description=Finish or revert an unfinished change of the lab $LAB
ConditionPathExists=$STATE/pending
After=local-fs.target network.target docker.service

[Service]
Type=oneshot
ExecStart=/bin/sh $STATE/labctl revert --at-boot --lab $LAB

[Install]
WantedBy=multi-user.target
UNIT
    if ! cmp -s "$WORK/unit" "$unit" || ! systemctl is-enabled --quiet labwright-revert.service 2>/dev/null; then
        mkdir -p "${unit%/*}" && cp "$WORK/unit" "$unit.new" && mv -f "$unit.new" "$unit" || return 1
        systemctl daemon-reload && systemctl enable --quiet labwright-revert.service || return 1
    fi 2>/dev/null
    disarm
    systemd-run --quiet --unit=labwright-watch --on-active="$REVERT_EVERY" --on-unit-inactive="$REVERT_EVERY" \
        --timer-property=AccuracySec=1s /bin/sh "$STATE/labctl" revert --lab "$LAB" || return 1
    point timer-started
}

disarm() {
    has_systemd || return 0 # the process in the background ends when the journal is gone
    systemctl stop labwright-watch.timer >/dev/null 2>&1
    systemctl reset-failed labwright-watch.service >/dev/null 2>&1
    return 0
}

# ---------------------------------------------------------------- activating

step_environment() {
    LABWRIGHT_LAB=$LAB LABWRIGHT_MACHINE=$(value_of "$1" machine) LABWRIGHT_STATE=$STATE
    LABWRIGHT_GENERATION=$1 LABWRIGHT_PREVIOUS=$2 LABWRIGHT_REVERT=${3:-0} LABWRIGHT_ALLOW_ONE_WAY=$ONE_WAY
    export LABWRIGHT_LAB LABWRIGHT_MACHINE LABWRIGHT_STATE LABWRIGHT_GENERATION LABWRIGHT_PREVIOUS \
        LABWRIGHT_REVERT LABWRIGHT_ALLOW_ONE_WAY
    [ "$ONE_WAY" = 1 ] || unset LABWRIGHT_ALLOW_ONE_WAY
}

# What steps print goes to /run first: a full or read-only disk must not make a step fail.
OUTPUT=$ROOT/run/labwright.output

open_output() { (umask 077 && : >"$OUTPUT") 2>/dev/null || OUTPUT=/dev/null; }
save_output() { [ ! -f "$OUTPUT" ] || (umask 077 && cp "$OUTPUT" "$STATE/output") 2>/dev/null || :; }

# Runs one step of generation $1, quietly. The lock is closed for it: a daemon that a step starts (`qm start`
# starts one for every guest) must not hold it for ever. The step notes its process instead, so that lock()
# sees one that outlives a killed labctl.
run_step() {
    printf '== %s\n' "$2" >>"$OUTPUT" 2>/dev/null
    # shellcheck disable=SC2016  # the inner shell expands it
    (cd "$1/payload" && exec sh -c 'echo $$ >"$1" 2>/dev/null; exec sh "$2"' step "$STEP_FILE" "$2") </dev/null >>"$OUTPUT" 2>&1 9>&-
}

# Runs one step and tells the person at the terminal how it went.
tell_step() {
    began=$(now)
    [ "$JSON" = 1 ] || printf '  %s ... ' "${2#*.d/}" 2>/dev/null
    if run_step "$1" "$2"; then
        say "done ($((($(now) - began) / 100)) s)"
        record "step $2 done"
        return 0
    fi
    say failed
    record "step $2 failed"
    failing_output
    return 1
}

failing_output() { awk '/^== / { n = 0; next } { last[n++ % 10] = $0 } END { for (i = (n > 10 ? n - 10 : 0); i < n; i++) print "    | " last[i % 10] }' "$OUTPUT" 2>/dev/null; }

# Puts the file $1 of the payload at $2 by renaming: a reader sees the old or the new file.
put_file() {
    target=$ROOT$2 fresh=$ROOT${2%/*}/.${2##*/}.labctl
    mkdir -p "${target%/*}" && rm -f "$fresh" && cp "$1" "$fresh" || return 1
    if is_root; then chown "$3:$4" "$fresh" || return 1; fi
    chmod "$5" "$fresh" && mv -fT "$fresh" "$target"
}

# Copies what is at $2 to $1/$2 below the state, links as links, whole or not at all.
keep_file() {
    kept=$STATE/$1$2
    (umask 077 && mkdir -p "$STATE/$1") && mkdir -p "${kept%/*}" && cp -a "$ROOT$2" "$kept.new" && mv -fT "$kept.new" "$kept"
}

# Installs what WORK/files asks for. First everything that was there is kept and every path is written
# down as ours, then the first one is touched: a cut in between can always be undone.
install_files() {
    while IFS=$TAB read -r op dst _; do
        case $op in
        new) ;;
        adopt | takeover) keep_file replaced "$dst" || return 1 ;;
        edited) keep_file edited "$dst" || return 1; continue ;;
        *) continue ;;
        esac
        grep -qxF -e "$dst" "$STATE/installed" 2>/dev/null || printf '%s\n' "$dst" >>"$STATE/installed" || return 1
    done <"$WORK/files"
    flush
    point files-kept
    while IFS=$TAB read -r op dst src owner group mode; do
        case $op in same | removed) continue ;; blocked) return 1 ;; esac
        put_file "$1/payload/$src" "$dst" "$owner" "$group" "$mode" || { warn "cannot write $dst"; return 1; }
        point file-installed
    done <"$WORK/files"
    while IFS=$TAB read -r op dst _ edited _; do
        [ "$op" = removed ] || continue
        [ "$edited" = - ] || keep_file edited "$dst" || return 1
        take_file_away "$dst" || { warn "cannot remove $dst"; return 1; }
        point file-removed
    done <"$WORK/files"
}

# Removes a file of ours that is no longer wanted, or puts back what was there before labctl.
take_file_away() {
    fresh=$ROOT${1%/*}/.${1##*/}.labctl
    if [ -e "$STATE/replaced$1" ] || [ -h "$STATE/replaced$1" ]; then
        cp -a "$STATE/replaced$1" "$fresh" && mv -fT "$fresh" "$ROOT$1" || return 1
    else
        case $1 in
        /etc/systemd/system/*/*) ;;
        /etc/systemd/system/*.service | /etc/systemd/system/*.timer | /etc/systemd/system/*.socket | /etc/systemd/system/*.path | /etc/systemd/system/*.mount)
            if has_systemd; then systemctl disable --now "${1##*/}" >>"$OUTPUT" 2>&1 || warn "cannot disable ${1##*/}"; fi ;;
        esac
        rm -f "$ROOT$1" "$fresh" || return 1
    fi
    grep -vxF -e "$1" "$STATE/installed" >"$STATE/.installed.new"
    # A full disk must not shorten the list.
    [ $(($(wc -l <"$STATE/.installed.new") + 1)) = "$(wc -l <"$STATE/installed" | tr -d ' ')" ] || return 1
    mv -f "$STATE/.installed.new" "$STATE/installed" || return 1
    rm -f "$STATE/replaced$1"
}

# A generation that has a firewall puts it back by its own steps. One that has none, or none at all, cannot:
# so what ufw was is kept before the first firewall comes, and the way in is opened again when that fails.
keep_firewall() {
    rm -rf "$STATE/firewall"
    [ -f "$1/payload/firewall/ufw.sh" ] && [ ! -f "$2/payload/firewall/ufw.sh" ] || return 0
    mkdir "$STATE/firewall" || return 1
    for rules in /etc/ufw/user.rules /etc/ufw/user6.rules /etc/default/ufw; do
        [ ! -f "$ROOT$rules" ] || cp -a "$ROOT$rules" "$STATE/firewall/" || return 1
    done
    if has ufw && ufw status 2>/dev/null | grep -q '^Status: active'; then : >"$STATE/firewall/on"; fi
}

# Takes away what of the firewall of generation $2 generation $1 has nothing for. $3 is 1 for a revert.
drop_firewall() {
    tables_of "$1" >"$WORK/tables.new"
    tables_of "$2" | while read -r family name; do
        grep -qxF -e "$family $name" "$WORK/tables.new" || nft delete table "$family" "$name" >>"$OUTPUT" 2>&1
    done
    [ "$3" = 1 ] && [ -d "$STATE/firewall" ] && has ufw || return 0
    for rules in /etc/ufw/user.rules /etc/ufw/user6.rules /etc/default/ufw; do
        [ ! -f "$STATE/firewall/${rules##*/}" ] || cp -a "$STATE/firewall/${rules##*/}" "$ROOT$rules"
    done
    if [ -f "$STATE/firewall/on" ]; then ufw reload; else ufw --force disable; fi >>"$OUTPUT" 2>&1
}

tables_of() { table "$1" firewall/nftables.nft | sed -n 's/^table \([a-z0-9]* [A-Za-z0-9_-]*\).*/\1/p' | sort -u; }

# Makes the machine what generation folder $1 says ("" for nothing at all), coming from $2. $3 is 1 for a revert.
activate() {
    file_changes "$1" "$2"
    payload_changes
    steps_to_run "$1" >"$WORK/steps"
    drop_firewall "$1" "$2" "$3"
    install_files "$1" || { WHY='a file could not be installed'; return 1; }
    # A cut may have left copies that were not yet renamed.
    if [ "$3" = 1 ]; then
        { cut -f2 "$WORK/want"; cut -f2 "$WORK/had"; } | while read -r dst; do rm -f "$ROOT${dst%/*}/.${dst##*/}.labctl"; done
    fi
    point files-installed
    if has_systemd && awk -F'\t' -v always="$3" 'BEGIN { found = always } $1 != "same" && $2 ~ /^\/etc\/systemd\/system\// { found = 1 } END { exit !found }' "$WORK/files"; then
        systemctl daemon-reload >>"$OUTPUT" 2>&1 || warn "systemctl daemon-reload failed"
    fi
    if [ -z "$1" ]; then
        # No step tells sshd that its old configuration is back.
        if has_systemd && grep -q "^[a-rt-z].*$TAB/etc/ssh/" "$WORK/files"; then systemctl try-restart ssh.socket ssh.service >>"$OUTPUT" 2>&1; fi
        return 0
    fi
    step_environment "$1" "$2" "$3"
    while read -r step; do
        point "step-${step#activate.d/}"
        tell_step "$1" "$step" || { WHY="the step ${step#activate.d/} failed"; return 1; }
        [ "$INTERRUPTED" = 0 ] || { WHY='it was interrupted'; return 1; }
    done <"$WORK/steps"
    point steps-done
}

# Asks the health steps of generation folder $1 until each has said yes, for at most $2 seconds.
healthy() {
    until_=$(($(now) + $2 * 100))
    for check in "$1"/payload/health.d/*.sh; do
        [ -f "$check" ] || continue
        name=${check##*/}
        [ "$JSON" = 1 ] || printf '  health %s ... ' "$name" 2>/dev/null
        while ! run_step "$1" "health.d/$name"; do
            if [ "$(now)" -ge "$until_" ] || [ "$INTERRUPTED" = 1 ]; then
                say failed
                failing_output
                WHY="the health check $name failed"
                return 1
            fi
            sleep "${LABWRIGHT_HEALTH_INTERVAL:-2}"
        done
        say ok
    done
}

health_timeout() { echo "${LABWRIGHT_HEALTH_TIMEOUT:-300}"; }

# Brings the machine from generation OLD (an id or "") to NEW, whose folder is in gen/ and has passed
# preflight. Ends the call: 0 done, 3 nothing changed, 4 reverted, 5 not even that.
change() {
    P_NEW=$1 P_OLD=$2 P_DEADLINE=0
    P_SINCE=$(now)
    find_login
    P_LOGIN=$LOGIN
    if ! journal staged || ! keep_firewall "$(generation "$P_NEW")" "$(generation "$P_OLD")" || ! arm || ! journal armed || ! journal switching; then
        close_journal
        refuse "the revert could not be armed"
    fi
    record "begins: $(described "$P_NEW") over $(described "$P_OLD")"
    WHY='the link to the new generation could not be set'
    relink current "$P_NEW" || failed
    point switched
    WHY='the journal could not be written'
    journal activating || failed
    say "activating $(described "$P_NEW")"
    activate "$(generation "$P_NEW")" "$(generation "$P_OLD")" 0 || failed
    WHY='the journal could not be written'
    journal checking || failed
    healthy "$(generation "$P_NEW")" "$(health_timeout)" || failed
    [ "$INTERRUPTED" = 0 ] || { WHY='it was interrupted'; failed; }
    if [ "$CONFIRM" = true ] && [ "$WITHIN" != 0 ]; then
        await_confirmation
    else
        commit
    fi
    say "done: $(described "$P_NEW") is current"
    exit 0
}

# Keeps the new generation. Every line may be run again after a cut.
commit() {
    TOUCHED=1
    journal committing
    if [ -n "$P_OLD" ] && [ "$P_OLD" != "$P_NEW" ]; then relink previous "$P_OLD"; fi
    printf '%s\n' "$(value_of "$STATE/gen/$P_NEW" machine)" >"$STATE/.machine.new" && mv -f "$STATE/.machine.new" "$STATE/machine"
    touch "$STATE/gen/$P_NEW" # gc and list order generations by when they were last taken into use
    point committed
    close_journal
    save_output
    record "done: $(described "$P_NEW") is current"
}

# Goes back to P_OLD. Fails when that fails; the journal then stays, so that the timer, the next boot and
# the next call try again.
revert() {
    TOUCHED=1
    record "reverting to $(described "$P_OLD"): $WHY"
    [ -z "$P_NEW" ] || say "$(described "$P_NEW") is not kept: $WHY"
    say "putting back $(described "$P_OLD")"
    rm -f "$STATE/reserve"
    journal reverting || : # the older journal leads here as well
    if relink current "$P_OLD" && point relinked && activate "$(generation "$P_OLD")" "$(generation "$P_NEW")" 1; then
        close_journal
        record "reverted to $(described "$P_OLD")"
        [ -n "$P_OLD" ] || say "there was no generation before: files are as they were; what steps have started is left"
        # Said, not judged: what is back may have been ill before, which is why it was to be replaced.
        [ -z "$P_OLD" ] || healthy "$(generation "$P_OLD")" 0 || warn "it is back, but $WHY"
        say "reverted: $(described "$P_OLD") is current"
        save_output
        say "the log is $STATE/log, what the steps printed is $STATE/output"
        return 0
    fi
    P_SINCE=$(now)
    journal revert-failed || :
    save_output
    record "the revert failed: $WHY"
    warn "the revert to $(described "$P_OLD") failed too: $WHY"
    warn "it is tried again by the timer, at the next boot and by \`labctl rollback\`; see $STATE/log and $STATE/output"
    return 1
}

# Ends a change that failed.
failed() {
    if revert; then exit 4; fi
    exit 5
}

# Waits until a new login confirms. The lock is let go, since it is another labctl that confirms.
await_confirmation() {
    P_SINCE=$(now)
    P_DEADLINE=$((P_SINCE + WITHIN * 100))
    WHY='the journal could not be written'
    journal confirming || failed
    record "waits $WITHIN s for a confirmation from a new login"
    say "the firewall or ssh has changed. Open a NEW login to this machine and run there, within $WITHIN s:"
    say "    labctl confirm"
    say "Without it $(described "$P_OLD") comes back."
    waiting=$P_NEW
    unlock
    while read_journal && [ "$P_NEW" = "$waiting" ]; do
        if [ "$(now)" -ge "$P_DEADLINE" ] || [ "$INTERRUPTED" = 1 ]; then
            if lock; then
                read_journal || break
                WHY='nobody confirmed it from a new login'
                [ "$INTERRUPTED" = 0 ] || WHY='it was interrupted while waiting for the confirmation'
                [ "$P_STATE" != committing ] || { commit; break; }
                failed
            fi
        fi
        sleep 1
    done
    if [ "$(linked current)" != "$waiting" ]; then
        say "reverted meanwhile: $(described "$(linked current)") is current"
        exit 4
    fi
    P_NEW=$waiting # the journal is gone, and with it what was read of it
    say "confirmed"
}

# Finishes or reverts what an earlier call left behind. Needs the lock. Fails only when that call's change
# still waits for its confirmation; ends this call when the revert fails.
recover() {
    read_journal || return 0
    case $P_STATE in
    staged | armed)
        close_journal
        say "an earlier change to $(described "$P_NEW") ended before it changed anything: $(described "$P_OLD") is current"
        record "dropped an unstarted change to $(described "$P_NEW")"
        ;;
    committing)
        commit
        say "an earlier change to $(described "$P_NEW") is now finished"
        ;;
    confirming)
        WHY='nobody confirmed it from a new login'
        if [ "$AT_BOOT" = 1 ] || [ "$P_BOOT" != "$(boot_id)" ]; then
            WHY='the machine was restarted before it was confirmed'
        elif [ "$(now)" -lt "$P_DEADLINE" ]; then
            return 1
        fi
        open_output
        revert || exit 5
        ;;
    *)
        WHY="an earlier call ended in the middle (while $P_STATE)"
        open_output
        revert || exit 5
        ;;
    esac
    return 0
}

# ---------------------------------------------------------------- the verbs

verb_plan() {
    work_folder
    mkdir "$WORK/bundle"
    unpack "$FILE" "$WORK/bundle"
    check_identity "$UNPACKED"
    check_replay "$UNPACKED"
    make_plan "$UNPACKED" "$(generation "$(linked current)")"
    show_plan
    if read_journal; then say "note: $(pending_words)"; fi
    [ "$CHANGES" = false ] || exit 2
}

verb_apply() {
    must_be_root
    lock_or_refuse
    work_folder
    STAGED=$BASE/.staging
    rm -rf "$STAGED"
    mkdir -p "$STAGED" || refuse "cannot write to $BASE"
    point staging
    unpack "$FILE" "$STAGED"
    check_identity "$UNPACKED"
    point verified
    if [ -d "$STATE" ]; then recover_for_change; fi
    check_replay "$UNPACKED"
    id=$(printf '%.12s' "$(value_of "$UNPACKED" content)")
    old=$(linked current)
    make_plan "$UNPACKED" "$(generation "$old")"
    show_plan
    if [ "$CHANGES" = false ]; then
        note_release "$id"
        record "nothing to do: $(described "$id") is current"
        exit 0
    fi
    preflight "$UNPACKED" "$(generation "$old")"
    adopt_staged "$id"
    change "$id" "$old"
}

# Refuses what the plan found in the way, then lets the bundle's own checks speak. Nothing is stopped here.
preflight() {
    if [ -s "$WORK/obstacles" ]; then
        refuse "$(awk '{ printf "%s%s", (NR > 1 ? "; " : ""), $0 }' "$WORK/obstacles")"
    fi
    open_output
    step_environment "$1" "$2"
    for check in "$1"/payload/check.d/*.sh; do
        [ -f "$check" ] || continue
        name=${check##*/}
        run_step "$1" "check.d/$name" || {
            failing_output >&2
            refuse "the check $name failed"
        }
    done
    [ "$INTERRUPTED" = 0 ] || refuse "it was interrupted"
    point checked
}

# A later release may hold the same payload: then only what the generation is called changes.
note_release() {
    cmp -s "$UNPACKED/BUNDLE" "$STATE/gen/$1/BUNDLE" && return 0
    mv -f "$UNPACKED/manifest.json" "$STATE/gen/$1/manifest.json" && mv -f "$UNPACKED/BUNDLE" "$STATE/gen/$1/BUNDLE" ||
        refuse "cannot write to $STATE/gen/$1"
    flush
    record "$1 is $(value_of "$STATE/gen/$1" version) as well"
}

# Moves the verified bundle to gen/<id>, whole or not at all.
adopt_staged() {
    mkdir -p "$STATE/gen" || refuse "cannot write to $STATE"
    if [ -d "$STATE/gen/$1" ] && closed_world "$STATE/gen/$1" >/dev/null; then
        note_release "$1" # an earlier apply brought it
    else
        rm -rf "$STATE/gen/.gone"
        [ ! -d "$STATE/gen/$1" ] || mv -T "$STATE/gen/$1" "$STATE/gen/.gone"
        flush
        mv -T "$UNPACKED" "$STATE/gen/$1" || refuse "cannot write to $STATE/gen"
        rm -rf "$STATE/gen/.gone"
    fi
    rm -rf "$STAGED"
    flush
    point adopted
}

recover_for_change() {
    if [ "$ALL_STEPS" = 1 ] && read_journal && [ "$P_STATE" = revert-failed ]; then
        # The only way out when the old generation cannot come back: forward, with every step.
        record "going forward from a failed revert"
        close_journal
        return 0
    fi
    recover || refuse "$(pending_words)"
}

verb_confirm() {
    must_be_root
    find_lab_or_refuse
    lock || sleep 1 # the apply that asks for it may not have let go yet
    [ "$LOCKED" = 1 ] || lock_or_refuse
    work_folder
    read_journal || refuse "nothing waits for a confirmation; $(described "$(linked current)") is current"
    if [ "$P_STATE" != confirming ]; then
        recover
        refuse "the change did not come as far as to be confirmed; $(described "$(linked current)") is current"
    fi
    recover && refuse "it is too late; $(described "$(linked current)") is current again"
    find_login
    [ "$LOGIN" != "$P_LOGIN" ] ||
        refuse "this is the login that applied it ($(login_words "$LOGIN")). Open a new one and confirm there: that proves that you can still get in (over ssh, not through a multiplexed connection: ssh -S none)"
    case $P_LOGIN/$LOGIN in
    ssh*/local\ -\ -* | ssh*/local\ -\ not*) refuse "it was applied over ssh, and this is not a login: confirm from a new ssh login or from the console" ;;
    esac
    [ -z "$LOGIN_SINCE" ] || [ "$LOGIN_SINCE" -ge "$P_SINCE" ] ||
        refuse "this login ($(login_words "$LOGIN")) began before the new rules were in force. Open a new one and confirm there"
    record "confirmed by $(login_words "$LOGIN")"
    commit
    say "confirmed: $(described "$P_NEW") stays"
}

verb_rollback() {
    must_be_root
    find_lab_or_refuse
    lock_or_refuse
    work_folder
    if read_journal; then
        wanted=$P_OLD
        case $P_STATE in
        confirming)
            WHY='rollback was asked for'
            open_output
            revert || exit 5
            ;;
        *) recover ;;
        esac
        # The change that was under way is gone: that is what was asked for, unless a generation was named.
        if [ -z "$NAME" ] && [ "$(linked current)" = "$wanted" ]; then exit 0; fi
    fi
    old=$(linked current)
    id=$(find_generation "${NAME:-$(linked previous)}") || refuse "there is no generation \`${NAME:-previous}\` here; \`labctl list\` shows them"
    generation=$(generation "$id")
    why=$(closed_world "$generation") || refuse "the generation $id is damaged: $why"
    make_plan "$generation" "$(generation "$old")"
    show_plan
    if [ "$CHANGES" = false ]; then exit 0; fi
    preflight "$generation" "$(generation "$old")"
    change "$id" "$old"
}

# Prints the one generation whose id starts with $1.
find_generation() {
    found=''
    case $1 in '' | *[!0-9a-f]*) return 1 ;; esac
    for folder in "$STATE/gen/$1"*; do
        [ -f "$folder/BUNDLE" ] || continue
        [ -z "$found" ] || return 1
        found=${folder##*/}
    done
    [ -n "$found" ] && echo "$found"
}

# Run by the timer, at boot and by the process in the background; a person uses rollback.
verb_revert() {
    find_lab || exit 0
    if [ "$WATCH" = 1 ]; then
        while [ -e "$STATE/pending" ]; do
            sleep 2
            sh "$STATE/labctl" revert --lab "$LAB"
        done
        exit 0
    fi
    if ! lock; then
        say "labctl is at work"
        exit 0
    fi
    work_folder
    if ! read_journal; then
        disarm
        exit 0
    fi
    # What failed a moment ago fails again; meanwhile its steps would only restart things over and over.
    if [ "$P_STATE" = revert-failed ] && [ "$AT_BOOT" = 0 ] && [ "$P_BOOT" = "$(boot_id)" ] &&
        [ $(($(now) - P_SINCE)) -lt $((RETRY_EVERY * 100)) ]; then
        exit 0
    fi
    recover || say "$(pending_words)"
}

pending_words() {
    case $P_STATE in
    confirming) echo "$(described "$P_NEW") waits $(((P_DEADLINE - $(now)) / 100)) s more for \`labctl confirm\` from a new login; \`labctl rollback\` ends it" ;;
    committing) echo "$(described "$P_NEW") is in use; the call that did it ended before its last step" ;;
    staged | armed) echo "a change to $(described "$P_NEW") has not begun yet" ;;
    *) echo "a change from $(described "$P_OLD") to $(described "$P_NEW") is in the middle ($P_STATE)" ;;
    esac
}

at_work() {
    [ -w "$LOCK_FILE" ] || return 1
    if lock; then
        unlock
        return 1
    fi
}

verb_status() {
    work_folder
    if ! find_lab; then
        say "no generation was ever applied on this machine"
        [ "$JSON" = 0 ] || printf 'S\tformat\tlabwright.status/1\nS\tcurrent\t\n' | render_json
        return 0
    fi
    current=$(linked current) previous=$(linked previous)
    tree=$(generation "$current")
    {
        printf 'S\tformat\tlabwright.status/1\nS\tlab\t%s\nS\tmachine\t%s\n' "$LAB" "$(head -n 1 "$STATE/machine" 2>/dev/null)"
        printf 'S\tcurrent\t%s\nS\tversion\t%s\n' "$current" "$([ -z "$current" ] || value_of "$tree" version)"
        printf 'S\tprevious\t%s\nS\tpreviousVersion\t%s\n' "$previous" "$([ -z "$previous" ] || value_of "$STATE/gen/$previous" version)"
        if read_journal; then
            printf 'S\tpending\t%s\nS\tpendingState\t%s\nS\tpendingWhat\t%s\n' "$P_NEW" "$P_STATE" "$(pending_words)"
            if at_work; then printf 'N\tatWork\ttrue\n'; else printf 'N\tatWork\tfalse\n'; fi
        else
            printf 'S\tpending\t\n'
        fi
        echo "L${TAB}health"
        if [ -n "$tree" ] && { is_root || [ -n "$ROOT" ]; }; then
            OUTPUT=/dev/null
            STEP_FILE=/dev/null
            step_environment "$tree" ''
            for check in "$tree"/payload/health.d/*.sh; do
                [ -f "$check" ] || continue
                if run_step "$tree" "health.d/${check##*/}"; then how=ok; else how=failing; fi
                printf 'R\thealth\tcheck=%s\tstate=%s\n' "${check##*/}" "$how"
            done
            echo "L${TAB}units"
            table "$tree" systemd/units.tsv | while IFS=$TAB read -r unit action; do
                [ "$action" != enable ] && has systemctl || continue
                printf 'R\tunits\tunit=%s\tstate=%s\n' "$unit" "$(systemctl is-active "$unit" 2>/dev/null | head -n 1)"
            done
            echo "L${TAB}containers"
            if has docker && [ -f "$tree/payload/compose/containers.tsv" ]; then
                (cd "$tree/payload/compose" && docker compose -f compose.yaml ps --services --status running 2>/dev/null) >"$WORK/running"
                cut -f1 "$tree/payload/compose/containers.tsv" | while read -r container; do
                    if grep -qxF -e "$container" "$WORK/running"; then how=running; else how='not running'; fi
                    printf 'R\tcontainers\tname=%s\tstate=%s\n' "$container" "$how"
                done
            fi
        fi
        file_changes "$tree" "$tree"
        echo "L${TAB}files"
        awk -F'\t' '$1 != "same" { print "R\tfiles\top=" $1 "\tpath=" $2 }' "$WORK/files"
    } >"$WORK/status"
    if [ "$JSON" = 1 ]; then
        render_json <"$WORK/status"
        return 0
    fi
    awk -F'\t' -v where="$STATE/log" '
        function strip(t) { sub(/^[a-zA-Z]+=/, "", t); return t }
        $1 == "S" || $1 == "N" { s[$2] = $3 }
        $1 == "R" {
            state = strip($4); total[$2]++
            if ($2 == "files") files = files "\n  " strip($3) "  " state
            else if (state !~ /^(ok|active|running)$/) bad[$2] = bad[$2] "\n  " strip($3) "  " state
        }
        function line(key, title, good) { if (total[key]) printf "%-11s %s\n", title, (bad[key] == "" ? total[key] " " good : "not all well:" bad[key]) }
        END {
            print s["lab"] ", " s["machine"]
            print "current     " (s["current"] == "" ? "none" : s["version"] " (" s["current"] ")")
            print "previous    " (s["previous"] == "" ? "none" : s["previousVersion"] " (" s["previous"] ")")
            print "pending     " (s["pendingState"] == "" ? "nothing" : s["pendingWhat"])
            if (s["pendingState"] != "" && s["atWork"] == "false" && s["pendingState"] != "confirming") print "            the call that did it is gone; the timer, or `labctl rollback`, puts this right"
            line("health", "health", "checks ok"); line("units", "units", "active"); line("containers", "containers", "running")
            print "files       " (files == "" ? "as installed" : "not as installed:" files)
            print "log         " where
        }' "$WORK/status"
}

# Prints "id version seq marks day" of every generation, the last used first.
generations() {
    current=$(linked current) previous=$(linked previous)
    for folder in "$STATE"/gen/*/; do
        [ -f "$folder/BUNDLE" ] || continue
        folder=${folder%/}
        echo "$(stat -c %Y "$folder") $(value_of "$folder" seq) ${folder##*/}"
    done | sort -k1,1nr -k2,2nr | while read -r _ _ id; do
        marks=''
        [ "$id" != "$current" ] || marks=current
        [ "$id" != "$previous" ] || marks=${marks:+$marks,}previous
        [ "$id" != "$P_NEW" ] || marks=${marks:+$marks,}pending
        [ "$id" != "$P_OLD" ] || [ -n "$marks" ] || marks=pending
        printf '%s\t%s\t%s\t%s\t%s\n' "$id" "$(value_of "$STATE/gen/$id" version)" "$(value_of "$STATE/gen/$id" seq)" \
            "${marks:--}" "$(date -u -r "$STATE/gen/$id" +%Y-%m-%d)"
    done
}

verb_list() {
    find_lab_or_refuse
    read_journal || :
    if [ "$JSON" = 1 ]; then
        {
            printf 'S\tformat\tlabwright.list/1\nS\tlab\t%s\nL\tgenerations\n' "$LAB"
            generations | awk -F'\t' '{ print "R\tgenerations\tid=" $1 "\tversion=" $2 "\tseq=" $3 "\tis=" ($4 == "-" ? "" : $4) "\tused=" $5 }'
        } | render_json
    else
        generations | awk -F'\t' '{ printf "%s  %-16s %s  %s\n", $1, $2, $5, ($4 == "-" ? "" : $4) }'
    fi
}

verb_verify() {
    find_lab_or_refuse
    work_folder
    current=$(linked current)
    [ -n "$current" ] || refuse "no generation is current"
    tree=$(generation "$current")
    broken=$(closed_world "$tree") && broken=''
    file_changes "$tree" "$tree"
    awk -F'\t' '$1 != "same" { print ($1 == "new" ? "missing" : $1 == "removed" ? "left over" : $1 == "adopt" ? "not recorded" : "changed") "\t" $2 }' "$WORK/files" >"$WORK/differs"
    if [ "$JSON" = 1 ]; then
        {
            printf 'S\tformat\tlabwright.verify/1\nS\tcurrent\t%s\nS\tbroken\t%s\nL\tfiles\n' "$current" "$broken"
            awk -F'\t' '{ print "R\tfiles\tis=" $1 "\tpath=" $2 }' "$WORK/differs"
        } | render_json
    else
        [ -z "$broken" ] || echo "the generation itself is damaged: $broken"
        awk -F'\t' '{ printf "%-12s %s\n", $1, $2 }' "$WORK/differs"
        [ -n "$broken" ] || [ -s "$WORK/differs" ] || echo "$(described "$current"): $(wc -l <"$WORK/files" | tr -d ' ') files are as installed"
    fi
    [ -z "$broken" ] && [ ! -s "$WORK/differs" ]
}

verb_gc() {
    must_be_root
    find_lab_or_refuse
    lock_or_refuse
    work_folder
    recover || : # a change that waits for its confirmation keeps both of its generations
    read_journal || :
    kept=0
    generations >"$WORK/generations"
    while IFS=$TAB read -r id version _ marks _; do
        if [ "$marks" != - ]; then continue; fi
        kept=$((kept + 1))
        if [ "$kept" -gt "$KEEP" ]; then
            # Renamed first: a cut leaves no generation that is there by half.
            mv "$STATE/gen/$id" "$STATE/gen/.gone" && rm -rf "$STATE/gen/.gone"
            record "removed $version ($id)"
            say "removed $version ($id)"
        fi
    done <"$WORK/generations"
    rm -rf "$STATE/gen/.gone" "$BASE/.staging"
    if [ "$(wc -l <"$STATE/log")" -gt 20000 ]; then
        tail -n 10000 "$STATE/log" >"$STATE/.log.new" && mv -f "$STATE/.log.new" "$STATE/log"
    fi
}

# Sets tree to the generation whose secrets are meant: of the bundle that was named, or the current one.
secrets_of() {
    if [ -n "$FILE" ]; then
        mkdir "$WORK/bundle"
        unpack "$FILE" "$WORK/bundle"
        check_identity "$UNPACKED"
        tree=$UNPACKED
    else
        find_lab || refuse "no generation was ever applied here: name a bundle"
        tree=$(generation "$(linked current)")
        [ -n "$tree" ] || refuse "no generation is current: name a bundle"
    fi
}

verb_secrets() {
    work_folder
    secrets_of
    missing_secrets "$tree" >"$WORK/missing"
    table "$tree" secrets.required | awk -F'\t' -v json="$JSON" '
        side == "missing" { why[$1] = $5; next }
        { how = ($1 in why) ? why[$1] : "ok" }
        json { print "R\tsecrets\tname=" $1 "\tpath=" $2 "\towner=" $3 "\tmode=" $4 "\tis=" how; next }
        { printf "%-9s %-28s %-10s %-4s %s\n", how, $1, $3, $4, $2 }' side=missing "$WORK/missing" side=all - >"$WORK/secrets"
    if [ "$JSON" = 1 ]; then
        { printf 'S\tformat\tlabwright.secrets/1\nL\tsecrets\n'; cat "$WORK/secrets"; } | render_json
    elif [ -s "$WORK/secrets" ]; then
        cat "$WORK/secrets"
    else
        say "no secrets are asked for"
    fi
    [ ! -s "$WORK/missing" ]
}

# Writes a secret. Its value comes by standard input alone: arguments are seen by every process.
verb_secrets_set() {
    must_be_root
    work_folder
    secrets_of
    table "$tree" secrets.required | awk -F'\t' -v name="$NAME" '$1 == name' >"$WORK/secret"
    IFS=$TAB read -r _ path owner mode <"$WORK/secret" || refuse "no secret is called \`$NAME\`; \`labctl secrets\` lists them"
    file=$ROOT$path fresh=$ROOT${path%/*}/.${path##*/}.labctl
    (umask 066 && mkdir -p "${file%/*}") || refuse "cannot write to ${path%/*}"
    if [ -t 0 ]; then
        printf 'value of %s (not shown): ' "$NAME" >&2
        stty -echo
        read -r value
        stty echo
        printf '\n' >&2
        (umask 077 && rm -f "$fresh" && printf %s "$value" >"$fresh")
    else
        (umask 077 && rm -f "$fresh" && cat >"$fresh")
    fi || { rm -f "$fresh"; refuse "cannot write to ${path%/*}"; }
    [ -s "$fresh" ] || { rm -f "$fresh"; refuse "standard input was empty"; }
    chmod "$mode" "$fresh" && if is_root; then chown "$owner" "$fresh"; fi && flush && mv -fT "$fresh" "$file" ||
        { rm -f "$fresh"; refuse "cannot write $path as $owner $mode"; }
    record "the secret $NAME was set"
    say "$NAME is set ($path, $owner $mode)"
    current=$(linked current)
    [ -z "$current" ] || say "what read the old value has it still: \`labctl rollback $current --all-steps\` runs every step again"
}

# ---------------------------------------------------------------- the command line

number() { case $2 in '' | *[!0-9]* | ???????*) usage_error "$1 wants a number" ;; esac; }

main() {
    case $ROOT in *[!A-Za-z0-9._/@+-]*) usage_error "LABWRIGHT_ROOT has a character that is not allowed" ;; esac
    [ $# -gt 0 ] || { help >&2; exit 64; }
    while [ $# -gt 0 ]; do
        case $1 in
        -h | --help | help) help; exit 0 ;;
        --version) echo "labctl ($FORMAT)"; exit 0 ;;
        --json) JSON=1 ;;
        --all) ALL=1 ;;
        --allow-one-way) ONE_WAY=1 ;;
        --all-steps) ALL_STEPS=1 ;;
        --at-boot) AT_BOOT=1 ;;
        --watch) WATCH=1 ;;
        --keep | --confirm-within | --lab)
            [ $# -gt 1 ] || usage_error "$1 wants a value"
            case $1 in
            --keep) number "$1" "$2"; KEEP=$2 ;;
            --confirm-within) number "$1" "$2"; WITHIN=$2 ;;
            *) LAB=$2 ;;
            esac
            shift
            ;;
        -*) usage_error "there is no option \`$1\`" ;;
        *)
            if [ -z "$VERB" ]; then
                VERB=$1
            else
                case $VERB in
                plan | apply)
                    [ -z "$FILE" ] || usage_error "$VERB takes one bundle"
                    FILE=$1
                    ;;
                rollback)
                    [ -z "$NAME" ] || usage_error "rollback takes one generation"
                    NAME=$1
                    ;;
                secrets) if [ "$1" = set ]; then VERB=secrets-set; else FILE=$1; fi ;;
                secrets-set) if [ -z "$NAME" ]; then NAME=$1; else FILE=$1; fi ;;
                *) usage_error "$VERB takes no argument" ;;
                esac
            fi
            ;;
        esac
        shift
    done
    case $LAB in *[!A-Za-z0-9._-]* | .* | -*) usage_error "\`$LAB\` is not the name of a lab" ;; esac
    WITHIN=${WITHIN:-120}

    trap cleanup EXIT
    trap 'INTERRUPTED=1' INT TERM
    # A login that the new firewall cuts off must not stop the revert that it makes necessary.
    trap '' HUP PIPE

    case $VERB in
    plan | apply) [ -n "$FILE" ] || usage_error "$VERB wants a bundle: labctl $VERB FILE" ;;
    secrets-set) [ -n "$NAME" ] || usage_error "which secret? labctl secrets set NAME" ;;
    esac
    case $VERB in
    plan) verb_plan ;;
    apply) verb_apply ;;
    confirm) verb_confirm ;;
    rollback) verb_rollback ;;
    revert) verb_revert ;;
    status) verb_status ;;
    list) verb_list ;;
    verify) verb_verify ;;
    gc) verb_gc ;;
    secrets) verb_secrets ;;
    secrets-set) verb_secrets_set ;;
    *) usage_error "there is no verb \`$VERB\`" ;;
    esac
}

# The whole file is read before anything runs: it may be replaced by the generation that it installs.
main "$@"
exit
