# Sourced first by every stub: writes the call into the log and opens the stub's own state folder.
# shellcheck shell=sh
set -eu

stub=${0##*/}
state=${STUBS:?names the folder of the log and the state}/state/$stub
mkdir -p "$state"

# One call, one line: words that need it are quoted, with \\, \' and \n inside.
awk 'BEGIN {
    for (i = 1; i < ARGC; i++) {
        word = ARGV[i]
        if (word !~ /^[A-Za-z0-9_.\/:=@%+,~-]+$/) {
            gsub(/\\/, "\\\\\\\\", word); gsub(/\047/, "\\\\\047", word); gsub(/\n/, "\\\\n", word)
            word = "\047" word "\047"
        }
        printf "%s%s", (i > 1 ? " " : ""), word
    }
    print ""
}' "$stub" "$@" >>"$STUBS/log"

# Ends the stub with the program's words.
fail() {
    status=$1
    shift
    echo "$*" >&2
    exit "$status"
}

# A stub that does not know a call fails loudly: a silent success would hide a mistake.
unknown() {
    fail 64 "$stub (stub): unknown call: $*"
}

# put FILE KEY VALUE, unput FILE KEY, look FILE KEY: files of sorted `KEY: VALUE` lines, as Proxmox prints them.
put() {
    unput "$1" "$2"
    printf '%s: %s\n' "$2" "$3" >>"$1"
    LC_ALL=C sort -o "$1" "$1"
}

unput() {
    [ -e "$1" ] || : >"$1"
    awk -v key="$2: " 'index($0, key) != 1' "$1" >"$1.new"
    mv "$1.new" "$1"
}

look() {
    awk -v key="$2: " 'index($0, key) == 1 { print substr($0, length(key) + 1); found = 1 } END { exit !found }' "$1"
}
