# ---------------------------------------------------------------- what services keep
# A new image may change what its service keeps in a way that the old one cannot read. So it is saved before that image
# starts, and the way back loads it again. What was written in between is put aside first, never thrown away.
#
#   dumps/<id>/<service>/
#     left          what generation <id> left when another one took over
#     reverted-N    what generation <id> had made of it, when it was not kept
#   and in each: the dumps; databases (name file), images (container image), snapshots, about (key value);
#   owed: this is to be loaded, but was not yet

DATA_BEFORE=60 # the number of the first steps that start containers

# Writes to WORK/data the containers that write what their service keeps and whose image is another one in generation folder
# $1 than in $2: "service container was is way".
data_changes() {
    awk -F'\t' '
        side == "was" { was[$1] = $2; next }
        side == "is" { is[$1] = $2; next }
        { service[$2] = $1; if ($3 != "reversible") one_way[$2] = 1 }
        END {
            for (c in service)
                if ((c in was) && (c in is) && was[c] != is[c])
                    print service[c] "\t" c "\t" was[c] "\t" is[c] "\t" ((c in one_way) ? "one-way" : "reversible")
        }' side=was "$(table_path "$2" compose/containers.tsv)" side=is "$(table_path "$1" compose/containers.tsv)" \
        side=writers "$(table_path "$2" kept/writers.tsv)" "$(table_path "$1" kept/writers.tsv)" | sort >"$WORK/data"
}

# Prints the services in WORK/data; with $1, only those of that way.
data_services() { awk -F'\t' -v way="${1:-}" 'way == "" || $5 == way { print $1 }' "$WORK/data" | sort -u; }

# Prints the generation folder that knows how service $1 is saved: $2, or else $3, since older bundles do not say it.
knower() {
    if table "$2" kept/writers.tsv | awk -F'\t' -v service="$1" '$1 == service { found = 1 } END { exit !found }'; then
        echo "$2"
    else
        echo "$3"
    fi
}

# Prints "name file path need engine" for every database of service $2 in generation folder $1.
databases_of() { table "$1" kept/databases.tsv | awk -F'\t' -v service="$2" '$1 == service { print $2 "\t" $3 "\t" $6 "\t" $7 "\t" $4 }'; }

