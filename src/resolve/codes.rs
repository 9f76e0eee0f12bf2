//! The findings of resolving names and making modules concrete.

use crate::diag::codes;

codes::define! {
    pub UNKNOWN_NAME = "unknown-name", Error, "a name that nothing in the lab has";
    pub WRONG_KIND = "wrong-kind", Error, "a name belongs to something of another kind";
    pub UNKNOWN_OPTION = "unknown-option", Error, "an option that the module does not have";
    pub MISSING_OPTION = "missing-option", Error, "an option that the module requires is not given";
    pub WRONG_OPTION = "wrong-option", Error, "an option's value is not of the option's type";
    pub ASSERTION_FAILED = "assertion-failed", Error,
        "a condition that the module states does not hold";
    pub BAD_MODULE = "bad-module", Error, "a module's definition can't be made concrete";
    pub ADDRESS_OUTSIDE_NETWORK = "address-outside-network", Error,
        "an address that no machine of its network can have";
    pub DHCP_OUT_OF_PLACE = "dhcp-out-of-place", Error,
        "a machine asks for its address by DHCP where it must be known";
    pub BAD_NETWORK = "bad-network", Error, "a network whose prefix, gateway or tag can't be right";
    pub SHARE_WITHOUT_TRANSPORT = "share-without-transport", Error,
        "a share does not say how it reaches the machine";
    pub SHARE_WITHOUT_LOGIN = "share-without-login", Error,
        "a share by SMB lacks its user or password, or another share has them";
    pub PASSTHROUGH_WITHOUT_DEVICE = "passthrough-without-device", Error,
        "passthrough of a device that the host does not have";
    pub FIXED_PORT = "fixed-port", Error, "a port is changed that the program can't change";
    pub PORTS_DISAGREE = "ports-disagree", Error,
        "a service gives an endpoint another number of ports than it has";
    pub RAW_NOT_ALLOWED = "raw-changes-model", Error,
        "`raw` sets a key that the lab itself decides";
    pub ROUTE_WITHOUT_PROXY = "route-without-proxy", Error,
        "a route goes through a service that is not a proxy";
    pub ROUTE_WITHOUT_AUTHENTICATION = "route-without-authentication", Error,
        "a route names a service for authentication that can't authenticate";
    pub ROUTE_BEYOND_PROXY = "route-beyond-proxy", Error,
        "a route asks its proxy for something that this proxy can't do";
    pub AMBIGUOUS_ZONE = "ambiguous-zone", Error, "a name that could mean two zones";
    pub UNDECLARED_SECRET = "undeclared-secret", Error, "a secret that the lab does not declare";
    pub RENAMED_MODULE = "renamed-module", Warning,
        "a service uses its module by the name that it had";
    pub OTHER_PRODUCT = "other-product", Warning,
        "a service is named after another product than the one that its module runs";
    pub DISCONTINUED_MODULE = "discontinued-module", Error,
        "a service whose program is discontinued";
    pub UNMET_NEED = "unmet-need", Error, "a service needs what no service of the lab provides";
    pub STILL_DECLARED = "still-declared", Error,
        "something is `moved` or `removed`, and still declared";
}
