use super::*;

const START: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const DAY: i64 = 86_400;

/// A machine with a wall clock that may be wrong, a server that may stop, and what it noted.
struct Machine {
    /// True time, seconds.
    time: i64,
    /// What the wall clock shows beyond it.
    ahead: i64,
    /// When the machine was started, and which start that was.
    up: (i64, u32),
    server: Option<Steadiness>,
    note: Option<String>,
}

impl Machine {
    fn new() -> Self {
        Self {
            time: 0,
            ahead: 0,
            up: (0, 1),
            server: None,
            note: None,
        }
    }

    fn wall(&self) -> Timestamp {
        START.plus_millis((self.time + self.ahead) * 1000)
    }

    fn running(&self) -> Duration {
        Duration::from_secs(u64::try_from(self.time - self.up.0).unwrap())
    }

    fn start(&mut self) {
        let uptime = Uptime {
            start: format!("boot-{}", self.up.1),
            running: self.running(),
        };
        self.server = Some(Steadiness::new(self.wall(), &uptime, self.note.as_deref()));
    }

    /// Killed without a word.
    fn kill(&mut self) {
        self.server = None;
    }

    fn reboot(&mut self, seconds: i64) {
        self.kill();
        self.time += seconds;
        self.up = (self.time, self.up.1 + 1);
    }

    fn look(&mut self) -> Destruction {
        let (wall, running) = (self.wall(), self.running());
        self.server.as_mut().unwrap().look(wall, running)
    }

    /// Serves for so long, looking each 5 s and noting each minute; true if keys could be
    /// destroyed at any look.
    fn serve(&mut self, seconds: i64) -> bool {
        let mut allowed = false;
        for second in (0..=seconds).step_by(5) {
            allowed |= self.look() == Destruction::Allowed;
            if second % 60 == 0 {
                self.note = Some(self.server.as_ref().unwrap().note(self.running()));
            }
            self.time += if second == seconds { 0 } else { 5 };
        }
        allowed
    }
}

#[test]
fn destruction_waits_for_an_hour_of_steadiness() {
    let mut machine = Machine::new();
    machine.start();
    assert!(!machine.serve(3595));
    assert!(machine.serve(10));
}

#[test]
fn a_jump_either_way_holds_destruction_again() {
    for jump in [-7200, -601, 601, 7200, 40 * DAY] {
        let mut machine = Machine::new();
        machine.start();
        assert!(machine.serve(7200));
        machine.ahead += jump;
        assert!(!machine.serve(3595), "{jump}");
        assert!(machine.serve(10), "{jump}");
    }
}

#[test]
fn small_jumps_add_up() {
    let mut machine = Machine::new();
    machine.start();
    assert!(machine.serve(7200));
    machine.ahead += 400;
    assert!(machine.serve(60));
    machine.ahead += 400;
    assert!(!machine.serve(3590));
}

#[test]
fn a_server_that_restarts_often_destroys_keys_at_last() {
    // How long it serves and is away, and whether the machine restarts with it.
    for (served, away, reboots) in [
        (3000, 5, false),
        (600, 1200, false),
        (60, 3600, false),
        (3000, 30, true),
        (600, 60, true),
    ] {
        let mut machine = Machine::new();
        let allowed = (0..100).any(|_| {
            machine.start();
            let allowed = machine.serve(served);
            if reboots {
                machine.reboot(away);
            } else {
                machine.kill();
                machine.time += away;
            }
            allowed
        });
        assert!(allowed, "{served} {away} {reboots}");
    }
}

#[test]
fn a_clock_that_jumps_while_the_server_is_away_is_found_out() {
    for reboots in [false, true] {
        for jump in [-7200, 7200, 40 * DAY, 4000 * DAY] {
            for served in [60, 3000, 7200] {
                let mut machine = Machine::new();
                machine.start();
                machine.serve(served);
                if reboots {
                    machine.reboot(20);
                } else {
                    machine.kill();
                    machine.time += 20;
                }
                machine.ahead += jump;
                machine.start();
                assert!(!machine.serve(3590), "{reboots} {jump} {served}");
            }
        }
    }
}

#[test]
fn a_long_pause_of_a_machine_is_not_taken_for_watched_time() {
    let mut machine = Machine::new();
    machine.start();
    assert!(machine.serve(7200));
    machine.reboot(2 * DAY);
    machine.start();
    assert!(!machine.serve(3595));
    assert!(machine.serve(10));
}

#[test]
fn a_note_of_another_machine_or_a_damaged_one_helps_nobody() {
    let mut machine = Machine::new();
    machine.start();
    machine.serve(7200);
    let good = machine.note.clone().unwrap();
    for note in [
        String::new(),
        good.trim_end().to_owned(),
        good.replace("-1 ", "-2 "),
        good.replace("boot-1", "boot-1 x"),
        good.replacen("000", "x", 1),
    ] {
        machine.note = Some(note.clone());
        machine.start();
        assert_eq!(machine.look(), Destruction::Held, "{note}");
    }
    machine.note = Some(good);
    machine.start();
    assert_eq!(machine.look(), Destruction::Allowed);
}

/// Version 1, as it stands in `docs/formats/clock-watch.md`.
#[test]
fn a_note_keeps_its_form() {
    let uptime = Uptime {
        start: "b".to_owned(),
        running: Duration::from_millis(5),
    };
    let watch = Steadiness::new(START, &uptime, None);
    let text = "keystead-clock-watch-1 1800000000000 2000 2005 b\n";
    assert_eq!(watch.note(Duration::from_millis(2005)), text);
    let uptime = Uptime {
        start: "b".to_owned(),
        running: Duration::from_millis(3005),
    };
    let watch = Steadiness::new(START, &uptime, Some(text));
    assert_eq!(watch.watched(Duration::from_millis(3005)).as_millis(), 3000);
}
