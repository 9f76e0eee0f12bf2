//! Reads how the processes of a container run.

use super::read::{Report, plain};
use crate::decl::{Block, Value};
use crate::diag::Diagnostics;
use crate::model::{Accelerator, Device, Gpus, Process, Ulimit};
use crate::source::Spanned;

/// Reads the nodes about the processes of a container.
pub fn process(block: &Block<'_>, report: Report<'_>, diagnostics: &mut Diagnostics) -> Process {
    let text = |name: &str| block.value(name).map(plain);
    let is = |name: &str| block.value(name).and_then(Spanned::bool).unwrap_or(false);
    let number = |name: &str| block.value(name).and_then(Spanned::number);
    let limit = |name: &str| {
        block.child("limits").and_then(|limits| limits.property(name)).and_then(Spanned::size)
    };
    let mut ulimits: Vec<Ulimit> =
        block.all("ulimit").filter_map(|node| ulimit(node, report, diagnostics)).collect();
    ulimits.sort_by(|a, b| a.name.cmp(&b.name));
    Process {
        hostname: text("hostname"),
        working_dir: text("working-dir"),
        tty: is("tty"),
        stdin: is("stdin"),
        stop_signal: text("stop-signal"),
        pull_policy: text("pull-policy"),
        platform: text("platform"),
        runtime: text("runtime"),
        pids: number("pids"),
        ulimits,
        cpu_shares: number("cpu-shares"),
        memory_swap: limit("memory-swap"),
        memory_reservation: limit("memory-reservation"),
        dns: block
            .all("dns")
            .flat_map(|node| &node.arguments)
            .filter_map(|value| value.address().map(|address| address.to_string()))
            .collect(),
        gpu: {
            block.all("gpu").for_each(|node| check_gpu(node, report, diagnostics));
            block.all("gpu").find(|node| node.key() == "nvidia").map(gpus)
        },
    }
}

/// Returns the devices that the nodes `gpu` stand for. NVIDIA's are given by its toolkit.
pub fn accelerators(block: &Block<'_>) -> Vec<Device> {
    let mut devices = Vec::new();
    for node in block.all("gpu") {
        let accelerator = match node.key() {
            "dri" => Accelerator::Dri,
            "coral" => Accelerator::Coral,
            "coral-usb" => Accelerator::CoralUsb,
            "hailo" => Accelerator::Hailo,
            _ => continue,
        };
        let usual = || accelerator.device().to_owned();
        let path = node.property("device").and_then(Spanned::string).unwrap_or_else(usual);
        let made = |path: String| Device {
            path,
            at: None,
            accelerator: Some(accelerator),
            span: node.span,
        };
        devices.push(made(path));
        if accelerator == Accelerator::Dri && gpus(node).capabilities.contains(&COMPUTE.to_owned())
        {
            devices.push(made(KFD.to_owned()));
        }
    }
    devices
}

/// The capability that needs [`KFD`] of a GPU of AMD.
const COMPUTE: &str = "compute";
/// The device for computing on GPUs of AMD.
const KFD: &str = "/dev/kfd";

fn gpus(node: &Block<'_>) -> Gpus {
    let list = |name: &str| {
        let values = node.property(name).map(|value| match &value.value {
            Value::List(items) => items.iter().map(plain).collect(),
            _ => vec![plain(value)],
        });
        values.unwrap_or_default()
    };
    Gpus {
        count: node.property("count").and_then(Spanned::number),
        ids: list("ids"),
        capabilities: list("capabilities"),
    }
}

/// Reports what is said of a GPU and has no effect.
fn check_gpu(node: &Block<'_>, report: Report<'_>, diagnostics: &mut Diagnostics) {
    let has = |name: &str| node.property(name).is_some();
    let kind = node.key();
    let nvidia = kind == "nvidia";
    if nvidia && has("count") && has("ids") {
        report(node.span, "`count` and `ids` exclude each other".to_owned(), diagnostics);
    }
    let without: &[&str] = if nvidia { &["device"] } else { &["count", "ids"] };
    for name in without.iter().filter(|name| has(name)) {
        report(node.span, format!("`gpu {kind}` has no `{name}`"), diagnostics);
    }
}

/// The highest `fs.nr_open`. `setrlimit(2)` refuses a limit of open files above it, even to root.
const MOST_FILES: i64 = 2_147_483_584;

fn ulimit(node: &Block<'_>, report: Report<'_>, diagnostics: &mut Diagnostics) -> Option<Ulimit> {
    let both: Option<i64> = node.argument(1).and_then(Spanned::number);
    let one = |name: &str| node.property(name).and_then(Spanned::number).or(both);
    let (soft, hard) = (one("soft"), one("hard"));
    let (Some(soft), Some(hard)) = (soft.or(hard), hard.or(soft)) else {
        if !node.has_faulty_value() {
            let message = format!("the limit `{}` has no number", node.key());
            report(node.span, message, diagnostics);
        }
        return None;
    };
    // -1 is no limit, so it is above every number.
    if hard != -1 && (soft == -1 || soft > hard) {
        let message = format!("the soft limit `{}` is above the hard one", node.key());
        report(node.span, message, diagnostics);
    }
    if node.key() == "nofile" && !(0..=MOST_FILES).contains(&hard) {
        let message = format!("the kernel refuses a limit of files above {MOST_FILES}, or none");
        report(node.span, message, diagnostics);
    }
    Some(Ulimit { name: node.key().to_owned(), soft, hard })
}
