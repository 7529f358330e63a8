//! Checking a whole log.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

use super::Head;
use super::line::{Line, Process};
use super::segment::{Broken, Reason, Segment, Stop};
use crate::limits::RECEIPT_SEGMENTS;

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
    /// Smallest counter that the log must have: 1 if the start of the process is in the log, else
    /// the smallest that is there.
    pub first: u64,
    /// Largest counter that the log must have: what the lane had counted in the end, if the log
    /// tells, else the largest that is there.
    pub last: u64,
    /// Different counters in the log. Two records may tell of one receipt: an abandoned request's
    /// and the one that its outbox replays.
    pub seen: u64,
}

impl LaneCount {
    /// Commands from `first` to `last` that no record speaks for.
    pub fn missing(&self) -> u64 {
        if self.last < self.first {
            return 0;
        }
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
    let mut receipts = Receipts::default();
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
            receipts.read(line);
        });
        let broken = |line, reason| Broken {
            file: segment.path.clone(),
            line,
            reason,
        };
        report.lanes = receipts.counts();
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

/// What an HSM process had counted when it ended, against what the newest part of the log in `dir`
/// has: the commands of each lane that no record speaks for, where there are any. `counted` is the
/// last counter of each lane. For a start, which cannot wait until all is read: `None` if the
/// beginning of the process is not in the last [`RECEIPT_SEGMENTS`] segments.
///
/// Errors: files that cannot be read.
pub fn unrecorded(
    dir: &Path,
    epoch: u64,
    counted: &BTreeMap<u16, u64>,
) -> io::Result<Option<BTreeMap<u16, u64>>> {
    let mut receipts = Receipts::default();
    let segments = Segment::list(dir)?;
    for segment in segments.iter().rev().take(RECEIPT_SEGMENTS) {
        match segment.walk(None, |line, _| receipts.read(line)) {
            Err(Stop::Io(error)) => return Err(error),
            Err(Stop::Broken(broken)) => return Err(io::Error::other(broken.to_string())),
            Ok(_) => {}
        }
        if receipts.started.contains(&epoch) {
            receipts.ended(epoch, counted);
            let counts = receipts.counts().into_iter();
            let missing = counts
                .filter(|((of, _), count)| *of == epoch && count.missing() > 0)
                .map(|((_, lane), count)| (lane, count.missing()));
            return Ok(Some(missing.collect()));
        }
    }
    Ok(None)
}

/// What the log has of the receipts of all HSM processes.
#[derive(Default)]
struct Receipts {
    lanes: BTreeMap<(u64, u16), Counters>,
    /// Processes whose beginning is in the log.
    started: BTreeSet<u64>,
    /// What lanes had counted in the end.
    counted: BTreeMap<(u64, u16), u64>,
}

impl Receipts {
    fn read(&mut self, line: &Line<'_>) {
        for note in &line.receipts {
            let Some(epoch) = note.epoch() else { continue };
            self.lanes
                .entry((epoch, note.lane))
                .or_default()
                .add(note.counter);
        }
        match line.process() {
            Some(Process::Started { epoch }) => {
                self.started.insert(epoch);
            }
            Some(Process::Ended { epoch, counted }) => self.ended(epoch, &counted),
            None => {}
        }
    }

    fn ended(&mut self, epoch: u64, counted: &BTreeMap<u16, u64>) {
        for (lane, last) in counted {
            self.counted.insert((epoch, *lane), *last);
            self.lanes.entry((epoch, *lane)).or_default();
        }
    }

    fn counts(&self) -> BTreeMap<(u64, u16), LaneCount> {
        let count = |(lane, seen): (&(u64, u16), &Counters)| {
            let mut count = seen.count();
            if self.started.contains(&lane.0) {
                count.first = 1;
            }
            if let Some(counted) = self.counted.get(lane) {
                count.last = count.last.max(*counted);
                if count.seen == 0 && count.first == 0 {
                    // Nothing of the lane is in what is left of the log.
                    count.first = count.last.saturating_add(1);
                }
            }
            (*lane, count)
        };
        self.lanes.iter().map(count).collect()
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
