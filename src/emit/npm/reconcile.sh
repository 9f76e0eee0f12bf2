#!/bin/sh
# Brings nginx-proxy-manager in line with the lab's routes. Runs inside its container, which has curl and jq.
#
#   reconcile.sh API EMAIL MARK     on stdin: the administrator's password in the first line, then routes.json
#
# Changes only what it made itself: proxy hosts that carry MARK, access lists whose name begins with it, proxy
# hosts that have a route's name and no other, and the page that a new installation shows under unknown names. Says what it changed; says nothing when all is as it should be.
set -eu
api=$1 email=$2 mark=$3
credentials=/run/secrets/dns-credentials

umask 077
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM

fail() {
    echo "nginx-proxy-manager: $1" >&2
    exit 1
}

# Calls the API; the answer is in $dir/answer. Nothing secret is ever an argument: ps shows those to everyone.
call() { # METHOD PATH [BODY]
    status=$(curl --silent --show-error --max-time 300 --header @"$dir/headers" --request "$1" \
        ${3:+--data-binary @"$3"} --output "$dir/answer" --write-out '%{http_code}' "$api$2") || status=000
    case $status in
        2*) return 0 ;;
        *) return 1 ;;
    esac
}

must() {
    call "$@" || fail "$1 $2: $(reason)"
}

reason() {
    jq -r '.error.message // "no reason given"' "$dir/answer" 2>/dev/null || echo "no answer ($status)"
}

# Waits until the API answers: after an update it migrates its database first.
wait_for_api() {
    tries=60
    until call GET / && jq -e '.status == "OK"' "$dir/answer" >/dev/null 2>&1; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || fail "the API at $api does not answer"
        sleep 2
    done
}

# A fresh installation lets anyone make the first administrator: that is done here, before anyone else does.
set_up() {
    jq -e '.setup == false' "$dir/answer" >/dev/null || return 0
    jq -Rs --arg email "$email" '{name: "Administrator", nickname: "Admin", email: $email, roles: ["admin"], is_disabled: false,
        auth: {type: "password", secret: .}}' "$dir/password" >"$dir/body"
    must POST /users "$dir/body"
    echo "made the administrator $email"
}

log_in() {
    jq -Rs --arg email "$email" '{identity: $email, secret: .}' "$dir/password" >"$dir/body"
    call POST /tokens "$dir/body" || fail "the password of $email is not taken: $(reason)"
    jq -e '.token' "$dir/answer" >/dev/null || fail "$email has a second factor; the account of the lab must have none"
    jq -r '"Authorization: Bearer " + .token' "$dir/answer" >>"$dir/headers"
}

# A name that leads nowhere gets no answer. The page that is there at first answers every name, and would look like a
# route that works. What somebody chose instead stays.
default_site() {
    must GET /settings/default-site
    jq -e '.value == "congratulations"' "$dir/answer" >/dev/null || return 0
    echo '{"value": "444", "meta": {}}' >"$dir/body"
    must PUT /settings/default-site "$dir/body"
    echo "unknown names get no answer from now on"
}

access_lists() {
    must GET '/nginx/access-lists?expand=clients'
    cp "$dir/answer" "$dir/lists"
    each .accessLists access_list
}

access_list() {
    name=$(jq -r .name "$dir/item")
    jq --slurpfile want "$dir/item" '[.[] | select(.name == $want[0].name)][0]' "$dir/lists" >"$dir/have"
    id=$(jq -r '.id // empty' "$dir/have")
    if [ -z "$id" ]; then
        must POST /nginx/access-lists "$dir/item"
        id=$(jq -r .id "$dir/answer")
        echo "made the access list $name"
    elif ! jq -e --slurpfile want "$dir/item" '($want[0].clients == [.clients[] | {address, directive}])
        and .satisfy_any == $want[0].satisfy_any and .pass_auth == $want[0].pass_auth' "$dir/have" >/dev/null; then
        must PUT "/nginx/access-lists/$id" "$dir/item"
        echo "changed the access list $name"
    fi
    jq --arg name "$name" --argjson id "$id" '.[$name] = $id' "$dir/list-ids" >"$dir/next"
    mv "$dir/next" "$dir/list-ids"
}

proxy_hosts() {
    must GET /nginx/certificates
    cp "$dir/answer" "$dir/certificates"
    must GET /nginx/proxy-hosts
    cp "$dir/answer" "$dir/hosts"
    each .hosts proxy_host
}

proxy_host() {
    host=$(jq -r '.payload.domain_names[0]' "$dir/item")
    jq --arg host "$host" '[.[] | select(any(.domain_names[]; ascii_downcase == $host))][0]' "$dir/hosts" >"$dir/have"
    # Several names on one host are somebody's own work; taking one of them over would take the others down.
    jq -e '. == null or (.domain_names | length) == 1' "$dir/have" >/dev/null ||
        fail "$host is one of several names of a proxy host made by hand; take it out there"
    id=$(jq -r '.id // empty' "$dir/have")
    certificate=$(certificate)
    jq --slurpfile lists "$dir/list-ids" --argjson certificate "$certificate" '.accessList as $list | .payload + {
        access_list_id: (if $list then $lists[0][$list] else 0 end), certificate_id: $certificate,
        ssl_forced: ($certificate > 0), http2_support: ($certificate > 0)}' "$dir/item" >"$dir/body"
    if [ -z "$id" ]; then
        must POST /nginx/proxy-hosts "$dir/body"
        echo "made the proxy host $host"
    elif ! jq -e --slurpfile want "$dir/body" '. as $have | $want[0] | to_entries | all(
        if .key == "meta" then .value.labwright == $have.meta.labwright else .value == $have[.key] end)' "$dir/have" >/dev/null; then
        must PUT "/nginx/proxy-hosts/$id" "$dir/body"
        echo "changed the proxy host $host"
    fi
}

