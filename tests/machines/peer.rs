//! The other end of a connection: listens in place of a service, or asks which ports answer.
//!
//!     peer serve tcp/8096 udp/53 …     says ready and listens until it is killed; answers HTTP
//!                                      with 200 (below /metrics with a metric), datagrams with
//!                                      themselves
//!     peer ask                         reads `tcp ADDRESS PORT` lines, prints open, refused,
//!                                      unreachable or silent
//!
//! Under any other name it succeeds at once: in a stand-in's image it is also the program that a
//! health check runs. Built as one static file, since the images that hold it hold nothing else.

use std::io::{self, BufRead, ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::thread;
use std::time::Duration;

fn main() {
    let mut arguments = std::env::args();
    let name = arguments.next().unwrap_or_default();
    if !name.ends_with("peer") {
        return;
    }
    match arguments.next().as_deref() {
        Some("serve") => serve(&arguments.collect::<Vec<_>>()),
        Some("ask") => ask(),
        _ => panic!("peer serve PROTO/PORT… | peer ask"),
    }
}

/// Listens on every `proto/port`. Other words are arguments of the real service and are ignored.
fn serve(ports: &[String]) {
    for (proto, port) in ports.iter().filter_map(|port| port.split_once('/')) {
        let Ok(port) = port.parse::<u16>() else { continue };
        let address = SocketAddr::from(([0u16; 8], port));
        match proto {
            "tcp" => {
                let listener = TcpListener::bind(address)
                    .or_else(|_| TcpListener::bind(("0.0.0.0", port)))
                    .expect("a free port");
                thread::spawn(move || {
                    for stream in listener.incoming().flatten() {
                        thread::spawn(move || answer(stream));
                    }
                });
            }
            "udp" => {
                let socket = UdpSocket::bind(address)
                    .or_else(|_| UdpSocket::bind(("0.0.0.0", port)))
                    .expect("a free port");
                thread::spawn(move || {
                    let mut datagram = [0; 1500];
                    while let Ok((length, from)) = socket.recv_from(&mut datagram) {
                        let _ = socket.send_to(&datagram[..length], from);
                    }
                });
            }
            _ => {}
        }
    }
    println!("ready");
    loop {
        thread::park();
    }
}

fn answer(mut stream: TcpStream) {
    let mut request = [0; 4096];
    if stream.read(&mut request).is_ok_and(|length| length > 0) {
        let page = if request.starts_with(b"GET /metrics") { "stand_in_up 1\n" } else { "OK\n" };
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain; \
                            version=0.0.4\r\nContent-Length: {}",
            page.len()
        );
        let _ = stream.write_all(format!("{head}\r\nConnection: close\r\n\r\n{page}").as_bytes());
    }
}

fn ask() {
    let targets: Vec<String> = io::stdin().lock().lines().map_while(Result::ok).collect();
    // It takes two seconds to call a port silent, so many are probed at once.
    for batch in targets.chunks(256) {
        let ask = |target: String| thread::spawn(move || state(&target));
        let asked: Vec<_> = batch.iter().cloned().map(ask).collect();
        for answer in asked {
            println!("{}", answer.join().expect("an answer"));
        }
    }
}

/// Probes a port twice before calling it silent. The first packet may have waited for a neighbour's
/// address, and the answer for a processor.
fn state(target: &str) -> &'static str {
    let mut words = target.split(' ');
    let mut word = || words.next().expect("PROTO ADDRESS PORT");
    let (proto, address, port) = (word(), word(), word());
    let address = SocketAddr::new(
        address.parse::<IpAddr>().expect(
            "an \
        address",
        ),
        port.parse().expect("a port"),
    );
    for patience in [300, 1500] {
        let patience = Duration::from_millis(patience);
        let attempt = match proto {
            "tcp" => TcpStream::connect_timeout(&address, patience).map(drop),
            _ => datagram(address, patience),
        };
        match attempt.map_err(|error| error.kind()) {
            Ok(()) => return "open",
            Err(ErrorKind::ConnectionRefused) => return "refused",
            Err(ErrorKind::TimedOut | ErrorKind::WouldBlock) => {}
            Err(_) => return "unreachable",
        }
    }
    "silent"
}

fn datagram(address: SocketAddr, patience: Duration) -> io::Result<()> {
    let any: IpAddr = if address.is_ipv6() { [0u16; 8].into() } else { [0u8; 4].into() };
    let socket = UdpSocket::bind((any, 0))?;
    socket.set_read_timeout(Some(patience))?;
    socket.connect(address)?;
    socket.send(b"anybody there?")?;
    socket.recv(&mut [0; 64]).map(drop)
}
