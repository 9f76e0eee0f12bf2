# ---------------------------------------------------------------- confirm

verb_confirm() {
    must_be_root
    find_lab_or_refuse
    lock || sleep 1 # the apply that asks for it may not have let go yet
    [ "$LOCKED" = 1 ] || lock_or_refuse
    work_folder
    read_journal || refuse "nothing waits for a confirmation; $(described "$(linked current)") is current"
    if [ "$P_STATE" != confirming ]; then
        recover
        refuse "the change did not come as far as to be confirmed; $(described "$(linked current)") is current"
    fi
    recover && refuse "it is too late; $(described "$(linked current)") is current again"
    find_login
    [ "$LOGIN" != "$P_LOGIN" ] ||
        refuse "this is the login that applied it ($(login_words "$LOGIN")). Open a new one and confirm there: that proves that you can still get in (over ssh, not through a multiplexed connection: ssh -S none)"
    case $P_LOGIN/$LOGIN in
    ssh*/local\ -\ -* | ssh*/local\ -\ not*) refuse "it was applied over ssh, and this is not a login: confirm from a new ssh login or from the console" ;;
    esac
    [ -z "$LOGIN_SINCE" ] || [ "$LOGIN_SINCE" -ge "$P_RULES" ] ||
        refuse "this login ($(login_words "$LOGIN")) began before the new rules were in force. Open a new one and confirm there"
    record "confirmed by $(login_words "$LOGIN")"
    commit
    say "confirmed: $(described "$P_NEW") stays"
    ends 0 "done"
}
