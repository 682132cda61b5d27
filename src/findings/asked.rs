//! The rules by what they are asked about.

use std::sync::LazyLock;

use crate::analysis::event::{ConnectionEvent, Ending};
use crate::findings::fault::Faults;
use crate::findings::rule::{Check, Rule};
use crate::findings::rules;
use crate::findings::scene::{BadText, CaptureScene, FrameSeen, MessageSeen, Nonsense, Scene};
use crate::http::Handshake;

/// A rule, and what it asks.
pub(super) type Question<T> = (&'static Rule, fn(&Scene<'_, T>, &mut Faults));

/// A rule, and what it asks of a frame.
pub(super) type FrameQuestion = (&'static Rule, fn(&Scene<'_, FrameSeen<'_>>, &mut Faults));

/// The questions, each list in the order of the catalogue.
#[derive(Debug, Default)]
#[expect(
    clippy::type_complexity,
    reason = "each list holds what rules ask about one kind of event"
)]
pub(super) struct Asked {
    pub(super) header: Vec<FrameQuestion>,
    pub(super) fragment: Vec<FrameQuestion>,
    pub(super) late: Vec<FrameQuestion>,
    pub(super) frame: Vec<FrameQuestion>,
    pub(super) data: Vec<(&'static Rule, fn(&Scene<'_, MessageSeen<'_>>, &mut Faults))>,
    pub(super) compressed: Vec<(&'static Rule, fn(&Scene<'_, MessageSeen<'_>>, &mut Faults))>,
    pub(super) close: Vec<(&'static Rule, fn(&Scene<'_, MessageSeen<'_>>, &mut Faults))>,
    pub(super) bad_text: Vec<Question<BadText>>,
    pub(super) nonsense: Vec<(&'static Rule, fn(&Scene<'_, Nonsense<'_>>, &mut Faults))>,
    pub(super) request: Vec<(&'static Rule, fn(&Scene<'_, &Handshake>, &mut Faults))>,
    pub(super) response: Vec<(&'static Rule, fn(&Scene<'_, &Handshake>, &mut Faults))>,
    pub(super) incident: Vec<(&'static Rule, fn(&Scene<'_, &ConnectionEvent<'_>>, &mut Faults))>,
    pub(super) end: Vec<Question<Ending>>,
    pub(super) capture: Vec<(&'static Rule, fn(&CaptureScene<'_>, &mut Faults))>,
}

/// The questions of all rules.
pub(super) static ASKED: LazyLock<Asked> = LazyLock::new(|| {
    let mut asked = Asked::default();
    for rule in rules() {
        for check in rule.checks {
            match *check {
                Check::Header(check) => asked.header.push((rule, check)),
                Check::Fragment(check) => asked.fragment.push((rule, check)),
                Check::Late(check) => asked.late.push((rule, check)),
                Check::Frame(check) => asked.frame.push((rule, check)),
                Check::Data(check) => asked.data.push((rule, check)),
                Check::Compressed(check) => asked.compressed.push((rule, check)),
                Check::Close(check) => asked.close.push((rule, check)),
                Check::BadText(check) => asked.bad_text.push((rule, check)),
                Check::Nonsense(check) => asked.nonsense.push((rule, check)),
                Check::Request(check) => asked.request.push((rule, check)),
                Check::Response(check) => asked.response.push((rule, check)),
                Check::Incident(check) => asked.incident.push((rule, check)),
                Check::End(check) => asked.end.push((rule, check)),
                Check::Capture(check) => asked.capture.push((rule, check)),
            }
        }
    }
    asked
});
