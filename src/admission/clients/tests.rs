//! Counts are exact, rates are remembered for as long as there is room.

use std::thread;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::config::meant::Per;

const PREFIXES: Prefixes = Prefixes { v4: 32, v6: 64 };

fn clients(most: Option<usize>, rate: Option<(u32, u32)>) -> Arc<Clients> {
    let rate = rate.map(|(count, burst)| Rate { count, per: Per::Second, burst });
    Arc::new(Clients::new(most, rate, PREFIXES).unwrap())
}

fn key(n: u32) -> Key {
    Key::V4(n.to_be_bytes())
}

fn is_empty(clients: &Clients) -> bool {
    clients.known().connected == 0
}

#[test]
fn without_a_limit_there_is_no_table() {
    assert!(Clients::new(None, None, PREFIXES).is_none());
}

#[test]
fn a_client_has_no_more_than_its_limit_and_takes_nothing_of_the_others() {
    let clients = clients(Some(3), None);
    let mut places: Vec<_> = (0..3).map(|_| clients.enter(key(1)).unwrap()).collect();
    assert_eq!(clients.enter(key(1)).unwrap_err(), Spent::Connections);
    let other = clients.enter(key(2)).unwrap();
    assert!(other.is_some());
    places.pop();
    places.push(clients.enter(key(1)).unwrap());
    assert_eq!(clients.enter(key(1)).unwrap_err(), Spent::Connections);
    drop((places, other));
    assert_eq!(clients.known(), Known::default());
}

#[test]
fn many_threads_at_the_edge() {
    const LIMIT: u32 = 5;
    let clients = clients(Some(LIMIT as usize), None);
    let threads: Vec<_> = (0..8)
        .map(|thread| {
            let clients = Arc::clone(&clients);
            thread::spawn(move || {
                let mut most = 0;
                for round in 0..5_000 {
                    let key = key((round + thread) % 3);
                    let places: Vec<_> = (0..3).filter_map(|_| clients.enter(key).ok()).collect();
                    most = most.max(clients.shard(&key).connected.get(&key).copied().unwrap_or(0));
                    drop(places);
                }
                most
            })
        })
        .collect();
    let most = threads.into_iter().map(|thread| thread.join().unwrap()).max().unwrap();
    assert!((1..=LIMIT).contains(&most), "{most}");
    assert!(is_empty(&clients));
}

proptest! {
    /// Against counts that are kept apart.
    #[test]
    fn it_counts_as_one_would(turns in prop::collection::vec((0..4_u32, any::<bool>()), 1..400), most in 1..5_usize) {
        let clients = clients(Some(most), None);
        let mut held: Vec<Vec<ClientPlace>> = (0..4).map(|_| Vec::new()).collect();
        for (client, enters) in turns {
            let own = &mut held[client as usize];
            if enters {
                match clients.enter(key(client)) {
                    Ok(place) => own.extend(place),
                    Err(spent) => {
                        prop_assert_eq!(spent, Spent::Connections);
                        prop_assert_eq!(own.len(), most);
                    }
                }
                prop_assert!(own.len() <= most);
            } else {
                own.pop();
            }
            let connected = held.iter().filter(|own| !own.is_empty()).count();
            prop_assert_eq!(clients.known().connected, connected);
        }
        drop(held);
        prop_assert!(is_empty(&clients));
    }
}

#[tokio::test(start_paused = true)]
async fn each_client_has_a_pace_of_its_own() {
    let clients = clients(None, Some((10, 3)));
    let took = |client| (0..10).filter(|_| clients.enter(key(client)).is_ok()).count();
    assert_eq!((took(1), took(2)), (3, 3));
    tokio::time::advance(Duration::from_millis(100)).await;
    assert_eq!(clients.enter(key(1)).map(|place| place.is_none()), Ok(true), "no place is held");
    assert_eq!(clients.enter(key(1)).unwrap_err(), Spent::Tokens);
    tokio::time::advance(Duration::from_secs(3600)).await;
    assert_eq!((took(1), took(2)), (3, 3));
}

#[tokio::test(start_paused = true)]
async fn who_has_no_place_spends_no_token() {
    let clients = clients(Some(1), Some((1, 2)));
    let place = clients.enter(key(1)).unwrap();
    for _ in 0..10 {
        assert_eq!(clients.enter(key(1)).unwrap_err(), Spent::Connections);
    }
    drop(place);
    let place = clients.enter(key(1)).unwrap();
    drop(place);
    assert_eq!(clients.enter(key(1)).unwrap_err(), Spent::Tokens);
    // And who has no token takes no place.
    assert!(is_empty(&clients));
    clients.put_back(key(1));
    assert!(clients.enter(key(1)).is_ok());
}

#[tokio::test(start_paused = true)]
async fn what_is_remembered_is_bounded_and_who_keeps_coming_is_not_forgotten() {
    let clients = clients(None, Some((1, 1)));
    assert!(clients.enter(key(0)).is_ok());
    let mut again = 0;
    for n in 1..=1_000_000 {
        assert!(clients.enter(key(n)).is_ok(), "{n}");
        if n % 1000 == 0 {
            again += usize::from(clients.enter(key(0)).is_ok());
        }
    }
    assert_eq!(again, 0, "it was forgotten");
    let known = clients.known();
    assert!(known.remembered <= MOST_REMEMBERED && known.remembered > MOST_REMEMBERED / 4, "{known:?}");
    // The first of the others has been forgotten: it has one burst again.
    assert!(clients.enter(key(1)).is_ok());
    assert_eq!(clients.enter(key(1)).unwrap_err(), Spent::Tokens);
    let places: usize = clients
        .shards
        .iter()
        .map(|shard| lock(shard))
        .map(|shard| shard.recent.capacity() + shard.older.capacity())
        .sum();
    assert!(places <= MOST_REMEMBERED, "a table has grown beyond the size that was reckoned with: {places}");
    assert_eq!(size_of::<(Key, u64)>(), 32);
}

#[test]
fn memory_of_a_flood_is_given_back() {
    let clients = clients(Some(1), None);
    let places: Vec<_> = (0..100_000).map(|n| clients.enter(key(n)).unwrap()).collect();
    assert_eq!(clients.known().connected, 100_000);
    let room = |clients: &Clients| {
        clients.shards.iter().map(|shard| lock(shard).connected.capacity()).sum::<usize>()
    };
    assert!(room(&clients) >= 100_000);
    drop(places);
    assert!(is_empty(&clients));
    assert!(room(&clients) <= SHARDS * 128, "{}", room(&clients));
}
