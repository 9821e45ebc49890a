//! Reads what the programs and the tools print.

use super::measure::Error;
use std::collections::BTreeMap;

/// A line of `count list`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workload {
    pub name: String,
    /// The two numbers of operations to compare.
    pub few: u64,
    pub many: u64,
    /// The number of addresses that it prints; 0 if it has no clients.
    pub listeners: u64,
    /// All of it runs on one thread.
    pub is_single: bool,
}

impl Workload {
    /// The cost of one operation, from the counts for few and for many operations.
    pub fn cost_of_one(&self, few: u64, many: u64) -> f64 {
        (many as f64 - few as f64) / (self.many - self.few) as f64
    }
}

/// `name few many [client listeners=N] [single]`.
pub fn workload(line: &str) -> Result<Workload, Error> {
    let fault = || format!("not a workload: {line}");
    let mut words = line.split_whitespace();
    let name = words.next().ok_or_else(fault)?.to_owned();
    let mut number = || words.next()?.parse::<u64>().ok();
    let (few, many) = (number().ok_or_else(fault)?, number().ok_or_else(fault)?);
    if few >= many {
        return Err(fault().into());
    }
    let (mut listeners, mut is_single) = (0, false);
    for word in words {
        match word.split_once('=') {
            Some(("listeners", count)) => listeners = count.parse()?,
            None if word == "single" => is_single = true,
            None if word == "client" => {}
            _ => return Err(fault().into()),
        }
    }
    Ok(Workload {
        name,
        few,
        many,
        listeners,
        is_single,
    })
}

/// Reads the table of `strace -c`: calls by name.
pub fn calls(table: &str) -> Result<BTreeMap<String, u64>, Error> {
    let mut calls = BTreeMap::new();
    for line in table.lines() {
        let words: Vec<_> = line.split_whitespace().collect();
        // Share, seconds, microseconds a call, calls, errors if there are any, name.
        let ([_, _, _, count, name] | [_, _, _, count, _, name]) = words[..] else {
            continue;
        };
        if name == "total" || words[0].parse::<f64>().is_err() {
            continue;
        }
        *calls.entry(name.to_owned()).or_insert(0) += count.parse::<u64>()?;
    }
    match calls.is_empty() {
        true => Err("strace counted nothing".into()),
        false => Ok(calls),
    }
}

/// Reads the voluntary and involuntary context switches that `count` prints.
pub fn switches(said: &str) -> Result<(u64, u64), Error> {
    let of = |kind: &str| -> Result<u64, Error> {
        let line = said.lines().find_map(|line| line.strip_prefix(kind));
        Ok(line.ok_or("no switches were told")?.trim().parse()?)
    };
    Ok((of("voluntary")?, of("involuntary")?))
}

/// Reads callgrind's total.
pub fn instructions(log: &str) -> Result<u64, Error> {
    let line = log
        .lines()
        .find_map(|line| line.split_once("Collected :"))
        .ok_or("callgrind counted nothing")?;
    Ok(line.1.trim().parse()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workload_is_read_with_what_it_needs() {
        let server = workload("http 10 60 client listeners=2 single").unwrap();
        assert_eq!((server.few, server.many), (10, 60));
        assert_eq!((server.listeners, server.is_single), (2, true));
        assert_eq!(server.cost_of_one(100, 200), 2.0);
        assert_eq!(server.cost_of_one(200, 100), -2.0);
        let alone = workload("ticks 50 450").unwrap();
        assert_eq!((alone.listeners, alone.is_single), (0, false));
        for wrong in ["", "ticks", "ticks 1", "ticks 2 2", "ticks 1 2 three"] {
            assert!(workload(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn calls_are_read_with_and_without_errors_and_the_total_is_not_one() {
        let table = "\
% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 61.11    0.001100           3       320        12 futex
 38.89    0.000700           2       300           read
------ ----------- ----------- --------- --------- ----------------
100.00    0.001800           2       620        12 total
";
        let calls = calls(table).unwrap();
        assert_eq!(calls.len(), 2);
        assert_eq!((calls["futex"], calls["read"]), (320, 300));
        assert!(super::calls("strace: no such process\n").is_err());
    }

    #[test]
    fn switches_are_read_by_kind() {
        let said = "listening 127.0.0.1:1\nvoluntary 12\ninvoluntary 3\n";
        assert_eq!(switches(said).unwrap(), (12, 3));
        assert!(switches("voluntary 12\n").is_err());
    }

    #[test]
    fn instructions_are_the_collected_total() {
        let log = "==1== Events    : Ir\n==1== Collected : 123456\n==1== \n";
        assert_eq!(instructions(log).unwrap(), 123_456);
        assert!(instructions("==1== Events : Ir\n").is_err());
    }
}
