//! Tests of one recording: which thread gets which ring, and what a snapshot has.

use super::read::{Read, Text, thread_of};
use crate::base::clock;
use crate::record::event::Kind;
use crate::record::ring::Writer;
use crate::record::session::Session;
use crate::record::strings::StringKind;
use crate::record::words::Source;

/// 1,024 records for a worker's ring, 128 for another thread's.
const BYTES: usize = 32 * 1024;

fn session() -> Session {
    Session::new(7, Source::Heap, BYTES).unwrap()
}

/// A thread joins the recording, writes records with numbers as `a`, and leaves.
fn comes_and_goes(session: &Session, is_worker: bool, numbers: std::ops::Range<u64>) {
    let (mut writer, thread) = session.join(is_worker).unwrap();
    numbers.for_each(|n| write(&mut writer, thread, n));
    session.leave(writer.ring().clone(), thread, is_worker);
}

fn write(writer: &mut Writer, thread: u16, n: u64) {
    let record = crate::record::event::pack(n, Kind::Mark, thread, 0, n, 0);
    writer.write(record);
}

/// For each ring: how many records were lost, and the numbers of the others.
fn numbers(session: &Session) -> Vec<(u64, Vec<u64>)> {
    let read = Read::of(&session.snapshot());
    let rings = read.rings.iter();
    rings
        .map(|ring| (ring.lost, ring.records.iter().map(|r| r[2]).collect()))
        .collect()
}

#[test]
fn the_first_page_tells_when_and_how_fast() {
    let before = (clock::ticks(), clock::nanos(), clock::unix_nanos());
    let session = session();
    let after = (clock::ticks(), clock::nanos(), clock::unix_nanos());
    let head = Read::of(&session.snapshot()).head;
    assert_eq!(head[0].to_le_bytes(), *b"SELVEDGE");
    assert_eq!(head[1..3], [1, u64::from(std::process::id())]);
    assert!((before.2..=after.2).contains(&head[3]));
    assert!((before.0..=after.0).contains(&head[4]));
    assert!((before.1..=after.1).contains(&head[5]));
    assert!(head[7..].iter().all(|word| *word == 0));
    session.note_missed();
    session.note_missed();
    assert_eq!(Read::of(&session.snapshot()).head[7], 2);
}

/// By the pace of the first page, the ticks of a period are about its nanoseconds, unless the thread loses its processor between
/// two reads. That does not happen each time.
#[test]
fn the_pace_of_the_ticks_is_measured() {
    let is_about_right = |_| {
        let before = (clock::ticks(), clock::nanos());
        let session = session();
        let after = (clock::ticks(), clock::nanos());
        let pace = Read::of(&session.snapshot()).head[6];
        let nanos = (u128::from(after.0 - before.0) * u128::from(pace)) >> 32;
        let passed = u128::from(after.1 - before.1);
        assert!(passed >= 2_000_000);
        (passed * 2 / 3..passed * 3 / 2).contains(&nanos)
    };
    assert!((0..100).any(is_about_right));
}

#[test]
fn strings_are_in_a_snapshot_with_the_program_and_the_threads() {
    let session = session();
    session.note(StringKind::Name, 17, "seventeen", (0, 0));
    // SAFETY: has no preconditions.
    let number = u64::from(unsafe { libc::gettid() } as u32);
    let joins = || session.join(true).unwrap().1;
    let threads = [joins(), joins()];
    assert_eq!(threads, [1, 2]);
    let read = Read::of(&session.snapshot());
    let program = std::env::current_exe().unwrap().display().to_string();
    let text = |kind, key, place, text: &str| Text {
        kind,
        key,
        place,
        text: text.to_owned(),
    };
    let thread = std::thread::current();
    let name = thread.name().unwrap();
    let expected = [
        text(4, 0, (0, 0), &program),
        text(2, 17, (0, 0), "seventeen"),
        text(3, 1, (number, 0), name),
        text(3, 2, (number, 0), name),
    ];
    assert_eq!(read.strings, expected);
}

