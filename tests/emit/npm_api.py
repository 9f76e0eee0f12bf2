"""Stands in for nginx-proxy-manager 2.15: the part of its API that provisioning uses, strict about every body.

    npm_api.py STATE SCHEMA PORT-FILE [ADDRESS PORT]

STATE is a JSON file with what the installation holds; it is rewritten after every change, and every change is
appended to its "log". Without a port it takes a free one of this machine alone.
"""

import json
import socket
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

import jsonschema

state_path, schema_path, port_path, *listen = sys.argv[1:]
schemas = json.load(open(schema_path))
state = json.load(open(state_path))
KINDS = {"proxy-hosts": "proxyHosts", "access-lists": "accessLists", "certificates": "certificates"}


class Refused(Exception):
    pass


class Api(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_GET(self):
        self.answer()

    do_POST = do_PUT = do_DELETE = do_GET

    def answer(self):
        try:
            status, body = self.route()
        except Refused as refused:
            status, body = refused.args[0], {"error": {"code": refused.args[0], "message": refused.args[1]}}
        json.dump(state, open(state_path, "w"), indent=1)
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def body(self, key):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        try:
            jsonschema.validate(body, {"type": "object", **schemas[key], "$defs": schemas["$defs"]})
        except jsonschema.ValidationError as error:
            raise Refused(400, f"data {error.message}") from error
        return body

    def route(self):
        path, _, query = self.path.removeprefix("/api").partition("?")
        if (self.command, path) == ("GET", "/"):
            return 200, {"status": "OK", "setup": bool(state["users"]), "version": {}}
        if (self.command, path) == ("POST", "/users") and not state["users"]:
            user = self.body("POST /users")
            state["users"].append({"email": user["email"], "secret": user["auth"]["secret"], "roles": user["roles"]})
            state["log"].append("POST /users")
            return 201, {"id": 1}
        if (self.command, path) == ("POST", "/tokens"):
            login = self.body("POST /tokens")
            for user in state["users"]:
                if user["email"] == login["identity"] and user["secret"] == login["secret"]:
                    return 200, {"requires_2fa": True, "challenge_token": "c"} if user.get("2fa") else {"token": "t0ken", "expires": ""}
            raise Refused(401, "Invalid email or password")
        if self.headers["Authorization"] != "Bearer t0ken":
            raise Refused(403, "Permission Denied")
        if path == "/settings/default-site":
            if self.command == "PUT":
                state["defaultSite"] = self.body("PUT /settings/default-site")["value"]
                state["log"].append("PUT /settings/default-site")
            return 200, {"id": "default-site", "value": state.get("defaultSite", "congratulations"), "meta": {}}
        _, nginx, kind, *rest = path.split("/")
        assert nginx == "nginx"
        rows = state[KINDS[kind]]
        if self.command == "GET":
            if kind == "access-lists" and query != "expand=clients":
                return 200, [{key: value for key, value in row.items() if key != "clients"} for row in rows]
            return 200, rows
        state["log"].append(f"{self.command} {path}")
        if self.command == "DELETE":
            gone = next(row for row in rows if row["id"] == int(rest[0]))
            rows.remove(gone)
            if kind == "access-lists":
                for host in state["proxyHosts"]:
                    if host["access_list_id"] == gone["id"]:
                        host["access_list_id"] = 0
            return 200, True
        body = self.body(f"POST /nginx/{kind}")
        if kind == "proxy-hosts":
            self.taken(body["domain_names"], int(rest[0]) if rest else None)
        if self.command == "PUT":
            row = next(row for row in rows if row["id"] == int(rest[0]))
            row.update(body)
        else:
            if kind == "certificates" and body["domain_names"][0] in state["unreachable"]:
                raise Refused(500, "Internal Error")
            state["serial"] += 1
            row = {"id": state["serial"], "meta": {}, "advanced_config": "", **body}
            if kind == "certificates":
                row["expires_on"] = "2027-01-01"
            rows.append(row)
        if kind == "proxy-hosts":
            self.clean(row)
        if kind == "access-lists":
            row["clients"] = [{"id": index, "access_list_id": row["id"], **client} for index, client in enumerate(row["clients"])]
        return 201 if self.command == "POST" else 200, row

    def taken(self, names, own):
        for host in state["proxyHosts"]:
            if host["id"] != own and set(host["domain_names"]) & set(names):
                raise Refused(400, f"{names[0]} is already in use")

    @staticmethod
    def clean(row):
        """Does as NPM does to what it stores: no certificate, no https; and its own notes in `meta`."""
        if not row.get("certificate_id"):
            row["ssl_forced"] = row["http2_support"] = False
        if not row["ssl_forced"]:
            row["hsts_enabled"] = False
        row["meta"] = {**row["meta"], "nginx_online": True, "nginx_err": None}


address, port = listen or ("127.0.0.1", "0")


class Server(HTTPServer):
    address_family = socket.AF_INET6 if ":" in address else socket.AF_INET


server = Server((address, int(port)), Api)
open(port_path, "w").write(str(server.server_port))
server.serve_forever()
