//! The findings of resolving names and making modules concrete.

use crate::diag::codes;

codes::define! {
    /// A name that nothing has.
    pub UNKNOWN_NAME = "unknown-name", Error, "a name that nothing in the lab has",
        "References are names: of a machine, network, zone, service, endpoint, secret, pool. One that nothing has would silently lead nowhere.\n\n```kdl\nservice media module=jellyfin on=intrnet\n```\n\nThe finding says which names there are.";
    /// A name of the wrong kind.
    pub WRONG_KIND = "wrong-kind", Error, "a name of something of another kind",
        "A guest runs on a Proxmox host, a route goes through a proxy, a service runs on a machine whose system is known.";
    /// An option that the module does not have.
    pub UNKNOWN_OPTION = "unknown-option", Error, "an option that the module does not have",
        "A service holds its module's options, each a node of its own. `labwright modules NAME` lists them with types and defaults.";
    /// An option that must be given.
    pub MISSING_OPTION = "missing-option", Error, "an option that the module requires is not given",
        "A module marks as `required` what it can't guess.\n\n```kdl\nservice jellyfin on=media\n```\n\nAdd `library \"/mnt/media\"`.";
    /// An option of another type.
    pub WRONG_OPTION = "wrong-option", Error, "an option's value is not of the option's type",
        "`labwright modules NAME` says the type of each option.";
    /// A condition of the module that does not hold.
    pub ASSERTION_FAILED = "assertion-failed", Error, "a condition that the module states does not hold",
        "A module states what must be true of its services, in its own words.";
    /// A fault in a module's definition.
    pub BAD_MODULE = "bad-module", Error, "a module's definition can't be made concrete",
        "An expression that does not parse or names what does not exist, a template that is not in the module's folder, a value that is not of the type its place needs.";
    /// An address outside its network.
    pub ADDRESS_OUTSIDE_NETWORK = "address-outside-network", Error, "an address that no machine of its network can have",
        "A machine with an address outside its network's prefix reaches nobody in it; the first address of an IPv4 prefix is the network's own, and the last one everybody's.\n\n```kdl\nnetwork lan cidr=\"192.168.1.0/24\"\nvm a id=100 on=pve { address lan \"192.168.2.10\"; }\n```";
    /// A prefix with host bits.
    pub BAD_NETWORK = "bad-network", Error, "a network whose prefix, gateway or tag can't be right",
        "A network has one IPv4 prefix, one IPv6 prefix or one of each, host bits zero, and gateways inside them.";
    /// A share without a transport.
    pub SHARE_WITHOUT_TRANSPORT = "share-without-transport", Error, "a share does not say how it reaches the machine",
        "A dataset of the host does not appear in a VM by itself: the hypervisor passes the folder (`via=virtiofs`, Proxmox VE 8.4 and later), or the network carries it (`via=nfs`). An LXC gets a `mount-point`, a host has its own datasets `local`ly.\n\n```kdl\nshare tank.media at=\"/mnt/media\" via=virtiofs\n```";
    /// A device that the host does not have.
    pub PASSTHROUGH_WITHOUT_DEVICE = "passthrough-without-device", Error, "passthrough of a device that the host does not have",
        "`passthrough NAME` hands a `gpu` or `device` of the host to a guest. The host must have it.";
    /// A port that nobody tells the program.
    pub FIXED_PORT = "fixed-port", Error, "a port is moved on paper only",
        "A container with a network of its own is published at whatever port a service gives. A program on the machine's own network listens where its configuration says, and a module that doesn't hand it the port leaves it where it was: rules, scrapes and routes would lead to a port that nobody answers.\n\n```kdl\nservice home-assistant on=pi { port web 8124; }\n```\n\nLeave the port as it is, or let the module move the program: `(f)\"--listen=:{port.web}\"` in `module.kdl`, `{{ service.endpoints.web.port }}` in a template.";
    /// A route through something that is no proxy.
    pub ROUTE_WITHOUT_PROXY = "route-without-proxy", Error, "a route goes through a service that is no proxy",
        "A route needs a service whose module says `proxy`: nginx-proxy-manager, traefik, caddy.";
    /// Authentication by something that can't.
    pub ROUTE_WITHOUT_AUTHENTICATION = "route-without-authentication", Error, "a route's users are to be authenticated by a service that authenticates nobody",
        "Before a proxy passes a request on, it asks the service of `auth=` who is asking. A service whose module provides no endpoint of role `forward-auth` has no answer, and the route would be open to everybody who reaches the proxy.\n\n```kdl\nservice logs module=dozzle on=box { route \"logs.example.org\" to=web via=caddy from=lan auth=grafana; }\n```\n\nName a service that authenticates, such as one of module `authentik`.";
    /// A zone name that has two meanings.
    pub AMBIGUOUS_ZONE = "ambiguous-zone", Error, "a name that would be two zones",
        "Networks, machines and the zones that machines name share one set of names, and `internet` is one of them.";
    /// A secret that is not declared.
    pub UNDECLARED_SECRET = "undeclared-secret", Error, "a secret that the lab does not declare",
        "Declaring secrets makes their list complete: it is what the operator must have before a machine can be made.\n\n```kdl\nsecret admin-password\n```";
    /// A module under the name it had.
    pub RENAMED_MODULE = "renamed-module", Warning, "a service uses its module by the name that it had",
        "Programs get new names, and modules with them. The old name still leads to the module, until it is given to another one.\n\n```kdl\nservice requests module=jellyseerr on=media\n```\n\nWrite `module=seerr`. A service that has the old name as its own keeps it, and its data, with `module=`.";
    /// Another product under a module's name.
    pub OTHER_PRODUCT = "other-product", Warning, "a service is called as another product than the one that its module runs",
        "Some products share a name and little else: OpenVPN Access Server has its own licence, ports and units, and nothing of what `openvpn-server@server` reads. The service gets the module whose name comes nearest; the finding says what the other product is.\n\n```kdl\nservice openvpn-as on=edge { clients tunnel; }\n```\n\nCall the service as the program that is meant.";
    /// A module of a program that is no more.
    pub DISCONTINUED_MODULE = "discontinued-module", Error, "a service of a program that is no more",
        "Its images are gone, or nobody repairs it any more. The finding says what happened and what to use instead; who has an image of their own writes a site module of another name.";
    /// A need that nothing fills.
    pub UNMET_NEED = "unmet-need", Error, "a service needs what no service of the lab provides",
        "A module says what it connects to by role. Add a service that provides the role, or name one.";
    /// Something that is gone and still there.
    pub STILL_DECLARED = "still-declared", Error, "something is `moved` or `removed`, and declared besides",
        "`moved` and `removed` say what has become of an entity that the lab no longer declares: its data goes to the new name, or its end is meant.\n\n```kdl\nservice readarr on=media\nremoved service readarr reason=\"retired\"\n```\n\nTake the declaration out, or the line that says it is gone. Inside a `profile`, `removed` takes an entity out of the variant.";
}
