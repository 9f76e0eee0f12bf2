# ---------------------------------------------------------------- rollback

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
            revert_earlier
            ;;
        *) recover ;;
        esac
        # The change that was under way is gone: that is what was asked for, unless a generation was named.
        if [ -z "$NAME" ] && [ "$(linked current)" = "$wanted" ]; then ends 0 "done"; fi
    fi
    old=$(linked current)
    id=$(find_generation "${NAME:-$(linked previous)}") || refuse "there is no generation \`${NAME:-previous}\` here; \`labctl list\` shows them"
    generation=$(generation "$id")
    why=$(closed_world "$generation") || refuse "the generation $id is damaged: $why"
    make_plan "$generation" "$(generation "$old")"
    show_plan
    if [ "$CHANGES" = false ]; then ends 0 nothing; fi
    preflight "$generation" "$(generation "$old")"
    change "$id" "$old"
}
