//! The rules by what they are asked about.

use std::sync::LazyLock;

use crate::analysis::event::{ConnectionEvent, Ending};
use crate::findings::engine::context::{
    BadText, CaptureScene, FrameSeen, MessageSeen, Nonsense, Scene,
};
use crate::findings::engine::rule::{Check, Rule};
use crate::findings::engine::violation::Faults;
use crate::findings::rules::rules;
use crate::http::Handshake;

/// A rule, and what it asks.
pub(crate) type Question<T> = (&'static Rule, fn(&Scene<'_, T>, &mut Faults));

/// A rule, and what it asks of a frame.
pub(crate) type FrameQuestion = (&'static Rule, fn(&Scene<'_, FrameSeen<'_>>, &mut Faults));

/// The questions, each list in the order of the catalogue.
#[derive(Debug, Default)]
#[expect(
    clippy::type_complexity,
    reason = "each list holds what rules ask about one kind of event"
)]
pub(crate) struct Asked {
    pub(crate) header: Vec<FrameQuestion>,
    pub(crate) fragment: Vec<FrameQuestion>,
    pub(crate) late: Vec<FrameQuestion>,
    pub(crate) frame: Vec<FrameQuestion>,
    pub(crate) fragmented: Vec<(&'static Rule, fn(&Scene<'_, MessageSeen<'_>>, &mut Faults))>,
    pub(crate) content: Vec<(&'static Rule, fn(&Scene<'_, MessageSeen<'_>>, &mut Faults))>,
    pub(crate) compressed: Vec<(&'static Rule, fn(&Scene<'_, MessageSeen<'_>>, &mut Faults))>,
    pub(crate) close: Vec<(&'static Rule, fn(&Scene<'_, MessageSeen<'_>>, &mut Faults))>,
    pub(crate) bad_text: Vec<Question<BadText>>,
    pub(crate) nonsense: Vec<(&'static Rule, fn(&Scene<'_, Nonsense<'_>>, &mut Faults))>,
    pub(crate) request: Vec<(&'static Rule, fn(&Scene<'_, &Handshake>, &mut Faults))>,
    pub(crate) response: Vec<(&'static Rule, fn(&Scene<'_, &Handshake>, &mut Faults))>,
    pub(crate) incident: Vec<(&'static Rule, fn(&Scene<'_, &ConnectionEvent<'_>>, &mut Faults))>,
    pub(crate) end: Vec<Question<Ending>>,
    pub(crate) capture: Vec<(&'static Rule, fn(&CaptureScene<'_>, &mut Faults))>,
}

/// The questions of all rules.
pub(crate) static ASKED: LazyLock<Asked> = LazyLock::new(|| {
    let mut asked = Asked::default();
    for rule in rules() {
        for check in rule.checks {
            match *check {
                Check::Header(check) => asked.header.push((rule, check)),
                Check::Fragment(check) => asked.fragment.push((rule, check)),
                Check::Late(check) => asked.late.push((rule, check)),
                Check::Frame(check) => asked.frame.push((rule, check)),
                Check::Fragmented(check) => asked.fragmented.push((rule, check)),
                Check::Content(check) => asked.content.push((rule, check)),
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
