//! Runs ddclient with what its module emits: it tells the provider, and the lab knows when it did
//! not.

use super::programs::with;

/// What tells the house's own address, and the provider that keeps the name of it.
const PROVIDER: &str = r#"
import http.server, ssl, threading

class Provider(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        asked = f"{self.headers['Host']} {self.path} {self.headers['Authorization']}"
        print(asked, flush=True)
        said = b"good 203.0.113.7" if self.path.startswith("/nic/update") else b"203.0.113.7"
        self.send_response(200)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)
    def log_message(self, *words): pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 443), Provider)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("/tmp/provider.crt", "/tmp/provider.key")
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
"#;

#[test]
fn ddclient_tells_the_provider_a_new_address_once() {
    with(
        "secret dns-password
        service ddclient on=box { zone-name \"example.org\"; password (secret)dns-password; }",
        &format!(
            r#"
            mkdir -p /etc/labwright/services /etc/labwright/secrets
            mkdir -p /var/cache/ddclient /run/ddclient
            cp -r /payload/ddclient /etc/labwright/services/
            chmod 0600 /etc/labwright/services/ddclient/ddclient.conf
            printf '%s\n' "it's \$HOME, # \"é\\" >/etc/labwright/secrets/dns-password
            printf '127.0.0.1 api.ipify.org www.ovh.com\n' >>/etc/hosts
            openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=provider -days 2 \
                -addext subjectAltName=DNS:api.ipify.org,DNS:www.ovh.com \
                -keyout /tmp/provider.key -out /tmp/provider.crt 2>/dev/null
            cp /tmp/provider.crt /usr/local/share/ca-certificates/
            update-ca-certificates >/dev/null 2>&1
            cat >/tmp/provider.py <<'END'
{PROVIDER}
END
            python3 /tmp/provider.py >/tmp/asked 2>&1 &
            soon ncat -z 127.0.0.1 443
            updates() {{ grep -c /nic/update /tmp/asked || :; }}
            is_told() {{ [ "$(updates)" = 1 ]; }}
            start() {{
                RUNTIME_DIRECTORY=/run/ddclient sh /etc/labwright/services/ddclient/start.sh \
                    >/tmp/log 2>&1 &
                program=$!
            }}
            start
            soon is_told || {{ cat /tmp/log /tmp/asked; exit 1; }}
            login=$(printf %s "example.org-ddclient:it's \$HOME, # \"é\\" | base64 -w 0)
            grep '^www.ovh.com /nic/update.*hostname=example.org&.*myip=203.0.113.7' /tmp/asked |
                grep -qF "Basic $login"
            kill "$program"; wait "$program" || :
            # Started an hour later, it asks for the address, finds it unchanged, and tells nobody.
            sed -i -E "s/(atime|mtime)=[1-9][0-9]*/\\1=$(($(date +%s) - 3600))/g" \
                /var/cache/ddclient/ddclient.cache
            start
            is_done() {{
                [ "$(grep -c ^api.ipify.org /tmp/asked)" = 2 ] &&
                    grep -qa sleeping "/proc/$program/cmdline"
            }}
            soon is_done || {{ cat /tmp/log /tmp/asked; exit 1; }}
            kill "$program"; wait "$program" || :
            is_told
            # Where the provider knows the address, the check is content.
            printf '#!/bin/sh\nexit "${{RUNS:-0}}"\n' >/usr/local/bin/systemctl
            chmod 0755 /usr/local/bin/systemctl
            check() {{ sh /payload/ddclient/check.sh 2>/tmp/why; }}
            check
            ! RUNS=3 check || exit 1
            sed -i 's/status=good/status=badauth/' /var/cache/ddclient/ddclient.cache
            ! check || exit 1
            grep -q '^example.org is not at 203.0.113.7: .*status=badauth' /tmp/why
            sed -i -e 's/status=badauth/status=good/' -e 's/203\.0\.113\.7/203.0.113.6/' \
                /var/cache/ddclient/ddclient.cache
            ! check || exit 1
            rm /var/cache/ddclient/ddclient.cache
            ! check || exit 1
            "#
        ),
    );
}
