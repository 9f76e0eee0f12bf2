# ---------------------------------------------------------------- the state of a lab
# Which lab, which generations, and the links that say which of them counts.

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

described() { if [ -n "$1" ]; then echo "$(value_of "$STATE/gen/$1" version) ($1)"; else echo "no generation"; fi; }

# Points a link of the state to a generation in one step, or takes it away.
relink() {
    if [ -z "$2" ]; then
        rm -f "$STATE/$1"
    else
        rm -f "$STATE/.$1.new"
        ln -s "gen/$2" "$STATE/.$1.new" && mv -fT "$STATE/.$1.new" "$STATE/$1"
    fi
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
