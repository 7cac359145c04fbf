//! How both halves are brought to their end: the control plane first, because it uses the data plane, and by force
//! what has not ended in time.

use std::time::Duration;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Half {
    ControlPlane,
    DataPlane,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alive {
    pub control_plane: bool,
    pub data_plane: bool,
}

/// What is to be done next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Ask it to end.
    Ask(Half),
    /// Wait until one of them has ended, at most so long after the beginning.
    WaitUntil(Duration),
    /// End by force what is alive; then it is over.
    Kill,
    Over,
}

#[derive(Debug, Default)]
pub struct Ending {
    asked_control_plane: bool,
    asked_data_plane: bool,
}

impl Ending {
    /// `elapsed` is the time since the beginning.
    pub fn step(&mut self, elapsed: Duration, alive: Alive) -> Step {
        if !self.asked_control_plane {
            self.asked_control_plane = true;
            return Step::Ask(Half::ControlPlane);
        }
        if alive.control_plane && elapsed < CONTROL_PLANE_TIME {
            return Step::WaitUntil(CONTROL_PLANE_TIME);
        }
        if !self.asked_data_plane {
            self.asked_data_plane = true;
            return Step::Ask(Half::DataPlane);
        }
        if !alive.control_plane && !alive.data_plane {
            return Step::Over;
        }
        if elapsed < TIME_TO_END { Step::WaitUntil(TIME_TO_END) } else { Step::Kill }
    }
}

const CONTROL_PLANE_TIME: Duration = Duration::from_millis(500);
/// Leaves a fifth of the second that was promised to what follows.
const TIME_TO_END: Duration = Duration::from_millis(800);

#[cfg(test)]
mod tests {
    use super::*;

    /// How long each half takes from being asked to its end; `None`: it never ends by itself.
    #[derive(Debug, Clone, Copy)]
    struct Halves {
        control_plane: Option<u64>,
        data_plane: Option<u64>,
    }

    #[derive(Debug, Default, PartialEq, Eq)]
    struct Outcome {
        over_at: Duration,
        data_plane_asked_at: Duration,
        killed: Vec<Half>,
    }

    impl Halves {
        /// The whole end, in virtual time.
        fn end(self) -> Outcome {
            let mut ending = Ending::default();
            let mut ends: [Option<Duration>; 2] = [None, None];
            let mut outcome = Outcome::default();
            let mut now = Duration::ZERO;
            loop {
                let is_alive = |end: Option<Duration>| end.is_none_or(|at| at > now);
                let alive = Alive { control_plane: is_alive(ends[0]), data_plane: is_alive(ends[1]) };
                match ending.step(now, alive) {
                    Step::Ask(Half::ControlPlane) => ends[0] = after(now, self.control_plane),
                    Step::Ask(Half::DataPlane) => {
                        outcome.data_plane_asked_at = now;
                        ends[1] = after(now, self.data_plane);
                    }
                    Step::WaitUntil(at) => {
                        assert!(at > now, "a wait for nothing at {now:?}");
                        now = ends.into_iter().flatten().filter(|end| *end > now).fold(at, Duration::min);
                    }
                    Step::Kill => {
                        let left =
                            [(Half::ControlPlane, alive.control_plane), (Half::DataPlane, alive.data_plane)];
                        outcome.killed = left.iter().filter(|(_, is)| *is).map(|(half, _)| *half).collect();
                        break;
                    }
                    Step::Over => {
                        assert!(!alive.control_plane && !alive.data_plane);
                        break;
                    }
                }
            }
            outcome.over_at = now;
            outcome
        }
    }

    fn after(now: Duration, takes: Option<u64>) -> Option<Duration> {
        takes.map(|ms| now + Duration::from_millis(ms))
    }

    const TIMES: [Option<u64>; 10] = [
        Some(0),
        Some(1),
        Some(100),
        Some(299),
        Some(300),
        Some(499),
        Some(500),
        Some(799),
        Some(10_000),
        None,
    ];

    fn all() -> impl Iterator<Item = Halves> {
        TIMES.into_iter().flat_map(|control_plane| {
            TIMES.into_iter().map(move |data_plane| Halves { control_plane, data_plane })
        })
    }

    #[test]
    fn all_is_over_within_a_second_whatever_the_halves_do() {
        for halves in all() {
            assert!(halves.end().over_at <= Duration::from_millis(800), "{halves:?}");
        }
    }

    #[test]
    fn halves_that_end_when_asked_are_not_killed_and_nobody_waits_for_them() {
        for (control_plane, data_plane) in [(0, 0), (20, 5), (499, 300)] {
            let halves = Halves { control_plane: Some(control_plane), data_plane: Some(data_plane) };
            let outcome = halves.end();
            assert!(outcome.killed.is_empty(), "{halves:?}");
            assert_eq!(outcome.over_at, Duration::from_millis(control_plane + data_plane));
        }
    }

    #[test]
    fn the_data_plane_is_asked_when_the_control_plane_has_ended_or_had_its_time() {
        for halves in all() {
            let expected = halves.control_plane.unwrap_or(500).min(500);
            assert_eq!(halves.end().data_plane_asked_at, Duration::from_millis(expected), "{halves:?}");
        }
    }

    #[test]
    fn a_half_that_does_not_end_is_killed_and_the_other_one_is_not() {
        let frozen = Halves { control_plane: None, data_plane: Some(5) };
        assert_eq!(frozen.end().killed, [Half::ControlPlane]);
        let frozen = Halves { control_plane: Some(20), data_plane: None };
        assert_eq!(frozen.end().killed, [Half::DataPlane]);
        let frozen = Halves { control_plane: None, data_plane: None };
        assert_eq!(frozen.end().killed, [Half::ControlPlane, Half::DataPlane]);
    }
}
