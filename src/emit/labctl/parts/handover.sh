# ---------------------------------------------------------------- from one image to another
# What happens to the data between the old containers and the new ones. P_DATA in the journal says how far it is:
#   saved     it is saved, and nobody has touched it since
#   touched   another image has started, or a dump is being loaded
#   aside     on the way back: what the other image made of it is put aside
#   restored  on the way back: it is again what it was

# Prints the lines of the input that the file $1 has too. (To busybox's grep -f, an empty file is every line.)
lines_in() { awk 'side == "known" { known[$0] = 1; next } $0 in known' side=known "$1" side=input -; }

# Whether the step $1 comes after the data is handed over.
starts_containers() {
    number_=${1#activate.d/}
    [ "${number_%%-*}" -ge "$DATA_BEFORE" ] 2>/dev/null
}

# Hands the data of services over from generation folder $2 to $1. $3 is 1 for a revert.
hand_over() {
    data_changes "$1" "$2"
    [ -s "$WORK/data" ] || return 0
    if [ "$3" = 1 ]; then take_back "$1" "$2"; else give_on "$1" "$2"; fi
}

# Stops whoever writes, so that nothing is written between the dump and the start of the new image.
stop_writers() {
    data_containers "$1" "$2" writers >"$WORK/writers"
    [ -s "$WORK/writers" ] || return 0
    xargs docker stop <"$WORK/writers" >>"$OUTPUT" 2>&1 || : # one may be gone
    still=$(docker ps --format '{{.Names}}' 2>>"$OUTPUT" | lines_in "$WORK/writers" | tr '\n' ' ')
    [ -z "$still" ] || { WHY="${still}cannot be stopped"; return 1; }
    point data-stopped
}

# Writes to WORK/servers the containers of generation folder $1 that run the databases of the services in WORK/data; $2 is the
# other generation.
data_servers() {
    data_containers "$1" "$2" databases >"$WORK/named"
    cut -f1 "$(table_path "$1" compose/containers.tsv)" | lines_in "$WORK/named" >"$WORK/servers"
}

# Starts them as generation folder $1 has them, without what uses them.
start_databases() {
    data_servers "$1" "$2"
    [ -s "$WORK/servers" ] || return 0
    (cd "$1/payload" && xargs docker compose -f compose/compose.yaml up --detach --no-deps --wait <"$WORK/servers" >>"$OUTPUT" 2>&1 9>&-) || {
        WHY="the database of $(data_services | tr '\n' ' ')does not start"
        return 1
    }
}

databases_run() {
    data_servers "$1" "$2"
    [ "$(docker ps --format '{{.Names}}' 2>/dev/null | lines_in "$WORK/servers" | sort)" = "$(cat "$WORK/servers")" ]
}

# Writes P_DATA to the journal.
data_is() {
    P_DATA=$1
    journal "$P_STATE" || { WHY='the journal could not be written'; return 1; }
    point "data-$1"
}

# The way on: saves what the services keep as the old generation leaves it and, where somebody goes back with the data, loads
# what the images of generation folder $1 left.
give_on() {
    stop_writers "$1" "$2" || return 1
    databases_run "$2" "$1" || start_databases "$2" "$1" || [ "$DATA" = without ] || return 1
    if save_data "$P_OLD" "$2" "$1"; then
        data_is saved || return 1
    else
        [ "$DATA" = without ] || return 1
        warn "$WHY"
        return 0 # what is not saved cannot be taken back
    fi
    data_is touched || return 1
    [ "$DATA" = with ] || return 0
    start_databases "$1" "$2" || return 1
    for service in $(data_services one-way); do
        dump=$(find_dump "$1" "$service")
        [ -n "$dump" ] || continue
        load_service "$service" "$dump" "$1" "$2" || return 1
        say "  $service has what it kept on $(awk '$1 == "when" { print $2 }' "$dump/about")"
    done
}

# The way back after a change that another image has seen: puts aside what it made of the data, and loads what was saved before.
take_back() {
    case $P_DATA in touched | aside) ;; *) return 0 ;; esac
    if [ "$DATA" = without ]; then
        say "  what services keep stays as $(described "$P_NEW") left it"
        data_is restored
        return
    fi
    owed=''
    for service in $(data_services one-way); do
        [ ! -s "$STATE/dumps/$P_OLD/$service/left/databases" ] || owed="$owed $service"
    done
    [ -n "$owed" ] || return 0
    for service in $owed; do : >"$STATE/dumps/$P_OLD/$service/left/owed" || { WHY="cannot write to $STATE/dumps"; return 1; }; done
    stop_writers "$1" "$2" && start_databases "$1" "$2" || return 1
    if [ "$P_DATA" = touched ]; then
        for service in $owed; do
            base=$STATE/dumps/$P_NEW/$service
            if ! save_service "$service" "$base/.new" "$1" "$2" "$P_NEW" || ! keep_saved "$base" "$(next_reverted "$base")"; then
                rm -rf "$base/.new"
                WHY="what $(described "$P_NEW") made of the data of $service could not be put aside; \`labctl rollback --without-data\` goes back and leaves it as it is"
                return 1
            fi
        done
        data_is aside || return 1
    fi
    for service in $owed; do
        load_service "$service" "$STATE/dumps/$P_OLD/$service/left" "$1" "$2" || {
            WHY="$WHY; \`labctl rollback --without-data\` goes back and leaves it as it is"
            return 1
        }
    done
    data_is restored || return 1
    for service in $owed; do
        rm -f "$STATE/dumps/$P_OLD/$service/left/owed"
        say "  $service has what it kept before; what was written since is in dumps/$P_NEW/$service"
        record "loaded what $service kept before; what was written since is in dumps/$P_NEW/$service"
    done
}

