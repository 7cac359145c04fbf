//! Random sequences of plans, packets and time, checked by `sim::ops` after each step: no packet between
//! sessions, none against the routes, none to an address that was neither signalled nor heard, counters that
//! add up, nothing that panics.

use std::time::Instant;

use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn invariants_hold_whatever_happens(bytes in prop::collection::vec(any::<u8>(), 0..3000)) {
        sim::ops::replay(Instant::now(), &bytes);
    }
}
