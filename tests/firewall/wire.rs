//! Connects network namespaces, and tries connections between them.
//!
//! A namespace lives as long as the shell in it, and that shell as long as its standard input is
//! open. So nothing is left when a test ends, however it ends.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsFd;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use labwright::model::Transport;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use socket2::{Domain, Socket, Type};

/// A network namespace with a shell in it.
pub struct Net {
    shell: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

impl Net {
    /// Makes a namespace with this machine's own programs.
    pub fn new() -> Self {
        let mut command = Command::new("unshare");
        command.args(["--net", "sh"]);
        Self::start(command)
    }

    /// Makes a namespace of a command that starts a shell in a namespace of its own.
    pub fn start(mut command: Command) -> Self {
        let mut shell =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a shell starts");
        let stdin = shell.stdin.take();
        let stdout = BufReader::new(shell.stdout.take().expect("piped"));
        let mut net = Self { shell, stdin, stdout };
        net.run("ip link set lo up");
        net
    }

    /// Returns the process id, by which other programs refer to the namespace.
    pub fn id(&self) -> u32 {
        self.shell.id()
    }

    /// Runs an sh script and returns its output.
    pub fn run(&mut self, script: &str) -> String {
        let stdin = self.stdin.as_mut().expect("open until the end");
        writeln!(stdin, "(set -eu\n{script}\n) </dev/null 2>&1; echo \"@@ $?\"")
            .expect("the shell listens");
        let mut said = String::new();
        loop {
            let mut line = String::new();
            assert!(
                self.stdout.read_line(&mut line).expect("the shell answers") > 0,
                "the shell is gone: {script}\n{said}"
            );
            match line.strip_prefix("@@ ") {
                Some("0\n") => return said,
                Some(_) => panic!("{script}\n{said}"),
                None => said.push_str(&line),
            }
        }
    }

    /// Runs `action` in the namespace. Sockets that it makes stay there.
    pub fn inside<T: Send>(&self, action: impl FnOnce() -> T + Send) -> T {
        let namespace = File::open(format!("/proc/{}/ns/net", self.id())).expect("a namespace");
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))
                    .expect("root may enter");
                action()
            });
            thread.join().expect("the thread ends well")
        })
    }

    /// Listens on ports of every address of one family.
    pub fn listen(&self, ports: &[(Transport, u16)], v6: bool) -> Vec<Listener> {
        let any = if v6 {
            IpAddr::from(Ipv6Addr::UNSPECIFIED)
        } else {
            IpAddr::from(Ipv4Addr::UNSPECIFIED)
        };
        self.inside(|| {
            ports
                .iter()
                .map(|(transport, port)| {
                    let socket = socket(any, *transport);
                    socket
                        .bind(&SocketAddr::new(any, *port).into())
                        .unwrap_or_else(|error| panic!("{port}: {error}"));
                    if *transport == Transport::Tcp {
                        socket.listen(1024).expect("it listens");
                    }
                    Listener { socket, transport: *transport }
                })
                .collect()
        })
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        drop(self.stdin.take());
        let _ended = self.shell.wait();
    }
}

/// A listener on a port. The content of a datagram names the probe that sent it.
pub struct Listener {
    socket: Socket,
    transport: Transport,
}

/// A connection to try.
#[derive(Debug, Clone)]
pub struct Probe {
    /// The source, for people.
    pub who: String,
    /// The namespace, by index in the list that [`try_all`] gets.
    pub net: usize,
    pub from: IpAddr,
    pub to: IpAddr,
    pub transport: Transport,
    pub port: u16,
    /// Whether it must come through.
    pub open: bool,
}

fn socket(family: IpAddr, transport: Transport) -> Socket {
    let domain = if family.is_ipv4() { Domain::IPV4 } else { Domain::IPV6 };
    let kind = if transport == Transport::Tcp { Type::STREAM } else { Type::DGRAM };
    let socket = Socket::new(domain, kind, None).expect("a socket");
    if family.is_ipv6() {
        socket.set_only_v6(true).expect("IPv6 alone");
    }
    socket.set_nonblocking(true).expect("a socket that does not block");
    socket
}

