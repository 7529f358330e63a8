//! Checking a whole log.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use super::Head;
use super::line::Line;
use super::segment::{Broken, Reason, Segment, Stop};

/// What a check of a log found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Segments that are good, or good up to the break.
    pub segments: u64,
    /// Records that are good.
    pub records: u64,
    /// The record before the first: seq 0 unless old segments were taken away.
    pub before: Head,
    /// The last good record.
    pub head: Head,
    /// Bytes of an unfinished last line: a request in progress, or a killed process.
    pub torn_bytes: u64,
    /// What the HSM process counted, by its epoch and lane.
    pub lanes: BTreeMap<(u64, u16), LaneCount>,
    /// The first place where the chain is broken.
    pub broken: Option<Broken>,
}

/// Receipts of one lane of one HSM process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LaneCount {
    /// Smallest counter in the log.
    pub first: u64,
    /// Largest counter in the log.
    pub last: u64,
    /// Different counters in the log. Two records may tell of one receipt: an abandoned request's
    /// and the one that its outbox replays.
    pub seen: u64,
}

impl LaneCount {
    /// Commands between the first and the last receipt that no record speaks for.
    pub fn missing(&self) -> u64 {
        (self.last - self.first)
            .saturating_add(1)
            .saturating_sub(self.seen)
    }
}

/// Reads every line of the log in `dir`. It may be in use meanwhile.
///
/// A chain cannot show that its end was cut off: see [`verify_against`].
///
/// Errors: only when files cannot be read; a broken chain is in the report.
pub fn verify(dir: &Path) -> io::Result<Report> {
    walk(dir, None)
}

/// [`verify`], and that the log still has a record that was its newest once.
pub fn verify_against(dir: &Path, known: Head) -> io::Result<Report> {
    walk(dir, Some(known))
}

fn walk(dir: &Path, known: Option<Head>) -> io::Result<Report> {
    let segments = Segment::list(dir)?;
    let mut report = Report {
        segments: 0,
        records: 0,
        before: Head::EMPTY,
        head: Head::EMPTY,
        torn_bytes: 0,
        lanes: BTreeMap::new(),
        broken: None,
    };
    let mut lanes = BTreeMap::new();
    let mut known_at = known.filter(|known| *known != Head::EMPTY);
    let mut end = (dir.to_owned(), 1);
    for (at, segment) in segments.iter().enumerate() {
        let after = (at > 0).then_some(report.head);
        let last = at + 1 == segments.len();
        report.segments += 1;
        let walked = segment.walk(after, |line, head| {
            report.records += 1;
            report.head = head;
            known_at = known_at.filter(|known| *known != head);
            count(&mut lanes, line);
        });
        let broken = |line, reason| Broken {
            file: segment.path.clone(),
            line,
            reason,
        };
        report.lanes = lanes
            .iter()
            .map(|(lane, seen)| (*lane, seen.count()))
            .collect();
        match walked {
            Err(Stop::Io(error)) => return Err(error),
            Err(Stop::Broken(found)) => report.broken = Some(found),
            Ok(None) if last => report.torn_bytes = segment.path.metadata()?.len(),
            Ok(None) => report.broken = Some(broken(1, Reason::Torn)),
            Ok(Some(walked)) => {
                if at == 0 {
                    report.before = walked.before;
                    known_at = known_at.filter(|known| *known != walked.before);
                }
                report.head = walked.head;
                end = (segment.path.clone(), walked.lines);
                report.torn_bytes = walked.torn_bytes;
                if walked.torn_bytes > 0 && !last {
                    report.broken = Some(broken(walked.lines + 1, Reason::Torn));
                }
            }
        }
        if report.broken.is_some() {
            return Ok(report);
        }
    }
    if known_at.is_some() {
        let (file, line) = end;
        let reason = Reason::Head;
        report.broken = Some(Broken { file, line, reason });
    }
    Ok(report)
}

fn count(lanes: &mut BTreeMap<(u64, u16), Counters>, line: &Line<'_>) {
    for note in &line.receipts {
        let Some(epoch) = note.epoch() else { continue };
        lanes
            .entry((epoch, note.lane))
            .or_default()
            .add(note.counter);
    }
}

/// The counters of one lane that the log has, as runs without a gap: first to last.
#[derive(Default)]
struct Counters(BTreeMap<u64, u64>);

impl Counters {
    fn add(&mut self, counter: u64) {
        let before = self.0.range(..=counter).next_back();
        let first = match before {
            Some((_, last)) if *last >= counter => return,
            Some((first, last)) if last.checked_add(1) == Some(counter) => *first,
            _ => counter,
        };
        let behind = counter.checked_add(1).and_then(|next| self.0.remove(&next));
        self.0.insert(first, behind.unwrap_or(counter));
    }

    fn count(&self) -> LaneCount {
        let runs = self.0.iter();
        LaneCount {
            first: self.0.keys().next().copied().unwrap_or_default(),
            last: self.0.values().next_back().copied().unwrap_or_default(),
            seen: runs.fold(0, |seen: u64, (first, last)| {
                seen.saturating_add((last - first).saturating_add(1))
            }),
        }
    }
}
