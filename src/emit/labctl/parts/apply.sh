# ---------------------------------------------------------------- apply

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
        ends 0 nothing
    fi
    preflight "$UNPACKED" "$(generation "$old")"
    adopt_staged "$id"
    change "$id" "$old"
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
