# ---------------------------------------------------------------- gc

verb_gc() {
    must_be_root
    find_lab_or_refuse
    lock_or_refuse
    work_folder
    recover || : # a change that waits for its confirmation keeps both of its generations
    read_journal || :
    kept=0
    printf 'S\tformat\tlabwright.gc/1\nL\tremoved\n' >"$WORK/plan"
    generations >"$WORK/generations"
    while IFS=$TAB read -r id version _ marks _; do
        if [ "$marks" != - ]; then continue; fi
        kept=$((kept + 1))
        if [ "$kept" -gt "$KEEP" ]; then
            # Renamed first: a cut never leaves half a generation.
            mv "$STATE/gen/$id" "$STATE/gen/.gone" && rm -rf "$STATE/gen/.gone"
            forget_dumps "$id"
            record "removed $version ($id)"
            say "removed $version ($id)"
            printf 'R\tremoved\tid=%s\tversion=%s\n' "$id" "$version" >>"$WORK/plan"
        fi
    done <"$WORK/generations"
    [ "$kept" -gt "$KEEP" ] || say "nothing to remove: the current and the previous generation stay, and $KEEP more"
    rm -rf "$STATE/gen/.gone" "$BASE/.staging"
    for folder in "$STATE"/dumps/*/; do
        id=${folder%/} id=${id##*/}
        [ ! -d "$folder" ] || [ -d "$STATE/gen/$id" ] || forget_dumps "$id"
    done
    forget_images
    if [ -f "$STATE/log" ] && [ "$(wc -l <"$STATE/log")" -gt 20000 ]; then
        tail -n 10000 "$STATE/log" >"$STATE/.log.new" && mv -f "$STATE/.log.new" "$STATE/log"
    fi
    ends 0 "done"
}

# Removes the images that this machine built and that no generation which is left has. Others come from a registry, and are Docker's
# to prune.
forget_images() {
    has docker || return 0
    for tree in "$STATE"/gen/*/; do
        [ ! -f "$tree/payload/compose/containers.tsv" ] || cut -f2 "$tree/payload/compose/containers.tsv"
    done >"$WORK/images-in-use"
    docker image ls --filter "label=labwright.built=$LAB" --format '{{.Repository}}:{{.Tag}}' 2>/dev/null >"$WORK/images-built" || return 0
    while read -r image; do
        if grep -qxF -e "$image" "$WORK/images-in-use"; then continue; fi
        # One that a container still has stays.
        if docker image rm "$image" >>"$OUTPUT" 2>&1 </dev/null; then
            record "removed the image $image"
            say "removed the image $image"
        fi
    done <"$WORK/images-built"
}
