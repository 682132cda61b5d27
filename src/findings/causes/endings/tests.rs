//! Captures with ends of all kinds, at random times.

use crate::findings::fixture::{Scenario, masked, plain};
use crate::stream::Side;
use crate::testkit::random::Random;
use crate::testkit::traffic::TestTraffic;

/// Milliseconds of a second.
const SECOND: u64 = 1_000;

/// How the connections of a capture end.
#[derive(Clone, Copy, Debug)]
enum Ends {
    Age,
    WithoutData,
    Closed,
    Together,
}

impl Ends {
    const ALL: [Self; 4] = [Self::Age, Self::WithoutData, Self::Closed, Self::Together];

    fn cause(self) -> &'static str {
        match self {
            Self::Age => "WHY-40",
            Self::WithoutData => "WHY-41",
            Self::Closed => "WHY-42",
            Self::Together => "WHY-43",
        }
    }
}

/// Messages at intervals of 0.2 to 2.5 s until this time in milliseconds, then nothing until `until`.
fn chat(s: &mut TestTraffic, random: &mut Random, last: u64, until: u64) {
    let start = TestTraffic::new(s.link).time;
    let at = |milliseconds: u64| start + milliseconds * 1_000_000;
    loop {
        let next = random.between(200, 2_500);
        if s.time + next * 1_000_000 >= at(last) {
            break;
        }
        s.wait(next).server(&plain(0x81, b"some news"));
        if random.one_in(2) {
            s.client(&masked(0x81, b"thank you"));
        }
    }
    s.time = s.time.max(at(last));
    s.server(&plain(0x81, b"last news"));
    s.time = s.time.max(at(until));
}

/// Pings at intervals of 1 to 4 s, answered, until this time in milliseconds.
fn beat(s: &mut TestTraffic, random: &mut Random, until: u64) {
    let until = TestTraffic::new(s.link).time + until * 1_000_000;
    loop {
        let next = random.between(1_000, 4_000);
        if s.time + next * 1_000_000 >= until {
            break;
        }
        s.wait(next).server(&plain(0x89, b"hb")).client(&masked(0x8a, b"hb"));
    }
    s.time = s.time.max(until);
}

/// The end of a connection without a Close.
fn cut(s: &mut TestTraffic, by: Side, is_reset: bool) {
    if is_reset {
        s.reset(by);
    } else {
        s.end(by);
    }
}

/// Connections that all end for the same reason.
fn play(s: &mut Scenario, ends: Ends, random: &mut Random) -> usize {
    let count = random.between(3, 7);
    let limit = random.between(8 * SECOND, 90 * SECOND);
    let by = random.pick(&[Side::Client, Side::Server]);
    let is_reset = random.one_in(2);
    let late = |random: &mut Random| random.between(0, 40);
    for number in 0..count {
        let begin = number * 2_700 + random.between(0, 2_000);
        let used = random.between(2 * SECOND, 40 * SECOND);
        let pause = random.between(0, 1_500);
        s.beside(begin, |it| {
            it.upgraded();
            match ends {
                Ends::Age => {
                    let end = begin + limit + late(random);
                    chat(it, random, end - pause, end);
                    cut(it, by, is_reset);
                }
                Ends::WithoutData => {
                    chat(it, random, begin + used, begin + used);
                    let end = begin + used + limit + late(random);
                    beat(it, random, end);
                    cut(it, by, is_reset);
                }
                Ends::Closed => {
                    let end = begin + used + limit + late(random);
                    chat(it, random, begin + used, end);
                    it.server(&plain(0x88, b"\x03\xe9")).client(&masked(0x88, b"\x03\xe9"));
                    it.end(Side::Server);
                }
                Ends::Together => {
                    let end = 40 * SECOND + random.between(0, 60);
                    chat(it, random, end - pause, end);
                    cut(it, by, is_reset);
                }
            }
        });
    }
    usize::try_from(count).unwrap()
}

#[test]
fn what_several_connections_have_in_common_is_found() {
    for seed in 0..64 {
        let mut random = Random(seed);
        for ends in Ends::ALL {
            let mut scenario = Scenario::new();
            let count = play(&mut scenario, ends, &mut random);
            scenario.compare_early();
            let causes = scenario.causes();
            assert!(
                causes.len() == count && causes.iter().all(|it| it == ends.cause()),
                "seed {seed}, {ends:?}, {count} connections: {causes:?}"
            );
        }
    }
}

#[test]
fn connections_that_end_as_they_should_have_nothing_in_common() {
    for seed in 0..150 {
        let mut random = Random(seed);
        let mut scenario = Scenario::new();
        for _ in 0..random.between(2, 8) {
            let begin = random.between(0, 60 * SECOND);
            let age = random.between(2 * SECOND, 90 * SECOND);
            let pause = random.between(0, 1_500).min(age / 2);
            scenario.beside(begin, |it| {
                chat(it.upgraded(), &mut random, begin + age - pause, begin + age);
                let close = random.pick(&[b"\x03\xe8", b"\x03\xe9"]);
                if random.one_in(2) {
                    it.client(&masked(0x88, close)).server(&plain(0x88, close));
                } else {
                    it.server(&plain(0x88, b"\x03\xe8")).client(&masked(0x88, b"\x03\xe8"));
                }
                it.end(Side::Server);
            });
        }
        assert_eq!(scenario.causes(), [""; 0], "seed {seed}");
    }
}

#[test]
fn connections_that_are_cut_at_random_seldom_have_something_in_common() {
    let mut wrong = Vec::new();
    for seed in 0..150 {
        let mut random = Random(seed);
        let mut scenario = Scenario::new();
        for _ in 0..random.between(1, 8) {
            let begin = random.between(0, 60 * SECOND);
            let age = random.between(2 * SECOND, 90 * SECOND);
            let pause = random.between(0, 1_500).min(age / 2);
            let by = random.pick(&[Side::Client, Side::Server]);
            scenario.beside(begin, |it| {
                chat(it.upgraded(), &mut random, begin + age - pause, begin + age);
                cut(it, by, random.one_in(2));
            });
        }
        scenario.compare_early();
        wrong.extend(scenario.causes().into_iter().map(|cause| (seed, cause)));
    }
    // Ages are a limit that many products have by chance, too: about one in a hundred.
    assert!(wrong.len() <= 15, "{wrong:?}");
}
