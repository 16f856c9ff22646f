//! What is taken at each stage, and given back whichever way it ends.

use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::config::Rate;
use crate::config::meant::Per;
use crate::listener::Address;

/// A client of its own for each number.
fn client(n: u16) -> Client {
    let [a, b] = n.to_be_bytes();
    Client(Address::Tcp(SocketAddr::from(([192, 0, a, b], 4711))))
}

fn rate(count: u32, burst: u32) -> Rate {
    Rate { count, per: Per::Second, burst }
}

#[derive(Default)]
struct Limits {
    server: Option<usize>,
    listener: Option<usize>,
    establishing: Option<usize>,
    per_client: Option<usize>,
    rate: Option<Rate>,
    client_rate: Option<Rate>,
}

impl Limits {
    fn admission(self) -> (Admission, Arc<Gate>, Arc<Gate>) {
        let (server, listener) = (Arc::new(Gate::new(self.server)), Arc::new(Gate::new(self.listener)));
        let clients = Clients::new(self.per_client, self.client_rate, Prefixes { v4: 32, v6: 64 });
        let admission = Admission::new(Arc::clone(&server), Arc::clone(&listener))
            .with_rate(self.rate.map(Bucket::new))
            .with_clients(clients)
            .with_establishing(self.establishing.map(|limit| Crowd::new(Some(limit))));
        (admission, server, listener)
    }
}

#[test]
fn permits_are_small() {
    assert_eq!(size_of::<Option<Permits>>(), 2 * size_of::<usize>());
    let (admission, _, _) = Limits { server: Some(10), listener: Some(10), ..Limits::default() }.admission();
    let permits = admission.permit(Some(client(1))).unwrap();
    assert!(permits.more.is_none(), "a connection without limits of a client's own pays for none");
}

#[tokio::test(start_paused = true)]
async fn each_limit_refuses_for_its_own_reason_and_takes_nothing_then() {
    let of = |limits: Limits| limits.admission();
    for (limits, expected) in [
        (Limits { server: Some(1), ..Limits::default() }, Refusal::ServerFull),
        (Limits { listener: Some(1), ..Limits::default() }, Refusal::ListenerFull),
        (Limits { per_client: Some(1), ..Limits::default() }, Refusal::ClientFull),
        (Limits { rate: Some(rate(1, 1)), ..Limits::default() }, Refusal::TooFast),
        (Limits { client_rate: Some(rate(1, 1)), ..Limits::default() }, Refusal::ClientTooFast),
    ] {
        let (admission, server, listener) = of(limits);
        let first = admission.permit(Some(client(1))).unwrap();
        assert_eq!(admission.permit(Some(client(1))).unwrap_err(), expected);
        assert_eq!((server.inside(), listener.inside()), (1, 1), "{expected:?}");
        assert_eq!(admission.full().is_some(), !expected.is_the_clients(), "{expected:?}");
        assert_eq!(admission.permit(Some(client(2))).is_ok(), expected.is_the_clients());
        drop(first);
        assert_eq!((server.inside(), listener.inside()), (0, 0));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(admission.permit(Some(client(1))).is_ok());
    }
}

#[tokio::test(start_paused = true)]
async fn whom_its_own_limit_refuses_takes_no_token_of_the_others() {
    let limits = Limits { per_client: Some(1), rate: Some(rate(1, 2)), ..Limits::default() };
    let (admission, _, _) = limits.admission();
    let _first = admission.permit(Some(client(1))).unwrap();
    for _ in 0..10 {
        assert_eq!(admission.permit(Some(client(1))).unwrap_err(), Refusal::ClientFull);
        // Behind a proxy, it has taken one and puts it back.
        let _later = admission.permit(None).unwrap();
        assert_eq!(admission.admit_client(client(1)).unwrap_err(), Refusal::ClientFull);
    }
    assert!(admission.permit(Some(client(2))).is_ok());
    assert_eq!(admission.permit(Some(client(3))).unwrap_err(), Refusal::TooFast);
}

#[tokio::test(start_paused = true)]
async fn whom_the_rate_of_all_refuses_keeps_its_own_token() {
    let limits = Limits { rate: Some(rate(1, 1)), client_rate: Some(rate(1, 1)), ..Limits::default() };
    let (admission, _, _) = limits.admission();
    assert!(admission.permit(Some(client(1))).is_ok());
    for _ in 0..10 {
        assert_eq!(admission.permit(Some(client(2))).unwrap_err(), Refusal::TooFast);
    }
    tokio::time::timeout(Duration::from_secs(2), admission.room()).await.unwrap();
    assert!(admission.permit(Some(client(2))).is_ok());
}

#[tokio::test]
async fn who_is_named_later_is_asked_later() {
    let (admission, server, _) =
        Limits { per_client: Some(1), establishing: Some(2), ..Limits::default() }.admission();
    // A proxy's connections are not limited as one client's.
    let mut permits: Vec<_> = (0..2).map(|_| admission.permit(None).unwrap()).collect();
    let place = admission.admit_client(client(1)).unwrap();
    permits[0].established(place);
    assert_eq!(admission.admit_client(client(1)).unwrap_err(), Refusal::ClientFull);
    permits[1].established(admission.admit_client(client(2)).unwrap());
    assert_eq!(admission.known(), Some(Known { connected: 2, remembered: 0 }));
    drop(permits);
    assert_eq!((admission.known(), server.inside()), (Some(Known::default()), 0));
}

