//! What a part of a text is; printed output and the screen have a look for each.

/// What something means, from which follows how it looks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Role {
    /// Ordinary text.
    Text,
    /// Of less interest.
    Dim,
    /// The frame of a pane.
    Border,
    /// The frame of the pane that has the focus.
    Focused,
    /// A heading.
    Title,
    /// The line under the cursor, where its pane has the focus.
    Selected,
    /// The line under the cursor, elsewhere.
    Chosen,
    /// What the client sent.
    Client,
    /// What the server sent.
    Server,
    /// A broken rule, or a failure.
    Error,
    /// A warning.
    Warning,
    /// A note.
    Note,
    /// All is well.
    Good,
    /// A text message.
    TextMessage,
    /// A binary message.
    BinaryMessage,
    /// A control frame.
    ControlFrame,
    /// A handshake.
    Handshake,
    /// A key to press.
    Key,
    /// What was searched for.
    Match,
    /// The key of a JSON object.
    JsonKey,
    /// A JSON string.
    JsonString,
    /// A JSON number.
    JsonNumber,
    /// `true`, `false`, `null`.
    JsonLiteral,
    /// Bits and bytes of a frame header: FIN and RSV.
    HeaderFlags,
    /// The opcode.
    HeaderOpcode,
    /// The MASK bit and the masking key.
    HeaderMask,
    /// The length.
    HeaderLength,
    /// The payload.
    Payload,
}