#[test]
fn a_worker_has_eight_times_the_records_of_another_thread() {
    for (bytes, sizes) in [
        (0, [64, 64]),
        (32 * 64, [64, 64]),
        (32 * 1_024, [1_024, 128]),
        (32 * 8_192, [8_192, 1_024]),
        (32 * 1_500, [1_024, 128]),
        (32 * 2_000, [1_024, 128]),
    ] {
        for (is_worker, size) in [true, false].into_iter().zip(sizes) {
            let session = Session::new(1, Source::Heap, bytes).unwrap();
            comes_and_goes(&session, is_worker, 0..10_000);
            let kept: Vec<u64> = (10_000 - size..10_000).collect();
            let found = numbers(&session);
            assert!(found == [(10_000 - size, kept)], "{bytes}: {}", found[0].0);
        }
    }
}

/// The rings of the eight threads that ended last stay as they are, and one more.
#[test]
fn a_new_thread_goes_on_in_the_ring_of_the_one_that_ended_first() {
    let session = session();
    for n in 0..9 {
        comes_and_goes(&session, false, n..n + 1);
    }
    let each: Vec<(u64, Vec<u64>)> = (0..9).map(|n| (0, vec![n])).collect();
    assert_eq!(numbers(&session), each);
    // It asks for another size: no ring of that size is free.
    comes_and_goes(&session, true, 100..101);
    assert_eq!(numbers(&session).len(), 10);
    comes_and_goes(&session, false, 9..10);
    comes_and_goes(&session, false, 10..11);
    let now = numbers(&session);
    assert_eq!(now.len(), 10);
    assert_eq!(now[..3], [(0, vec![0, 9]), (0, vec![1, 10]), (0, vec![2])]);
    // A worker's ring goes to a worker.
    comes_and_goes(&session, true, 101..102);
    assert_eq!(numbers(&session)[9], (0, vec![100, 101]));
}

#[test]
fn a_ring_of_a_thread_that_goes_on_is_its_own() {
    let session = session();
    let (mut writer, thread) = session.join(false).unwrap();
    for n in 0..12 {
        comes_and_goes(&session, false, n..n + 1);
    }
    write(&mut writer, thread, 1_000);
    assert_eq!(numbers(&session)[0], (0, vec![1_000]));
}

/// Once there was no memory for a ring, none is asked for again, even if there is memory by now.
#[cfg(target_os = "linux")]
#[test]
fn a_recording_without_room_stays_without() {
    use std::os::fd::AsRawFd;

    let file = super::words::file();
    let (fd, spare) = (file.as_raw_fd(), file.try_clone().unwrap());
    let session = Session::new(1, Source::File(file), BYTES).unwrap();
    assert!(session.join(false).is_some());
    let read_only = std::fs::File::open("/proc/self/exe").unwrap();
    // SAFETY: the recording owns the descriptor, which refers to another file from here on.
    assert_eq!(unsafe { libc::dup2(read_only.as_raw_fd(), fd) }, fd);
    assert!(session.join(true).is_none());
    // SAFETY: as above.
    assert_eq!(unsafe { libc::dup2(spare.as_raw_fd(), fd) }, fd);
    assert!(session.join(true).is_none());
    // The ring that was there stays.
    assert_eq!(Read::of(&session.snapshot()).rings.len(), 1);
}

#[test]
fn the_clock_is_a_record() {
    let session = session();
    let (mut writer, thread) = session.join(false).unwrap();
    let before = (clock::ticks(), clock::nanos());
    Session::clock(&mut writer, thread);
    let after = (clock::ticks(), clock::nanos());
    let read = Read::of(&session.snapshot());
    let [record] = read.rings[0].records[..] else {
        panic!("{read:?}");
    };
    assert_eq!(record[1], 1 | 1 << 8);
    assert!((before.0..=after.0).contains(&record[0]));
    assert!((before.1..=after.1).contains(&record[2]));
    assert_eq!(record[3], 0);
}

/// For a live thread: as it joined, and as the snapshot was made.
#[cfg(target_os = "linux")]
#[test]
fn a_snapshot_tells_how_long_threads_have_waited_for_a_processor() {
    let session = session();
    let (writer, thread) = session.join(true).unwrap();
    let waits = Read::of(&session.snapshot()).waits;
    let (before, after) = (&waits[0], &waits[1]);
    assert_eq!(waits.len(), 2);
    assert!(waits.iter().all(|wait| thread_of(wait) == thread.into()));
    assert!(before[0] <= after[0] && before[2] <= after[2] && before[3] <= after[3]);
    session.leave(writer.ring().clone(), thread, true);
    assert!(Read::of(&session.snapshot()).waits.is_empty());
}
