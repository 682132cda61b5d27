//! When a rule is asked: one line for each trigger.

use crate::analysis::event::{ConnectionEvent, Ending};
use crate::findings::engine::context::{
    CaptureContext, CauseContext, ComparisonContext, EndSeen, FrameSeen, GroupContext, InvalidUtf8,
    MessageSeen, NotAFrame, RuleContext,
};
use crate::findings::engine::violation::Violations;
use crate::http::Handshake;

/// Makes [`Check`] and [`RulesByTrigger`] of one table: what a rule is shown, the list in which the rules of a
/// trigger are, and whether a receiver that notices their violation must fail the connection.
macro_rules! triggers {
    ($($(#[$doc:meta])* $trigger:ident($context:ty) => $list:ident, fatal: $fatal:literal;)*) => {
        /// When a rule is asked, and its check, which adds a violation for each breach that it sees.
        ///
        /// A check sees what was observed and what is remembered, never bytes of a stream.
        #[derive(Clone, Copy, Debug)]
        pub(crate) enum Check {
            $($(#[$doc])* $trigger(fn(&$context, &mut Violations)),)*
        }

        /// Rules and their checks by trigger, each list in the order of the catalogue.
        #[derive(Debug)]
        pub(crate) struct RulesByTrigger<R> {
            $(pub(crate) $list: Vec<(R, fn(&$context, &mut Violations))>,)*
        }

        impl Check {
            /// Whether a receiver that notices such a violation must fail the connection (RFC 6455 §7.1.7).
            pub(crate) fn is_fatal(self) -> bool {
                match self {
                    $(Self::$trigger(_) => $fatal,)*
                }
            }
        }

        impl<R> RulesByTrigger<R> {
            /// Adds a rule to the list of its check's trigger.
            pub(crate) fn add(&mut self, rule: R, check: Check) {
                match check {
                    $(Check::$trigger(check) => self.$list.push((rule, check)),)*
                }
            }
        }

        impl<R> Default for RulesByTrigger<R> {
            fn default() -> Self {
                Self { $($list: Vec::new(),)* }
            }
        }
    };
}

triggers! {
    /// Every frame, as soon as its header is complete. The check looks at nothing but the header, its sender and
    /// what was negotiated: of frames that are alike in these, only the first is shown.
    Header(RuleContext<'_, FrameSeen<'_>>) => header, fatal: true;
    /// Every frame that is a fragment, or arrives while a fragmented message is open.
    Fragment(RuleContext<'_, FrameSeen<'_>>) => fragment, fatal: true;
    /// Every frame that comes after its sender's own Close.
    Late(RuleContext<'_, FrameSeen<'_>>) => late, fatal: true;
    /// Every frame, as soon as its header is complete.
    Frame(RuleContext<'_, FrameSeen<'_>>) => frame, fatal: true;
    /// Every text and binary message of several frames, complete or abandoned.
    Fragmented(RuleContext<'_, MessageSeen<'_>>) => fragmented, fatal: true;
    /// Every text and binary message of a subprotocol that can be read.
    Content(RuleContext<'_, MessageSeen<'_>>) => content, fatal: true;
    /// Every text and binary message that is compressed.
    Compressed(RuleContext<'_, MessageSeen<'_>>) => compressed, fatal: true;
    /// Every Close.
    Close(RuleContext<'_, MessageSeen<'_>>) => close, fatal: false;
    /// The first byte of a text that is not UTF-8.
    InvalidUtf8(RuleContext<'_, InvalidUtf8>) => invalid_utf8, fatal: true;
    /// Text where a frame should start.
    NotAFrame(RuleContext<'_, NotAFrame<'_>>) => not_a_frame, fatal: true;
    /// Every upgrade request, as soon as its head is complete.
    Request(RuleContext<'_, &Handshake>) => request, fatal: false;
    /// The same, but the check compares it with other connections.
    CompareRequest(ComparisonContext<'_, &Handshake>) => compare_request, fatal: false;
    /// Every handshake that has ended, with its response or without.
    Response(RuleContext<'_, &Handshake>) => response, fatal: false;
    /// The same, but the check depends on what was found by comparing requests.
    CompareResponse(ComparisonContext<'_, &Handshake>) => compare_response, fatal: false;
    /// Anything else that happens on a connection: gaps, lost boundaries, limits.
    Incident(RuleContext<'_, &ConnectionEvent<'_>>) => incident, fatal: false;
    /// Every connection that matters, when it or the capture ends.
    End(RuleContext<'_, Ending>) => end, fatal: false;
    /// The same, but the check compares it with other connections.
    CompareEnd(ComparisonContext<'_, EndSeen<'_>>) => compare_end, fatal: false;
    /// Every connection, when it or the capture ends, after all rules: whether a cause holds. Of those that
    /// hold, the one with the lowest rank is reported.
    Cause(CauseContext<'_>) => cause, fatal: false;
    /// What several connections show together: all of them when the capture ends; if it is captured live, also
    /// those around a connection as soon as something of that may belong to what others have shown.
    Group(GroupContext<'_>) => group, fatal: false;
    /// Once, when the capture ends.
    Capture(CaptureContext<'_>) => capture, fatal: false;
}
