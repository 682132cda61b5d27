//! Healthy recordings that are cut at any packet lose nothing that can be known.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use wslens::capture;
use wslens::findings::Severity;
use wslens::websocket::Inflation;

use crate::observed::{Captured, MessageKey, Observed, ObservedMessage};
use crate::testkit::random::Random;

/// What cuts have shown.
#[derive(Debug, Default)]
struct Tally {
    knowable: usize,
    /// Of these, how many were not shown because hardly anything is left of their connection.
    too_few: usize,
    lost: Vec<String>,
    invented: Vec<String>,
    accused: Vec<String>,
}

#[test]
fn a_recording_cut_anywhere_shows_all_that_can_be_known() {
    // More of them, to try a change: CUTS=200 CUTS_OF=samples cargo test --test midstream cut
    let folder = std::env::var("CUTS_OF").unwrap_or_else(|_| "samples".to_owned());
    let each = std::env::var("CUTS").map_or(3, |cuts| cuts.parse().unwrap());
    let mut tally = Tally::default();
    let mut random = Random(12);
    for path in captures(Path::new(&folder)) {
        let packets = read(&path);
        let whole = Observed::of(&packets);
        let is_healthy = whole.findings.iter().all(|(_, severity, _)| *severity < Severity::Error);
        if whole.messages.is_empty() || !is_healthy {
            continue;
        }
        for _ in 0..each {
            cut(&path, &packets, &whole, random.below(packets.len()), &mut tally);
        }
    }
    let Tally { knowable, too_few, lost, invented, accused } = &tally;
    eprintln!("{knowable} knowable messages, {too_few} of them too few to be recognized");
    assert!(lost.len() * 1000 <= *knowable, "{lost:#?}");
    assert!(invented.is_empty(), "{invented:#?}");
    assert!(accused.is_empty(), "{accused:#?}");
    assert!(too_few * 200 <= *knowable, "{too_few} of {knowable}");
}

/// Compares what is shown of the packets after a cut with what is shown of all.
fn cut(path: &Path, packets: &[Captured], whole: &Observed, at: usize, tally: &mut Tally) {
    let name = format!("{} from {}", path.file_name().unwrap().to_string_lossy(), at + 1);
    let rest = Observed::of(&packets[at..]);
    let first = packets[at].number;
    let mut shown: BTreeMap<&MessageKey, Vec<&ObservedMessage>> = BTreeMap::new();
    for message in &rest.messages {
        shown.entry(&message.key).or_default().push(message);
    }
    // Output of the compressed messages since the cut, by direction, that later ones may refer to.
    let mut history: BTreeMap<_, u64> = BTreeMap::new();
    for message in whole.messages.iter().filter(|message| message.is_complete) {
        let key = &message.key;
        if key.packets[0] < first {
            continue;
        }
        tally.knowable += 1;
        let found = shown.get_mut(key).and_then(|same| {
            let alike = same.iter().position(|it| {
                it.content == message.content || it.inflation == Inflation::HistoryMissing
            });
            alike.map(|at| same.remove(at))
        });
        let available = history.entry((key.client, key.server, key.is_client)).or_default();
        let is_inflatable =
            message.inflation == Inflation::None || u64::from(message.reach) <= *available;
        if message.inflation != Inflation::None {
            *available = if is_inflatable { *available + message.length } else { 0 };
        }
        let peers = [key.client, key.server];
        match found {
            None if is_left_of(whole, peers, first) <= FEW
                && !rest.messages.iter().any(|it| peers.contains(&it.key.client)) =>
            {
                tally.too_few += 1;
            }
            None => tally.lost.push(format!("{name}: {key:?} is not shown")),
            Some(shown) if is_inflatable && !shown.is_complete => {
                tally.lost.push(format!("{name}: {key:?} is not complete: {:?}", shown.inflation));
            }
            Some(_) => {}
        }
    }
    for message in shown.values().flatten() {
        let is_alike = |it: &ObservedMessage| {
            (it.key.opcode, it.key.is_client, &it.content)
                == (message.key.opcode, message.key.is_client, &message.content)
        };
        // Sent again in another packet, or what is left of a message.
        let is_known = whole.messages.iter().any(|it| {
            is_alike(it)
                || (it.key.packets[1] == message.key.packets[1]
                    && (it.key.packets[0] < first || !it.is_complete))
        });
        if !is_known {
            tally.invented.push(format!("{name}: {:?}", message.key));
        }
    }
    for (rule, severity, evidence) in &rest.findings {
        let is_known = whole.findings.iter().any(|(known, ..)| known == rule);
        let is_cut = ["CAP-03", "CAP-05", "PMD-14"].contains(rule);
        if !is_known && !is_cut {
            tally.accused.push(format!("{name}: {rule} {severity:?} {evidence}"));
        }
    }
}

/// How many messages of a connection begin at a packet or later.
fn is_left_of(whole: &Observed, peers: [SocketAddr; 2], first: u64) -> usize {
    let keys = whole.messages.iter().map(|message| &message.key);
    keys.filter(|key| [key.client, key.server] == peers && key.packets[0] >= first).count()
}

/// Messages of which a connection may be left with, and yet not be recognized.
const FEW: usize = 3;

fn captures(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_string_lossy().contains(".pcap"))
        .collect();
    paths.sort();
    paths
}

fn read(path: &Path) -> Vec<Captured> {
    let mut packets = Vec::new();
    let Ok(mut source) = capture::open(path) else { return packets };
    while let Ok(Some(packet)) = source.next_packet() {
        packets.push(Captured {
            number: packet.id.0,
            time: packet.time.0,
            link_type: packet.link_type.0,
            original_length: packet.original_length,
            bytes: packet.bytes.to_vec(),
        });
    }
    packets
}