# Prints the id of the certificate for $host: one that covers it, or a new one, or 0. A name that gets none is served
# over http until the next run: one that does not lead here yet must not keep everything else from working.
certificate() {
    found=$(jq --arg host "$host" '[.[] | select(any(.domain_names[]; ascii_downcase as $name | $name == $host
        or ($name | startswith("*.")) and ($host | sub("^[^.]*"; "*")) == $name))] | sort_by(.expires_on) | last | .id // 0' \
        "$dir/certificates")
    names=$(jq -r '.certificate // [] | join(", ")' "$dir/item")
    if [ "$found" = 0 ] && [ -n "$names" ]; then
        challenge >"$dir/challenge"
        jq --slurpfile meta "$dir/challenge" '{provider: "letsencrypt", domain_names: .certificate, meta: $meta[0]}' "$dir/item" >"$dir/body"
        if grep -qxF -e "$names" "$dir/refused"; then
            echo "warning: $host is served over http like the others of $names" >&2
        elif call POST /nginx/certificates "$dir/body"; then
            found=$(jq .id "$dir/answer")
            jq --slurpfile new "$dir/answer" '. + $new' "$dir/certificates" >"$dir/next"
            mv "$dir/next" "$dir/certificates"
            echo "got a certificate for $names" >&2
        else
            printf '%s\n' "$names" >>"$dir/refused"
            echo "warning: no certificate for $names, $host is served over http: $(reason)" >&2
        fi
    fi
    echo "$found"
}

# Prints how the authority sees that a name is ours: at port 80, or in the DNS, where the provider wants credentials.
challenge() {
    if jq -e .dnsProvider "$dir/routes" >/dev/null; then
        jq --rawfile credentials "$credentials" '{dns_challenge: true, dns_provider: .dnsProvider,
            dns_provider_credentials: $credentials}' "$dir/routes"
    else
        echo '{"dns_challenge": false}'
    fi
}

# Removes what an earlier run made for a route that is gone.
sweep() {
    jq --arg mark "$mark" --slurpfile want "$dir/routes" '($want[0].hosts | map(.payload.domain_names[0])) as $names
        | [.[] | select(.meta.labwright == $mark and all(.domain_names[]; ascii_downcase as $name | $names | index($name) | not))]' \
        "$dir/hosts" >"$dir/gone"
    each_of "$dir/gone" . remove_host
    jq --arg mark "labwright $mark:" --slurpfile want "$dir/routes" '($want[0].accessLists | map(.name)) as $names
        | [.[] | select((.name | startswith($mark)) and (.name as $name | $names | index($name) | not))]' "$dir/lists" >"$dir/gone"
    each_of "$dir/gone" . remove_list
}

remove_host() {
    must DELETE "/nginx/proxy-hosts/$(jq .id "$dir/item")"
    echo "removed the proxy host $(jq -r '.domain_names[0]' "$dir/item")"
    # Its own certificate would fail to renew for ever.
    own=$(jq --slurpfile gone "$dir/item" --slurpfile hosts "$dir/hosts" '[.[] | select(.provider == "letsencrypt"
        and .id == $gone[0].certificate_id and .domain_names == $gone[0].domain_names
        and ([$hosts[0][] | select(.certificate_id == $gone[0].certificate_id)] | length) == 1)][0].id // empty' "$dir/certificates")
    [ -z "$own" ] || must DELETE "/nginx/certificates/$own"
}

remove_list() {
    # nginx-proxy-manager opens every host of a list that is removed.
    if jq -e --arg mark "$mark" --slurpfile gone "$dir/item" 'any(.[]; .access_list_id == $gone[0].id and .meta.labwright != $mark)' \
        "$dir/hosts" >/dev/null; then
        echo "warning: the access list $(jq -r .name "$dir/item") stays: a proxy host made by hand uses it" >&2
        return 0
    fi
    must DELETE "/nginx/access-lists/$(jq .id "$dir/item")"
    echo "removed the access list $(jq -r .name "$dir/item")"
}

# Runs a function for every item of a list, which it finds in $dir/item.
each() { # LIST FUNCTION
    each_of "$dir/routes" "$1" "$2"
}

each_of() { # FILE LIST FUNCTION
    count=$(jq "$2 | length" "$1")
    index=0
    while [ "$index" -lt "$count" ]; do
        jq "$2 | .[$index]" "$1" >"$dir/item"
        "$3"
        index=$((index + 1))
    done
}

IFS= read -r password || fail 'the password of the administrator is missing'
[ -n "$password" ] || fail 'the password of the administrator is empty'
printf '%s' "$password" >"$dir/password"
cat >"$dir/routes"
echo 'Content-Type: application/json' >"$dir/headers"
echo '{}' >"$dir/list-ids"
: >"$dir/refused"

wait_for_api
set_up
log_in
default_site
access_lists
proxy_hosts
sweep