# Prints "name file" for those that are there: a program that never ran has no file yet.
databases_there() {
    databases_of "$1" "$2" | while IFS=$TAB read -r name file path _; do
        case $path in
        /*) [ -e "$ROOT$path" ] || continue ;;
        esac
        printf '%s\t%s\n' "$name" "$file"
    done
}

# Prints the names of those of service $2 that a dump finds in generation folder $1: a file that is there, a folder in which there
# are files of SQLite that no module knows. An older bundle can't tell, so then each counts.
databases_found() {
    databases_of "$1" "$2" | while IFS=$TAB read -r name _ path _ engine; do
        case $path in
        /*) [ -e "$ROOT$path" ] || continue ;;
        esac
        if [ "$engine" = undeclared ] && [ -f "$1/payload/databases/size.sh" ]; then
            [ "$(cd "$1/payload" && sh databases/size.sh "$name" </dev/null 2>/dev/null)" != 0 ] || continue
        fi
        echo "$name"
    done
}

# Prints the datasets of this machine ($3 is dataset), or of another one (elsewhere), or the folders in none, that service $2 uses.
places_of() {
    table "$1" kept/places.tsv | awk -F'\t' -v service="$2" -v how="$3" '
        $1 == service && $2 == how { print (how == "folder") ? $4 : $3 }' | sort -u
}

# Prints the containers that write what the services in WORK/data keep ($3 is writers), or run their databases (databases),
# in either of two generation folders.
data_containers() {
    data_services >"$WORK/services"
    { table "$1" kept/databases.tsv; table "$2" kept/databases.tsv; } >"$WORK/databases"
    { table "$1" kept/writers.tsv; table "$2" kept/writers.tsv; } | awk -F'\t' -v which="$3" '
        side == "services" { wanted[$1] = 1; next }
        side == "databases" { if (($1 in wanted) && $5 != "-") server[$5] = 1; next }
        ($1 in wanted) && ((which == "writers") != ($2 in server)) { print $2 }
        ' side=services "$WORK/services" side=databases "$WORK/databases" side=writers - | sort -u
}

# Runs a script of generation folder $1 with arguments, as run_step runs steps.
run_script() {
    folder_=$1
    shift
    printf '== %s\n' "$1" >>"$OUTPUT" 2>/dev/null
    # shellcheck disable=SC2016  # the inner shell expands it
    (cd "$folder_/payload" && exec sh -c 'echo $$ >"$0" 2>/dev/null; exec sh "$@"' "$STEP_FILE" "$@") </dev/null >>"$OUTPUT" 2>&1 9>&-
}

# ---------------------------------------------------------------- saving

# Saves what service $1 keeps to the new folder $2. Generation folder $3 is in use and may be followed by $4; $5 is its id.
save_service() {
    keeper=$(knower "$1" "$3" "$4")
    (umask 077 && rm -rf "$2" && mkdir -p "$2") && databases_there "$keeper" "$1" >"$2/databases" || return 1
    if [ -s "$2/databases" ]; then
        # shellcheck disable=SC2046  # names of dumps are words
        run_script "$keeper" databases/dump.sh "$2" $(cut -f1 "$2/databases") || return 1
    fi
    table "$keeper" kept/writers.tsv | awk -F'\t' -v service="$1" '
        side == "writers" { if ($1 == service) writes[$2] = 1; next }
        $1 in writes { print $1 "\t" $2 }' side=writers - side=images "$(table_path "$3" compose/containers.tsv)" >"$2/images" || return 1
    printf 'generation %s\nversion %s\nwhen %s\nby %s\n' "$5" "$(value_of "$3" version)" "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$VERB" >"$2/about"
}

# Takes a snapshot of each dataset of this machine that service $1 uses, and names them in folder $2.
save_datasets() {
    places_of "$(knower "$1" "$3" "$4")" "$1" dataset | while read -r dataset; do
        snapshot=$dataset@labwright-$5
        if zfs list -H -t snapshot -o name "$snapshot" >/dev/null 2>&1; then zfs destroy "$snapshot" || exit 1; fi
        zfs snapshot "$snapshot" && echo "$snapshot" >>"$2/snapshots" || exit 1
    done >>"$OUTPUT" 2>&1
}

# Keeps the folder $1/.new as $1/$2, whole or not at all.
keep_saved() {
    flush
    rm -rf "$1/.old"
    { [ ! -d "$1/$2" ] || mv -T "$1/$2" "$1/.old"; } && mv -T "$1/.new" "$1/$2" || return 1
    rm -rf "$1/.old"
    flush
}

# Prints the name under which the folder $1 keeps what was reverted next.
next_reverted() {
    n=1
    while [ -e "$1/reverted-$n" ]; do n=$((n + 1)); done
    echo "reverted-$n"
}

# Saves what every service in WORK/data keeps, as generation $1 (its folder is $2; $3 is the other one) leaves it.
save_data() {
    for service in $(data_services); do
        base=$STATE/dumps/$1/$service name=left
        # Its own is still to be loaded: what is there now is another's.
        [ ! -e "$base/left/owed" ] || name=$(next_reverted "$base")
        [ "$JSON" = 1 ] || printf '  saving %s ... ' "$service" 2>/dev/null
        began=$(now)
        if watched save_service "$service" "$base/.new" "$2" "$3" "$1" && save_datasets "$service" "$base/.new" "$2" "$3" "$1" &&
            keep_saved "$base" "$name"; then
            say "done ($((($(now) - began) / 100)) s)"
            record "saved what $service keeps as dumps/$1/$service/$name"
            point data-saved
        else
            rm -rf "$base/.new"
            say failed
            failing_output
            WHY="what $service keeps could not be saved"
            return 1
        fi
    done
}

# Saves it while everything still runs, so that what cannot be saved stops the change before it begins.
save_first() {
    [ -s "$WORK/data" ] || return 0
    for service in $(data_services); do
        keeper=$(knower "$service" "$2" "$1")
        databases_of "$keeper" "$service" | while IFS=$TAB read -r name _ path need _; do
            case $path in /*) [ -e "$ROOT$path" ] || [ "$need" = optional ] || say "  $name is not saved: there is no $path" ;; esac
        done
    done
    old_id=${2##*/} need=65536
    for service in $(data_services); do
        keeper=$(knower "$service" "$2" "$1")
        names=$(databases_there "$keeper" "$service" | cut -f1)
        [ -n "$names" ] && [ -f "$keeper/payload/databases/size.sh" ] || continue
        # shellcheck disable=SC2086  # names of dumps are words
        size=$(cd "$keeper/payload" && sh databases/size.sh $names 2>>"$OUTPUT" 9>&-) || size=0
        case $size in '' | *[!0-9]*) ;; *) need=$((need + size / 1024)) ;; esac
    done
    room "$STATE" "$need" ||
        refuse "the dumps before this change need $((need / 1024)) MiB on the disk of $STATE; \`labctl gc\` removes old ones, with their generations"
    if ! save_data "$old_id" "$2" "$1"; then
        [ "$DATA" = without ] || refuse "$WHY, and the new image may change it for good; \`--without-data\` goes on without that"
        warn "$WHY"
    fi
}

# Prints the newest folder with dumps of service $2 that the images of generation folder $1 wrote; with $3, only those that such a
# verb made.
find_dump() {
    for folder in "$STATE"/dumps/*/"$2"/left; do
        [ -s "$folder/databases" ] && [ -s "$folder/images" ] || continue
        about=$(awk '{ about[$1] = $2 } END { print about["when"] " " about["by"] }' "$folder/about")
        [ -z "${3:-}" ] || [ "${about#* }" = "$3" ] || continue
        awk -F'\t' '
            side == "wanted" { wanted[$1] = $2; next }
            $1 in wanted { if (wanted[$1] == $2) same++; else differs = 1 }
            END { exit !(same && !differs) }' side=wanted "$(table_path "$1" compose/containers.tsv)" side=images "$folder/images" || continue
        echo "${about% *} $folder"
    done | sort | tail -n 1 | cut -d' ' -f2-
}

# Removes what was saved of generation $1.
forget_dumps() {
    cat "$STATE/dumps/$1"/*/left/snapshots 2>/dev/null | while read -r snapshot; do
        case $snapshot in
        *@labwright-"$1") zfs destroy "$snapshot" || warn "cannot destroy the snapshot $snapshot" ;;
        esac
    done
    rm -rf "${STATE:?}/dumps/$1"
}
