//! Builds the views of the lab and of a machine for a module's expressions.

use crate::model::{Around, Data, Door, MachineId, Model};

pub fn record<const N: usize>(fields: [(&str, Data); N]) -> Data {
    Data::Record(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

fn optional(value: Option<String>) -> Data {
    value.map_or(Data::None, Data::Text)
}

pub fn machine_view(model: &Model, id: MachineId) -> Data {
    let machine = &model[id];
    record([
        ("name", Data::Text(machine.name.clone())),
        ("kind", Data::Text(machine.kind.name().to_owned())),
        ("os", optional(machine.os.map(|os| os.name().to_owned()))),
        ("arch", Data::Text(machine.arch.name().to_owned())),
        ("address", optional(machine.address().map(|address| address.to_string()))),
        ("appdata", Data::Text(machine.appdata.clone())),
        ("gpu", Data::Bool(machine.has_gpu())),
        ("cores", machine.cores.map_or(Data::None, |cores| Data::Integer(i64::from(cores)))),
        ("memory", optional(machine.memory.as_ref().map(ToString::to_string))),
        ("zone", Data::Text(model[machine.zone].name.clone())),
        ("ipv6", Data::Bool(machine.has_ipv6())),
        (
            "shares",
            Data::List(machine.network_shares().map(|at| Data::Text(at.to_owned())).collect()),
        ),
        ("managed", Data::Bool(machine.kind.is_managed())),
        ("system", Data::Bool(machine.kind.offers().system)),
        ("containers", Data::Bool(machine.may_run_containers())),
    ])
}

pub fn service_view(name: &str, around: &Around) -> Data {
    let first = around.doors.first();
    let list = |texts: Vec<String>| Data::List(texts.into_iter().map(Data::Text).collect());
    record([
        ("name", Data::Text(name.to_owned())),
        ("config", Data::Text(format!("/etc/labwright/services/{name}"))),
        ("url", optional(first.map(Door::url))),
        ("host", optional(first.map(|door| door.host.clone()))),
        ("scheme", optional(first.map(|door| door.scheme.to_owned()))),
        ("hosts", list(around.doors.iter().map(|door| door.host.clone()).collect())),
        ("urls", list(around.doors.iter().map(Door::url).collect())),
        ("proxies", list(around.proxies.iter().map(ToString::to_string).collect())),
        ("direct", Data::Bool(around.direct)),
    ])
}

pub fn lab_view(model: &Model) -> Data {
    record([
        ("name", Data::Text(model.lab.name.clone())),
        ("domain", optional(model.lab.domain.clone())),
        ("timezone", Data::Text(model.lab.timezone.clone())),
        ("email", optional(model.lab.email.clone())),
    ])
}
