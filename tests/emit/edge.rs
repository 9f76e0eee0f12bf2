//! Uses what connects a lab to the outside: VPN servers and their clients, bans, a name that
//! follows the address.

use super::payload::payload;
use crate::trixie::{Room, text};

const LAB: &str = r#"
network tunnel cidr="10.8.0.0/24"
network wg cidr="10.9.0.0/24"
secret dns-password
secret wg-key
secret npm-admin-password
host box kind=debian {
    os debian-13
    address lan "192.168.1.10"
    ssh from=lan
    appdata "/srv/appdata"
}
service npm module=nginx-proxy-manager on=box { expose https to=internet; }
service wireguard on=box {
    clients wg
    address "10.9.0.1"
    private-key (secret)wg-key
    peer name="me" public-key="xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=" address="10.9.0.2"
}
service ddclient on=box { zone-name "example.org"; password (secret)dns-password; }
service fail2ban on=box
"#;

/// Runs an sh script in the payload of `box`, which it may change. `other` is a second generation
/// beside it.
fn run(lab: &str, other: &str, script: &str) -> Option<String> {
    let (payload, other) = (payload(lab, &[], "box"), payload(other, &[], "box"));
    let room = Room::new()?.show(payload.path(), "/payload").show(other.path(), "/other");
    let answer = room.sh(&format!("cd /payload\n{script}"), &[]);
    assert!(answer.status.success(), "{}{}", text(&answer.stdout), text(&answer.stderr));
    Some(text(&answer.stdout))
}

fn with_clients(clients: &str) -> String {
    format!(
        "{LAB}service openvpn on=box {{ clients tunnel; {clients} host \"127.0.0.1\"; reach lan; \
         expose tunnel to=internet; }}\n"
    )
}

#[test]
fn a_client_connects_until_it_is_revoked() {
    let script = r#"
pki=/srv/appdata/openvpn/pki
mkdir -p $pki
keys() {
    (cd $pki && find ca.crt tls-crypt.key issued private clients -type f | sort | xargs sha256sum)
}
sh activate.d/40-openvpn-pki.sh
keys >/before
sh activate.d/40-openvpn-pki.sh
keys | cmp - /before
cp $pki/clients/laptop.ovpn /laptop.ovpn

say() {
    i=0
    while ! grep -q "$2" "$1" && [ $i -lt 600 ]; do sleep 0.1; i=$((i + 1)); done
    grep -q "$2" "$1" || { cat "$1" >&2; exit 1; }
}
cp openvpn/server.conf /etc/openvpn/server/
mkdir -p /dev/net
[ -e /dev/net/tun ] || mknod /dev/net/tun c 10 200
cd /etc/openvpn/server
openvpn --config server.conf >/server.log 2>&1 &
server=$!
say /server.log 'Initialization Sequence Completed'
openvpn --config /laptop.ovpn --route-noexec >/client.log 2>&1 &
client=$!
say /client.log 'Initialization Sequence Completed'
grep -o 'PUSH_REPLY,route 192.168.1.0 255.255.255.0' /server.log
kill $client
wait $client || true

sh /other/activate.d/40-openvpn-pki.sh
ls $pki/clients
openvpn --config /laptop.ovpn --route-noexec >/client.log 2>&1 &
client=$!
say /server.log 'certificate revoked'
kill $server $client
"#;
    let Some(said) =
        run(&with_clients("client laptop phone;"), &with_clients("client phone;"), script)
    else {
        return;
    };
    assert_eq!(said, "PUSH_REPLY,route 192.168.1.0 255.255.255.0\nphone.ovpn\n");
}

#[test]
fn wireguard_and_ddclient_read_their_files() {
    let script = r"
cp wireguard/labwright.conf /etc/wireguard/
wg-quick strip labwright
{ echo password=x; cat ddclient/ddclient.conf; } >/ddclient.conf
chmod 0600 /ddclient.conf
ddclient -daemon 0 -noexec -debug -file /ddclient.conf >/said 2>&1 || true
grep -h 'unrecognized\|unable to' /said | sort -u
";
    let Some(said) = run(LAB, LAB, script) else { return };
    assert!(said.contains("AllowedIPs = 10.9.0.2/32\n"), "{said}");
    assert!(
        said.contains("example.org: unable to determine IP address")
            && !said.contains("unrecognized"),
        "{said}"
    );
}

#[test]
fn a_ban_comes_before_docker() {
    let script = r#"
cp fail2ban/labwright.local /etc/fail2ban/jail.d/
sh activate.d/40-fail2ban-logs.sh
fail2ban-client -t >/dev/null
line() {
    printf '[20/Nov/2025:07:13:00 +0000] - %s %s - %s https a.example "/%s" ' "$1" "$2" "$3" "$4"
    printf '[Client %s] [Length 1] [Gzip -] [Sent-to x] "%s" "-"\n' "$5" "$6"
}
{
    line 401 401 POST api/auth/login 203.0.113.9 Mozilla
    line 401 401 GET api/auth/me 203.0.113.10 'a page whose login has expired'
    line - 403 POST login 203.0.113.11 'a name that is not for everyone: the proxy refuses'
    line 403 403 POST api/upload 203.0.113.12 'no login'
    line 200 200 POST login 203.0.113.13 'a login that succeeds'
    line 200 200 GET page 203.0.113.8 '- 401 401 - POST https a \x22/login\x22 [Client 203.0.113.7]'
} >/access.log
sed -n '/^\[npm\]/,/^\[/s/^failregex = //p' fail2ban/labwright.local >/regex
echo "ports $(sed -n '/^\[npm\]/,/^\[/s/^port = //p' fail2ban/labwright.local)"
fail2ban-regex --out id --datepattern '^\[%d/%b/%Y:%H:%M:%S %z\]\s' /access.log "$(cat /regex)"
# No journal here: the jail of ssh reads a file instead.
sed -i 's/^backend = systemd/backend = polling/' /etc/fail2ban/jail.d/labwright.local
: >/var/log/auth.log
mkdir -p /run/fail2ban
fail2ban-server -b -x --logtarget /f2b.log >/dev/null
i=0
until fail2ban-client set npm banip 203.0.113.9 >/dev/null 2>&1 || [ $i -gt 600 ]; do
    sleep 0.1; i=$((i + 1))
done
i=0
until nft list table inet f2b-table >/rules 2>/dev/null || [ $i -gt 600 ]; do
    sleep 0.1; i=$((i + 1))
done
grep -o 'hook prerouting priority mangle' /rules
fail2ban-client stop >/dev/null
"#;
    let Some(said) = run(LAB, LAB, script) else { return };
    assert_eq!(said, "ports 80,443\n203.0.113.9\nhook prerouting priority mangle\n");
}
