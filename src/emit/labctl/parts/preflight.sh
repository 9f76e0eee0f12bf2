# ---------------------------------------------------------------- preflight
# Why a generation cannot be taken into use, asked while nothing is stopped.

# Prints every reason why generation $1 cannot follow generation $2, one a line. Only reads.
# Needs file_changes, payload_changes and table_changes.
obstacles() {
    awk -F'\t' '$1 == "blocked" { print $2 " is a folder; the bundle has a file there" }' "$WORK/files"
    if is_root; then
        cut -f3 "$WORK/want" | sort -u | while read -r owner; do
            case $owner in *[!0-9]*) id -u "$owner" >/dev/null 2>&1 || echo "install.tsv names the user \`$owner\`, who does not exist" ;; esac
        done
        cut -f4 "$WORK/want" | sort -u | while read -r group; do
            case $group in *[!0-9]*) getent group "$group" >/dev/null 2>&1 || grep -q "^$group:" /etc/group || echo "install.tsv names the group \`$group\`, which does not exist" ;; esac
        done
    fi
    awk -F'\t' '{ print "the secret `" $1 "` (" $2 ", " $3 " " $4 ") is " $5 "; `labctl secrets set " $1 file "` writes it" }' file="${FILE:+ $FILE}" "$WORK/missing"
    data_obstacles "$1" "$2"
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
    # Compose would fail in the middle over a name that a container of somebody else has.
    if [ -f "$1/payload/compose/containers.tsv" ] && has docker; then
        docker ps --all --format '{{.Label "com.docker.compose.project"}} {{.Names}}' 2>/dev/null | awk -v lab="$LAB" '
            side == "want" { want[$1] = 1; next }
            ($NF in want) && !(NF == 2 && $1 == lab) { print "the container `" $NF "` is there, not by labctl: `docker stop " $NF " && docker rm " $NF "` makes room, what it mounts stays" }
            ' side=want "$1/payload/compose/containers.tsv" side=there -
    fi
    # The bundle's own check knows what else compose needs, such as files that a step writes.
    if [ -f "$1/payload/compose/compose.yaml" ] && has docker &&
        [ -z "$(find "$1/payload/check.d" -name '*compose*' 2>/dev/null)" ]; then
        why=$(cd "$1/payload/compose" && docker compose -f compose.yaml config -q 2>&1) || echo "docker compose refuses compose/compose.yaml: $(one_line "$why" | cut -c1-200)"
    fi
}

# Refuses what the plan found in the way, then lets the bundle's own checks speak. Nothing is stopped here.
preflight() {
    if [ -s "$WORK/obstacles" ]; then
        refuse "$(cat "$WORK/obstacles")"
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
        notes
    done
    [ "$INTERRUPTED" = 0 ] || refuse "it was interrupted"
    point checked
    save_first "$1" "$2"
    [ "$INTERRUPTED" = 0 ] || refuse "it was interrupted"
}