/// At the edge of every limit at once, from many threads.
#[test]
fn nobody_gets_in_beyond_a_limit_and_nothing_leaks() {
    const THREADS: u16 = 8;
    let limits = Limits {
        server: Some(20),
        listener: Some(12),
        establishing: Some(5),
        per_client: Some(3),
        ..Limits::default()
    };
    let (admission, server, listener) = limits.admission();
    let admission = Arc::new(admission);
    let threads: Vec<_> = (0..THREADS)
        .map(|thread| {
            let (admission, listener) = (Arc::clone(&admission), Arc::clone(&listener));
            thread::spawn(move || {
                let (mut most, mut refused) = (0, 0);
                for n in 0..4_000 {
                    let mut held: Vec<Permits> = Vec::new();
                    for _ in 0..4 {
                        match admission.permit(Some(client((thread + n) % 5))) {
                            Ok(permits) => held.push(permits),
                            Err(_) => refused += 1,
                        }
                    }
                    most = most.max(listener.inside());
                    for permits in &mut held {
                        permits.established(None);
                    }
                }
                (most, refused)
            })
        })
        .collect();
    let ends: Vec<(usize, u32)> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    assert!(ends.iter().all(|(most, _)| *most <= 12), "{ends:?}");
    assert!(ends.iter().any(|(_, refused)| *refused > 0), "no limit was reached");
    assert_eq!((server.inside(), listener.inside()), (0, 0));
    assert_eq!(admission.known(), Some(Known::default()));
    assert_eq!(admission.establishing.as_ref().map(|crowd| crowd.inside()), Some(0));
}

/// What may happen to connections.
#[derive(Debug, Clone)]
enum Turn {
    /// One comes from a client that is known at accept, or only later.
    Connect(u16, bool),
    /// The header of one is read, and names a client.
    Named(usize, u16),
    Established(usize),
    Close(usize),
    /// Its handler panics while it holds its permits.
    Panic(usize),
}

fn turn() -> impl Strategy<Value = Turn> {
    prop_oneof![
        4 => (0..4_u16, any::<bool>()).prop_map(|(client, later)| Turn::Connect(client, later)),
        2 => (any::<usize>(), 0..4_u16).prop_map(|(n, client)| Turn::Named(n, client)),
        2 => any::<usize>().prop_map(Turn::Established),
        2 => any::<usize>().prop_map(Turn::Close),
        1 => any::<usize>().prop_map(Turn::Panic),
    ]
}

proptest! {
    /// The counts are what one would count, after every turn.
    #[test]
    fn permits_never_leak(turns in prop::collection::vec(turn(), 1..200)) {
        let (admission, server, listener) = Limits {
            server: Some(7), listener: Some(6), establishing: Some(4), per_client: Some(2), ..Limits::default()
        }.admission();
        // With the clients whose places they hold.
        let mut live: Vec<(Permits, Option<u16>)> = Vec::new();
        let of = |live: &[(Permits, Option<u16>)], client: u16| {
            live.iter().filter(|(_, own)| *own == Some(client)).count()
        };
        for turn in turns {
            let at = |n: usize| n % live.len().max(1);
            match turn {
                Turn::Connect(n, later) => {
                    let full = live.len() >= 6 || (!later && of(&live, n) >= 2);
                    match admission.permit((!later).then(|| client(n))) {
                        Ok(permits) => {
                            prop_assert!(!full);
                            live.push((permits, (!later).then_some(n)));
                        }
                        Err(_) => prop_assert!(full),
                    }
                }
                Turn::Named(n, named) if !live.is_empty() && live[at(n)].1.is_none() => {
                    let index = at(n);
                    match admission.admit_client(client(named)) {
                        Ok(place) => {
                            prop_assert!(of(&live, named) < 2);
                            live[index].0.established(place);
                            live[index].1 = Some(named);
                        }
                        Err(_) => {
                            prop_assert_eq!(of(&live, named), 2);
                            live.swap_remove(index);
                        }
                    }
                }
                Turn::Established(n) if !live.is_empty() => {
                    let index = at(n);
                    live[index].0.established(None);
                }
                Turn::Close(n) if !live.is_empty() => drop(live.swap_remove(at(n))),
                Turn::Panic(n) if !live.is_empty() => {
                    let permits = live.swap_remove(at(n));
                    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
                        let _held = permits;
                        std::panic::resume_unwind(Box::new("as asked"));
                    }));
                    prop_assert!(panicked.is_err());
                }
                _ => {}
            }
            prop_assert_eq!((server.inside(), listener.inside()), (live.len(), live.len()));
            let connected = (0..4).filter(|client| of(&live, *client) > 0).count();
            prop_assert_eq!(admission.known().map(|known| known.connected), Some(connected));
            prop_assert!(admission.establishing.as_ref().is_some_and(|crowd| crowd.inside() <= 4));
        }
        drop(live);
        prop_assert_eq!((server.inside(), listener.inside()), (0, 0));
        prop_assert_eq!(admission.known(), Some(Known::default()));
        prop_assert_eq!(admission.establishing.as_ref().map(|crowd| crowd.inside()), Some(0));
    }
}
