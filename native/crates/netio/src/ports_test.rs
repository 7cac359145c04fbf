use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

const REST: Duration = Duration::from_secs(5);

fn pool(ports: RangeInclusive<u16>) -> PortPool {
    PortPool::new(PortRange { ports, excluded: vec![], rest: REST }, [1, 2])
}

#[test]
fn a_pair_is_an_even_port_and_the_next() {
    let now = Instant::now();
    let mut pool = pool(3001..=3100);
    let mut seen = HashSet::new();
    while let Some(port) = pool.reserve(now, Span::Pair) {
        assert_eq!(port % 2, 0);
        assert!((3002..=3098).contains(&port) && seen.insert(port));
    }
    assert_eq!(seen.len(), 49);
    assert_eq!(pool.counts(now), PortCounts { used: 98, resting: 0, free: 2 });
}

#[test]
fn singles_use_up_every_port() {
    let now = Instant::now();
    let mut pool = pool(3001..=3100);
    let mut seen = HashSet::new();
    while let Some(port) = pool.reserve(now, Span::Single) {
        assert!(seen.insert(port));
    }
    assert_eq!(seen.len(), 100);
}

#[test]
fn a_single_leaves_its_sibling_to_the_next_single() {
    let now = Instant::now();
    let mut pool = pool(3000..=3099);
    let first = pool.reserve(now, Span::Single).unwrap();
    assert_eq!(pool.reserve(now, Span::Single), Some(first ^ 1));
}

#[test]
fn a_released_port_rests() {
    let now = Instant::now();
    let mut pool = pool(3000..=3001);
    assert_eq!(pool.reserve(now, Span::Pair), Some(3000));
    pool.release(now, 3000);
    pool.release(now, 3001);
    assert_eq!(pool.counts(now), PortCounts { used: 0, resting: 2, free: 0 });
    assert_eq!(pool.reserve(now + REST - Duration::from_millis(1), Span::Pair), None);
    assert_eq!(pool.reserve(now + REST, Span::Pair), Some(3000));
}

#[test]
fn a_port_comes_back_after_most_others_have_been_used() {
    let mut now = Instant::now();
    let mut pool = pool(3000..=3999);
    let first = pool.reserve(now, Span::Pair).unwrap();
    let mut current = first;
    let mut rounds = 0;
    loop {
        pool.release(now, current);
        pool.release(now, current + 1);
        now += REST;
        current = pool.reserve(now, Span::Pair).unwrap();
        rounds += 1;
        if current == first {
            break;
        }
    }
    assert!(rounds >= 375, "came back after {rounds} of 500");
}

#[test]
fn two_seeds_give_two_orders() {
    let now = Instant::now();
    let range = PortRange { ports: 3000..=3999, excluded: vec![], rest: REST };
    let (mut one, mut two) = (PortPool::new(range.clone(), [1, 2]), PortPool::new(range, [3, 4]));
    let order = |pool: &mut PortPool| (0..50).map(|_| pool.reserve(now, Span::Pair)).collect::<Vec<_>>();
    assert_ne!(order(&mut one), order(&mut two));
}

#[test]
fn an_excluded_port_is_never_chosen() {
    let now = Instant::now();
    let mut pool = PortPool::new(PortRange { ports: 3000..=3009, excluded: vec![3004], rest: REST }, [1, 2]);
    let mut seen = HashSet::new();
    while let Some(port) = pool.reserve(now, Span::Single) {
        seen.insert(port);
    }
    assert_eq!(seen.len(), 9);
    assert!(!seen.contains(&3004));
}

#[test]
fn an_exact_port_is_taken_even_if_it_rests_or_is_not_in_the_range() {
    let now = Instant::now();
    let mut pool = pool(3000..=3009);
    let port = pool.reserve(now, Span::Pair).unwrap();
    assert!(!pool.reserve_exact(port, Span::Pair));
    pool.release(now, port);
    pool.release(now, port + 1);
    assert!(pool.reserve_exact(port, Span::Pair));
    assert!(pool.reserve_exact(5000, Span::Single));
    assert!(!pool.reserve_exact(5000, Span::Single));
    assert_eq!(pool.counts(now), PortCounts { used: 3, resting: 0, free: 8 });
    pool.release(now, 5000);
    assert!(pool.reserve_exact(5000, Span::Single));
}

#[test]
fn a_port_that_another_program_holds_is_left_alone_for_a_while() {
    let now = Instant::now();
    let mut pool =
        PortPool::new(PortRange { ports: 3000..=3001, excluded: vec![], rest: Duration::ZERO }, [1, 2]);
    assert_eq!(pool.reserve(now, Span::Pair), Some(3000));
    pool.give_up(now, 3000, Span::Pair);
    assert_eq!(pool.reserve(now, Span::Pair), None);
    assert_eq!(pool.reserve(now + BUSY_RETRY, Span::Pair), Some(3000));
}

#[test]
fn a_new_range_keeps_what_is_in_use() {
    let now = Instant::now();
    let mut pool = pool(3000..=3003);
    let first = pool.reserve(now, Span::Pair).unwrap();
    let second = pool.reserve(now, Span::Pair).unwrap();
    pool.release(now, second);
    pool.release(now, second + 1);
    pool.reconfigure(PortRange { ports: 3000..=3011, excluded: vec![], rest: REST });
    assert_eq!(pool.counts(now), PortCounts { used: 2, resting: 2, free: 8 });
    assert!(!pool.reserve_exact(first, Span::Single));
    pool.reconfigure(PortRange { ports: 4000..=4003, excluded: vec![], rest: REST });
    assert_eq!(pool.counts(now), PortCounts { used: 2, resting: 0, free: 4 });
    assert!(!pool.reserve_exact(first, Span::Single));
    pool.release(now, first);
    pool.release(now, first + 1);
    assert_eq!(pool.counts(now), PortCounts { used: 0, resting: 0, free: 4 });
}

