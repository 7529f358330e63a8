//! A list of steps: each is announced, timed and counted; the last line is the total.

use std::time::{Duration, Instant};

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Passed,
    Failed,
    /// Not run because something that it needs failed; counts as failed.
    Blocked,
}

/// Runs steps one after another and remembers how each ended.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    done: Vec<(&'static str, Outcome, Duration)>,
}

impl Steps {
    /// Runs one step and returns whether it passed. A failure does not stop the list, so that
    /// one run shows all that is wrong.
    pub(crate) fn run(
        &mut self,
        name: &'static str,
        step: impl FnOnce() -> Result<(), String>,
    ) -> bool {
        println!("==> {name}");
        let start = Instant::now();
        let outcome = match step() {
            Ok(()) => Outcome::Passed,
            Err(message) => {
                eprintln!("{message}");
                Outcome::Failed
            }
        };
        let passed = outcome == Outcome::Passed;
        println!(
            "<== {name}: {} in {:.1} s",
            word(outcome),
            start.elapsed().as_secs_f64()
        );
        self.done.push((name, outcome, start.elapsed()));
        passed
    }

    /// Runs a step only if what it needs passed; otherwise it counts as failed.
    pub(crate) fn run_if(
        &mut self,
        ready: bool,
        name: &'static str,
        step: impl FnOnce() -> Result<(), String>,
    ) -> bool {
        if ready {
            return self.run(name, step);
        }
        self.done.push((name, Outcome::Blocked, Duration::ZERO));
        false
    }

    /// Prints the summary, closing with `N passed, N failed` alone on a line.
    ///
    /// # Errors
    /// When any step failed, or none ran.
    pub(crate) fn finish(self) -> Result<(), String> {
        println!("\n{:<24} {:>9}", "step", "seconds");
        for (name, outcome, time) in &self.done {
            println!("{name:<24} {:>9.1}  {}", time.as_secs_f64(), word(*outcome));
        }
        let total: Duration = self.done.iter().map(|(_, _, time)| *time).sum();
        println!("{:<24} {:>9.1}\n", "total", total.as_secs_f64());
        let (passed, failed) = self.counts();
        println!("{passed} passed, {failed} failed");
        if failed == 0 && passed > 0 {
            Ok(())
        } else {
            Err(String::new())
        }
    }

    fn counts(&self) -> (usize, usize) {
        let passed = self
            .done
            .iter()
            .filter(|(_, how, _)| *how == Outcome::Passed)
            .count();
        (passed, self.done.len() - passed)
    }
}

fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Passed => "passed",
        Outcome::Failed => "FAILED",
        Outcome::Blocked => "FAILED (not run: an earlier step failed)",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blocked_step_counts_as_failed() {
        let mut steps = Steps::default();
        assert!(steps.run("good", || Ok(())));
        let built = steps.run("bad", || Err("no".to_owned()));
        assert!(!built);
        assert!(!steps.run_if(built, "after", || Ok(())));
        assert_eq!(steps.counts(), (1, 2));
        assert!(steps.finish().is_err());
    }

    #[test]
    fn nothing_run_is_a_failure() {
        assert!(Steps::default().finish().is_err());
    }

    #[test]
    fn all_passed() {
        let mut steps = Steps::default();
        assert!(steps.run_if(true, "good", || Ok(())));
        assert!(steps.finish().is_ok());
    }
}
