//! A name server on loopback that says what a test wrote down, over UDP and TCP, and nothing when it is told so.

use std::collections::HashSet;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use hickory_resolver::proto::op::{Message, MessageType, OpCode, ResponseCode};
use hickory_resolver::proto::rr::rdata::{CNAME, MX, NS, PTR, SOA};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};

/// What fits into a datagram that no network has to cut in pieces.
const DATAGRAM: usize = 1232;
const TTL: u32 = 300;
/// Far longer than any question takes; only so that a hanging test fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is known of a name. A name of which nothing is known does not exist.
#[derive(Clone, Debug)]
pub enum Says {
    /// It takes mail by this host.
    Mx(u16, &'static str),
    /// It has this address.
    Address(&'static str),
    /// It is another name for this.
    Alias(&'static str),
    /// It is the pointer to this name.
    Pointer(&'static str),
    /// It exists, and that is all.
    Exists,
    /// Others know; this server does not ask them.
    Referral,
    /// SERVFAIL.
    Fault,
    /// REFUSED.
    Refused,
    /// Nothing at all.
    Silence,
    /// Whatever else is known of it, once the test [releases](NameServer::release) it.
    Held,
}

/// A running name server. It ends with the process of its test.
pub struct NameServer {
    /// Where it listens, for UDP and TCP.
    pub address: SocketAddr,
    udp: UdpSocket,
    zone: Arc<Zone>,
}

struct Zone {
    names: Vec<(Name, Says)>,
    asked: Mutex<HashSet<Question>>,
    held: Mutex<Vec<Held>>,
    holding: Condvar,
}

/// A question, by its number, its name and the kind of record; sent again while no answer comes, it is the same.
type Question = (u16, String, RecordType);

/// An answer that waits, and for whom.
struct Held {
    question: Question,
    octets: Vec<u8>,
    to: SocketAddr,
}

impl NameServer {
    /// Starts one that knows these names.
    pub fn start(names: &[(&str, Says)]) -> Self {
        let (udp, tcp) = sockets();
        let names = names.iter().map(|(text, says)| (name(text), says.clone()));
        let zone = Arc::new(Zone {
            names: names.collect(),
            asked: Mutex::default(),
            held: Mutex::default(),
            holding: Condvar::new(),
        });
        let address = udp.local_addr().expect("a bound socket");
        let (socket, known) = (udp.try_clone().expect("a socket"), Arc::clone(&zone));
        thread::spawn(move || serve_udp(&socket, &known));
        let known = Arc::clone(&zone);
        thread::spawn(move || serve_tcp(&tcp, &known));
        Self { address, udp, zone }
    }

    /// Waits until so many questions are held back, and have been asked a second time for it: whatever else was to be asked
    /// meanwhile has been asked, too.
    pub fn wait_until_holding(&self, count: usize) {
        let held = self.zone.held.lock().expect("no test panicked here");
        let (held, waited) = self
            .zone
            .holding
            .wait_timeout_while(held, PATIENCE, |held| {
                questions(held) < count || held.len() < 2 * questions(held)
            })
            .expect("no test panicked here");
        let holding = questions(&held);
        drop(held);
        assert!(
            !waited.timed_out(),
            "{holding} questions instead of {count}"
        );
    }

    /// Answers the questions that were held back, and says how many they were.
    pub fn release(&self) -> usize {
        let mut held = self.zone.held.lock().expect("no test panicked here");
        let count = questions(&held);
        for Held { octets, to, .. } in held.drain(..) {
            // Whoever asked may have asked again from elsewhere.
            let _ = self.udp.send_to(&octets, to);
        }
        count
    }

    /// How often this name was asked for, whatever the kind of its records.
    pub fn asked_for(&self, text: &str) -> usize {
        let wanted = name(text).to_ascii();
        let asked = self.zone.asked.lock().expect("no test panicked here");
        asked.iter().filter(|(_, name, _)| *name == wanted).count()
    }
}

fn questions(held: &[Held]) -> usize {
    let different: HashSet<&Question> = held.iter().map(|held| &held.question).collect();
    different.len()
}

fn question(message: &Message) -> Question {
    let query = message.queries.first().expect("a question");
    let name = query.name().to_lowercase().to_ascii();
    (message.metadata.id, name, query.query_type())
}

/// Both on one port, which the system chooses.
fn sockets() -> (UdpSocket, TcpListener) {
    loop {
        let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = udp.local_addr().expect("a bound socket");
        if let Ok(tcp) = TcpListener::bind(address) {
            return (udp, tcp);
        }
    }
}

fn serve_udp(socket: &UdpSocket, zone: &Zone) {
    let mut datagram = [0; 4096];
    while let Ok((length, from)) = socket.recv_from(&mut datagram) {
        let Some(mut response) = zone.answer(&datagram[..length]) else {
            continue;
        };
        let mut octets = response.to_vec().expect("a message of ours");
        if octets.len() > DATAGRAM {
            response.answers.clear();
            response.metadata.truncation = true;
            octets = response.to_vec().expect("a message of ours");
        }
        if zone.holds(&response) {
            let mut held = zone.held.lock().expect("no test panicked here");
            held.push(Held {
                question: question(&response),
                octets,
                to: from,
            });
            zone.holding.notify_all();
            continue;
        }
        // Whoever asked may be gone.
        let _ = socket.send_to(&octets, from);
    }
}

/// RFC 1035 section 4.2.2: each message after its length.
fn serve_tcp(listener: &TcpListener, zone: &Zone) {
    for stream in listener.incoming() {
        let Ok(mut stream) = stream else { continue };
        let mut length = [0; 2];
        while stream.read_exact(&mut length).is_ok() {
            let mut octets = vec![0; usize::from(u16::from_be_bytes(length))];
            if stream.read_exact(&mut octets).is_err() {
                break;
            }
            let Some(response) = zone.answer(&octets) else {
                continue;
            };
            let octets = response.to_vec().expect("a message of ours");
            let length = u16::try_from(octets.len()).expect("a message of ours");
            let framed = [&length.to_be_bytes(), octets.as_slice()].concat();
            if stream.write_all(&framed).is_err() {
                break;
            }
        }
    }
}

impl Zone {
    fn known(&self, asked: &Name) -> Vec<&Says> {
        let known = self.names.iter().filter(|(name, _)| name == asked);
        known.map(|(_, says)| says).collect()
    }

    fn holds(&self, response: &Message) -> bool {
        let asked = response.queries.first().expect("a question");
        let known = self.known(&asked.name().to_lowercase());
        known.iter().any(|says| matches!(says, Says::Held))
    }

    fn answer(&self, octets: &[u8]) -> Option<Message> {
        let request = Message::from_vec(octets).expect("the resolver asks in DNS");
        let query = request.queries.first().expect("a question").clone();
        let asked = query.name().to_lowercase();
        self.asked
            .lock()
            .expect("no test panicked here")
            .insert(question(&request));
        let mut response = Message::new(request.metadata.id, MessageType::Response, OpCode::Query);
        response.metadata.recursion_available = true;
        response.add_query(query.clone());
        let known = self.known(&asked);
        if known.is_empty() {
            response.metadata.response_code = ResponseCode::NXDomain;
        }
        for says in known {
            match says {
                Says::Silence => return None,
                Says::Fault => response.metadata.response_code = ResponseCode::ServFail,
                Says::Refused => response.metadata.response_code = ResponseCode::Refused,
                Says::Referral => {
                    let server = RData::NS(NS(name("ns.example")));
                    response.add_authority(Record::from_rdata(asked.clone(), TTL, server));
                    return Some(response);
                }
                Says::Exists | Says::Held => {}
                Says::Mx(..) | Says::Address(_) | Says::Alias(_) | Says::Pointer(_) => {
                    let data = data(says);
                    if data.record_type() == query.query_type()
                        || data.record_type() == RecordType::CNAME
                    {
                        response.add_answer(Record::from_rdata(asked.clone(), TTL, data));
                    }
                }
            }
        }
        if response.answers.is_empty() {
            // RFC 2308 section 3: how long "there is none" may be remembered.
            let soa = SOA::new(name("ns.example"), name("a.example"), 1, 60, 60, 60, 60);
            response.add_authority(Record::from_rdata(name("example"), TTL, RData::SOA(soa)));
        }
        Some(response)
    }
}

fn data(says: &Says) -> RData {
    match says {
        Says::Mx(preference, host) => RData::MX(MX::new(*preference, name(host))),
        Says::Alias(target) => RData::CNAME(CNAME(name(target))),
        Says::Pointer(target) => RData::PTR(PTR(name(target))),
        Says::Address(text) => RData::from(text.parse::<IpAddr>().expect("an address")),
        Says::Exists
        | Says::Referral
        | Says::Fault
        | Says::Refused
        | Says::Silence
        | Says::Held => unreachable!("no record"),
    }
}

/// A name in full; an address stands for the name of its pointer.
fn name(text: &str) -> Name {
    let mut name = match text.parse::<IpAddr>() {
        Ok(address) => Name::from(address),
        Err(_) => Name::from_ascii(text).expect("a name"),
    };
    name.set_fqdn(true);
    name
}
