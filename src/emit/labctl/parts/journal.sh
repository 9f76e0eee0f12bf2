# ---------------------------------------------------------------- the journal
# One small file says what is under way. It is written before each stage and gone when nothing is pending.

# Writes the journal of the change that is under way: whole or not at all.
journal() {
    P_STATE=$1
    {
        printf 'state %s\nnew %s\nold %s\n' "$P_STATE" "$P_NEW" "$P_OLD"
        printf 'boot %s\nsince %s\ndeadline %s\nrules %s\nlogin %s\ndata %s\nend\n' "$(boot_id)" "$P_SINCE" "$P_DEADLINE" "$P_RULES" "$P_LOGIN" "$P_DATA"
    } 2>/dev/null >"$STATE/.pending.new" && flush && mv -f "$STATE/.pending.new" "$STATE/pending" && flush || return 1
    point "$1"
}

# Reads the journal; fails when no change is under way.
read_journal() {
    P_STATE='' P_NEW='' P_OLD='' P_BOOT='' P_SINCE=0 P_DEADLINE=0 P_RULES=0 P_LOGIN='' P_DATA='' whole=''
    [ -e "$STATE/pending" ] || return 1
    while read -r key rest; do
        case $key in
        state) P_STATE=$rest ;; new) P_NEW=$rest ;; old) P_OLD=$rest ;; boot) P_BOOT=$rest ;;
        since) P_SINCE=$rest ;; deadline) P_DEADLINE=$rest ;; rules) P_RULES=$rest ;; login) P_LOGIN=$rest ;;
        data) P_DATA=$rest ;; end) whole=1 ;;
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

pending_words() {
    case $P_STATE in
    confirming) echo "$(described "$P_NEW") waits $(((P_DEADLINE - $(now)) / 100)) s more for \`labctl confirm\` from a new login; \`labctl rollback\` ends it" ;;
    committing) echo "$(described "$P_NEW") is in use; the call that did it ended before its last step" ;;
    staged | armed) echo "a change to $(described "$P_NEW") has not begun yet" ;;
    *) echo "a change from $(described "$P_OLD") to $(described "$P_NEW") is in the middle ($P_STATE)" ;;
    esac
}
