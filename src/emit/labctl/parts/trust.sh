# ---------------------------------------------------------------- whose bundle it is
# A proven bundle may still be a stranger's, another machine's, or an old one that comes back.

check_signature() {
    if [ ! -e "$TRUST" ]; then
        [ ! -f "$1.sig" ] || warn "$1.sig was not checked: $TRUST does not exist"
        return 0
    fi
    [ -f "$1.sig" ] || refuse "$1 is not signed ($1.sig is missing), and $TRUST asks for a signature"
    has ssh-keygen || refuse "ssh-keygen, which checks the signature, is not installed"
    signer=$(ssh-keygen -Y find-principals -s "$1.sig" -f "$TRUST" 2>/dev/null | head -n 1)
    [ -n "$signer" ] || refuse "$1.sig is not by a key in $TRUST"
    ssh-keygen -Y verify -f "$TRUST" -I "$signer" -n labwright -s "$1.sig" >/dev/null 2>&1 <"$2/BUNDLE" ||
        refuse "$1.sig does not sign this bundle"
}

# Refuses a bundle of another lab or machine. The identity is a file: a host name changes too easily.
check_identity() {
    lab=$(value_of "$1" lab) machine=$(value_of "$1" machine)
    [ -z "$LAB" ] || [ "$LAB" = "$lab" ] || refuse "this bundle is of the lab \`$lab\`, not of \`$LAB\`"
    for file in "$BASE"/*/machine; do
        [ -f "$file" ] || continue
        folder=${file%/machine}
        [ "${folder##*/}" = "$lab" ] || refuse "this machine belongs to the lab \`${folder##*/}\`, the bundle to \`$lab\` (remove $file to give the machine away)"
        read -r is <"$file" || is=''
        [ "$is" = "$machine" ] || refuse "this machine is \`$is\`, the bundle is for \`$machine\` (if that is its new name, write it into $file)"
    done
    use_lab "$lab"
}

# Refuses a bundle that is older than the current generation.
check_replay() {
    seq=$(value_of "$1" seq)
    current=$(linked current)
    [ -n "$current" ] || return 0
    have=$(value_of "$STATE/gen/$current" seq)
    [ "$seq" -ge "${have:-0}" ] ||
        refuse "this bundle ($(value_of "$1" version)) is older than the current generation ($(value_of "$STATE/gen/$current" version)): replayed; \`labctl rollback\` goes back"
}
