# ---------------------------------------------------------------- the command line

# Refuses what sh would not count with as a person means it: 010 is eight to it, and 08 an error in the middle of a change.
number() { case $2 in '' | *[!0-9]* | 0?* | ???????*) usage_error "$1 wants a whole number" ;; esac; }

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
        --with-data | --without-data)
            [ -z "$DATA" ] || [ "--$DATA-data" = "$1" ] || usage_error "--with-data and --without-data contradict each other"
            DATA=${1#--} DATA=${DATA%-data}
            ;;
        --all-steps) ALL_STEPS=1 ;;
        --at-boot) AT_BOOT=1 ;;
        --watch) WATCH=1 ;;
        --reach) REACH=1 ;;
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
                secrets) if [ "$1" = set ]; then VERB="secrets-set"; else FILE=$1; fi ;;
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
    number LABWRIGHT_HEALTH_TIMEOUT "$HEALTH_TIMEOUT"
    number LABWRIGHT_HEALTH_INTERVAL "$HEALTH_INTERVAL"
    number LABWRIGHT_REACH_WAIT "$REACH_WAIT"

    trap cleanup EXIT
    listen
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
    reach) verb_reach ;;
    gc) verb_gc ;;
    secrets) verb_secrets ;;
    secrets-set) verb_secrets_set ;;
    *) usage_error "there is no verb \`$VERB\`" ;;
    esac
}

# The whole file is read before anything runs: it may be replaced by the generation that it installs.
main "$@"
exit