#[derive(Debug, Clone)]
enum Step {
    Reserve(bool),
    Exact(u16, bool),
    Release(usize),
    Wait(u64),
    Reconfigure(u16, u16),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => any::<bool>().prop_map(Step::Reserve),
        2 => (2990u16..3050, any::<bool>()).prop_map(|(port, pair)| Step::Exact(port, pair)),
        4 => any::<usize>().prop_map(Step::Release),
        2 => (0u64..4000).prop_map(Step::Wait),
        1 => (2990u16..3020, 5u16..40).prop_map(|(first, len)| Step::Reconfigure(first, len)),
    ];
    prop::collection::vec(step, 1..200)
}

proptest! {
    #[test]
    fn no_port_is_ever_given_out_twice_or_lost(steps in steps()) {
        let mut now = Instant::now();
        let mut range = 3000..=3029;
        let mut pool = pool(range.clone());
        let mut used: Vec<u16> = vec![];
        let mut released: HashMap<u16, Instant> = HashMap::new();
        for step in steps {
            match step {
                Step::Reserve(pair) => {
                    let span = if pair { Span::Pair } else { Span::Single };
                    if let Some(port) = pool.reserve(now, span) {
                        for port in ports_of(port, span).unwrap() {
                            prop_assert!(!used.contains(&port) && range.contains(&port));
                            prop_assert!(released.get(&port).is_none_or(|at| now - *at >= REST));
                            used.push(port);
                        }
                    }
                }
                Step::Exact(port, pair) => {
                    let span = if pair { Span::Pair } else { Span::Single };
                    let ports: Vec<u16> = ports_of(port, span).unwrap().collect();
                    let clash = ports.iter().any(|port| used.contains(port));
                    prop_assert_eq!(pool.reserve_exact(port, span), !clash);
                    if !clash {
                        used.extend(ports);
                    }
                }
                Step::Release(index) => if !used.is_empty() {
                    let port = used.swap_remove(index % used.len());
                    pool.release(now, port);
                    if range.contains(&port) {
                        released.insert(port, now);
                    }
                },
                Step::Wait(ms) => now += Duration::from_millis(ms),
                Step::Reconfigure(first, len) => {
                    range = first..=first + len;
                    pool.reconfigure(PortRange { ports: range.clone(), excluded: vec![], rest: REST });
                    released.retain(|port, _| range.contains(port));
                }
            }
            let counts = pool.counts(now);
            let outside = used.iter().filter(|port| !range.contains(port)).count();
            prop_assert_eq!(counts.used as usize, used.len());
            prop_assert_eq!((counts.used + counts.resting + counts.free) as usize, range.len() + outside);
        }
    }
}

#[test]
fn a_kept_pair_is_given_out_to_nobody_else() {
    let now = Instant::now();
    let mut pool = pool(3000..=3019);
    let kept = pool.reserve(now, Span::Pair).unwrap();
    assert!(pool.keep(kept));
    assert_eq!(pool.counts(now), PortCounts { used: 0, resting: 2, free: 18 });
    let later = now + 10 * REST;
    let given: Vec<_> = std::iter::from_fn(|| pool.reserve(later, Span::Single)).collect();
    assert!(given.len() == 18 && given.iter().all(|port| port & !1 != kept), "{given:?}");
    assert!(pool.take_kept(kept) && !pool.take_kept(kept));
    assert_eq!(pool.counts(later), PortCounts { used: 20, resting: 0, free: 0 });
}

#[test]
fn a_kept_pair_that_is_closed_rests_like_any_other() {
    let now = Instant::now();
    let mut pool = pool(3000..=3001);
    assert_eq!(pool.reserve(now, Span::Pair), Some(3000));
    pool.release(now, 3000);
    assert!(!pool.keep(3000), "only what is used can be kept");
    pool.release(now, 3001);
    assert_eq!(pool.reserve(now + REST, Span::Pair), Some(3000));
}

#[test]
fn nothing_is_kept_where_ports_are_scarce() {
    let now = Instant::now();
    let mut pool = pool(3000..=3007);
    let ports: Vec<_> = std::iter::from_fn(|| pool.reserve(now, Span::Pair)).collect();
    assert!(!pool.keep(ports[0]));
    for port in &ports[1..3] {
        pool.release(now, *port);
        pool.release(now, port + 1);
    }
    assert!(!pool.keep(ports[0]), "what rests cannot be had");
    pool.counts(now + REST);
    assert!(pool.keep(ports[0]));
    pool.release(now + REST, ports[0]);
    pool.release(now + REST, ports[0] + 1);
    pool.counts(now + 2 * REST);
    assert_eq!(pool.counts(now + 2 * REST), PortCounts { used: 2, resting: 0, free: 6 });
}

#[test]
fn a_kept_pair_outside_of_a_new_range_is_not_taken_again() {
    let now = Instant::now();
    let mut pool = pool(3000..=3019);
    let kept = pool.reserve(now, Span::Pair).unwrap();
    assert!(pool.keep(kept));
    pool.reconfigure(PortRange { ports: 4000..=4019, excluded: vec![], rest: REST });
    assert!(!pool.take_kept(kept));
    pool.release(now, kept);
    assert_eq!(pool.counts(now), PortCounts { used: 0, resting: 0, free: 20 });
}