/// Starts every probe at once. Returns those that came through although they must not, or did not
/// although they must.
///
/// Probes that must fail are given up long after everything else has arrived. Packets are not
/// delayed here, so they have arrived by then or are dropped.
pub fn try_all(nets: &[&Net], probes: &[Probe], listeners: &[Listener]) -> Vec<Probe> {
    rustix::process::setrlimit(
        rustix::process::Resource::Nofile,
        rustix::process::Rlimit { current: Some(16_384), maximum: Some(16_384) },
    )
    .expect("root may open many sockets");
    let mut sockets: Vec<Option<Socket>> = probes.iter().map(|_| None).collect();
    for (index, net) in nets.iter().enumerate() {
        let made = net.inside(|| {
            let own = probes.iter().enumerate().filter(|(_, probe)| probe.net == index);
            own.map(|(number, probe)| (number, start(probe))).collect::<Vec<_>>()
        });
        for (number, socket) in made {
            sockets[number] = Some(socket);
        }
    }
    let mut came = vec![false; probes.len()];
    let mut failed = vec![false; probes.len()];
    let mut quiet = 0;
    for _ in 0..100 {
        for (number, (probe, socket)) in probes.iter().zip(&sockets).enumerate() {
            if probe.transport == Transport::Udp && !came[number] {
                let _may_be_refused = socket.as_ref().map(|socket| {
                    socket.send(&u64::try_from(number).expect("small").to_be_bytes())
                });
            }
        }
        let open = |(number, probe): &(usize, &Probe)| {
            probe.transport == Transport::Tcp && !came[*number] && !failed[*number]
        };
        let waiting: Vec<(usize, &Socket)> = probes
            .iter()
            .enumerate()
            .filter(open)
            .filter_map(|(number, _)| Some((number, sockets[number].as_ref()?)))
            .collect();
        let udp = || listeners.iter().filter(|listener| listener.transport == Transport::Udp);
        let mut fds: Vec<PollFd<'_>> =
            waiting.iter().map(|(_, socket)| PollFd::new(*socket, PollFlags::OUT)).collect();
        fds.extend(udp().map(|listener| PollFd::new(&listener.socket, PollFlags::IN)));
        let ready =
            poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 50_000_000 })).expect("poll");
        let answered: Vec<bool> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
        for ((number, socket), _) in
            waiting.into_iter().zip(answered).filter(|(_, answered)| *answered)
        {
            let refused = socket.take_error().expect("a socket").map(|error| error.kind());
            let through = socket.peer_addr().is_ok()
                || refused == Some(std::io::ErrorKind::ConnectionRefused);
            (came[number], failed[number]) = (through, !through);
        }
        for listener in udp() {
            let mut number = [0; 8];
            while (&listener.socket).read_exact(&mut number).is_ok() {
                came[usize::try_from(u64::from_be_bytes(number)).expect("small")] = true;
            }
        }
        quiet = if ready == 0 { quiet + 1 } else { 0 };
        if quiet >= 4 && probes.iter().zip(&came).all(|(probe, came)| *came || !probe.open) {
            break;
        }
    }
    probes
        .iter()
        .zip(came)
        .filter(|(probe, came)| probe.open != *came)
        .map(|(probe, _)| probe.clone())
        .collect()
}

fn start(probe: &Probe) -> Socket {
    let socket = socket(probe.from, probe.transport);
    socket
        .bind(&SocketAddr::new(probe.from, 0).into())
        .unwrap_or_else(|error| panic!("{probe:?}: {error}"));
    // The connection is in progress, or refused at once because there is no route. The poll finds
    // out which.
    let _in_progress = socket.connect(&SocketAddr::new(probe.to, probe.port).into());
    socket
}