# Loads what the folder $2 holds of service $1. Generation folder $3 is to use it, $4 did before.
load_service() {
    loader=$(knower "$1" "$3" "$4")
    while IFS=$TAB read -r name file; do
        [ -f "$2/$file" ] || continue # one that may be missing was
        run_script "$loader" databases/load.sh "$name" "$2/$file" || {
            WHY="the dump $2/$file could not be loaded"
            return 1
        }
        point data-loaded
    done <"$2/databases"
}

# ---------------------------------------------------------------- what a person decides

# Writes to WORK/back the services that go back to an image which a newer one has followed, each with the folder of its dumps:
# with `rollback` every one that is one-way, with `apply` one that a newer bundle sets back.
data_back() {
    for service in $(data_services one-way); do
        if [ "$VERB" = rollback ]; then
            printf '%s\t%s\n' "$service" "$(find_dump "$1" "$service")"
        else
            dump=$(find_dump "$1" "$service" apply)
            [ -z "$dump" ] || printf '%s\t%s\n' "$service" "$dump"
        fi
    done >"$WORK/back"
}

# Prints why the data does not let generation folder $1 follow $2, one reason a line.
data_obstacles() {
    while IFS=$TAB read -r service dump; do
        when=''
        [ -z "$dump" ] || when=$(awk '$1 == "when" { print $2 }' "$dump/about")
        case $DATA,$dump in
        without,* | with,?*) ;;
        with,)
            [ -z "$(databases_of "$(knower "$service" "$2" "$1")" "$service")" ] ||
                echo "$service goes back to an older image, and there is no dump of what that one left: \`--without-data\` leaves what it keeps as it is"
            ;;
        *,?*) echo "$service goes back to an older image, which may not read what the newer one has written: \`--with-data\` loads the dump of $when, after the present data is put aside; \`--without-data\` leaves what it keeps as it is" ;;
        *) echo "$service goes back to an older image, which may not read what the newer one has written, and there is no dump from before: \`--without-data\` leaves what it keeps as it is" ;;
        esac
    done <"$WORK/back"
}

# Prints the rows of the plan for WORK/data.
data_rows() {
    while IFS=$TAB read -r service container was is way; do
        keeper=$(knower "$service" "$2" "$1")
        saved=$(databases_found "$keeper" "$service" | sed 's/^/database /')
        saved=$(printf '%s\n' "$saved" "$(places_of "$keeper" "$service" dataset | sed 's/^/dataset /')" | sed '/^$/d' | tr '\n' ',' | sed -e 's/,$//' -e 's/,/, /g')
        left=$(places_of "$keeper" "$service" elsewhere | tr '\n' ',' | sed -e 's/,$//' -e 's/,/, /g')
        uncopied=$(places_of "$keeper" "$service" folder | tr '\n' ',' | sed -e 's/,$//' -e 's/,/, /g')
        dump=$(awk -F'\t' -v service="$service" '$1 == service { print $2 }' "$WORK/back")
        printf 'R\tdata\top=%s\tservice=%s\tcontainer=%s\twas=%s\tis=%s\tsaved=%s\tleft=%s\tuncopied=%s\tdump=%s\n' \
            "$way" "$service" "$container" "$was" "$is" "$saved" "$left" "$uncopied" "$dump"
    done <"$WORK/data"
}
