//! Whole calls with ICE, bundles, keys and rules for RTCP, in which anything happens in any order: see `sim::course`.

use proptest::prelude::*;
use sim::course::{Kind, Step, run};

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn the_laws_hold_on_every_course(
        kind in any::<[u8; 2]>().prop_map(Kind::from),
        steps in prop::collection::vec(any::<[u8; 4]>().prop_map(Step::from), 0..40),
    ) {
        run(kind, &steps);
    }
}
