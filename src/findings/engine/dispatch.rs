//! The rules by what they are asked about.

use std::sync::LazyLock;

use crate::analysis::event::{ConnectionEvent, Ending};
use crate::findings::engine::context::{
    CaptureContext, FrameSeen, InvalidUtf8, MessageSeen, NotAFrame, RuleContext,
};
use crate::findings::engine::rule::{Check, Rule};
use crate::findings::engine::violation::Violations;
use crate::findings::rules::rules;
use crate::http::Handshake;

/// A rule, and what it asks.
pub(crate) type TriggeredRule<T> = (&'static Rule, fn(&RuleContext<'_, T>, &mut Violations));

/// A rule, and what it asks of a frame.
pub(crate) type FrameRule = (&'static Rule, fn(&RuleContext<'_, FrameSeen<'_>>, &mut Violations));

/// The questions, each list in the order of the catalogue.
#[derive(Debug, Default)]
#[expect(
    clippy::type_complexity,
    reason = "each list holds what rules ask about one kind of event"
)]
pub(crate) struct RulesByTrigger {
    pub(crate) header: Vec<FrameRule>,
    pub(crate) fragment: Vec<FrameRule>,
    pub(crate) late: Vec<FrameRule>,
    pub(crate) frame: Vec<FrameRule>,
    pub(crate) fragmented:
        Vec<(&'static Rule, fn(&RuleContext<'_, MessageSeen<'_>>, &mut Violations))>,
    pub(crate) content:
        Vec<(&'static Rule, fn(&RuleContext<'_, MessageSeen<'_>>, &mut Violations))>,
    pub(crate) compressed:
        Vec<(&'static Rule, fn(&RuleContext<'_, MessageSeen<'_>>, &mut Violations))>,
    pub(crate) close: Vec<(&'static Rule, fn(&RuleContext<'_, MessageSeen<'_>>, &mut Violations))>,
    pub(crate) invalid_utf8: Vec<TriggeredRule<InvalidUtf8>>,
    pub(crate) not_a_frame:
        Vec<(&'static Rule, fn(&RuleContext<'_, NotAFrame<'_>>, &mut Violations))>,
    pub(crate) request: Vec<(&'static Rule, fn(&RuleContext<'_, &Handshake>, &mut Violations))>,
    pub(crate) response: Vec<(&'static Rule, fn(&RuleContext<'_, &Handshake>, &mut Violations))>,
    pub(crate) incident:
        Vec<(&'static Rule, fn(&RuleContext<'_, &ConnectionEvent<'_>>, &mut Violations))>,
    pub(crate) end: Vec<TriggeredRule<Ending>>,
    pub(crate) capture: Vec<(&'static Rule, fn(&CaptureContext<'_>, &mut Violations))>,
}

/// The questions of all rules.
pub(crate) static RULES_BY_TRIGGER: LazyLock<RulesByTrigger> = LazyLock::new(|| {
    let mut asked = RulesByTrigger::default();
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
                Check::InvalidUtf8(check) => asked.invalid_utf8.push((rule, check)),
                Check::NotAFrame(check) => asked.not_a_frame.push((rule, check)),
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
