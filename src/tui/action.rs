//! Everything that a key can ask for.

/// Makes the enum and the list of all its variants in one.
macro_rules! actions {
    ($($(#[doc = $text:literal])+ $name:ident),+ $(,)?) => {
        /// Something that a key asks for; what it means depends on the pane that has the focus.
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        pub enum Action {
            $($(#[doc = $text])+ $name),+
        }

        impl Action {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name),+];
        }
    };
}

actions! {
    /// One line up.
    Up,
    /// One line down.
    Down,
    /// One step to the left.
    Left,
    /// One step to the right.
    Right,
    /// A page up.
    PageUp,
    /// A page down.
    PageDown,
    /// Half a page up.
    HalfUp,
    /// Half a page down.
    HalfDown,
    /// To the first line.
    First,
    /// To the last line; of a live capture, stay there.
    Last,
    /// The focus goes to the next pane.
    NextPane,
    /// The focus goes to the previous pane.
    PreviousPane,
    /// Opens what the cursor is on.
    Open,
    /// Closes, cancels or goes back, whatever is nearest.
    Back,
    /// Ends the program.
    Quit,
    /// Shows all keys.
    Help,
    /// Hands the terminal back to the shell for a while.
    Suspend,
    /// Holds the view still while a live capture continues, or lets it continue.
    Pause,
    /// Ends reading or capturing; what was read stays.
    Stop,
    /// Draws everything anew.
    Redraw,
    /// Shows frames instead of messages, or messages again.
    ToggleFrames,
    /// Shows times absolutely, since the start, or since the row before.
    CycleTime,
    /// To the next error.
    NextError,
    /// To the previous error.
    PreviousError,
    /// To the next warning or error.
    NextWarning,
    /// To the previous warning or error.
    PreviousWarning,
    /// The next row of the timeline, whichever pane has the focus.
    NextRow,
    /// The previous row of the timeline.
    PreviousRow,
    /// To what answers this row, or what it answers.
    Partner,
    /// Asks what to look for.
    Search,
    /// To the next match.
    SearchNext,
    /// To the previous match.
    SearchPrevious,
    /// Asks which rows to show.
    Filter,
    /// Sets or takes away a bookmark.
    Bookmark,
    /// To the next bookmark.
    NextBookmark,
    /// Asks what to copy.
    Copy,
    /// Asks what to save.
    Save,
    /// Shows or hides the findings of the whole capture.
    Findings,
    /// Marks a connection, to show several.
    Mark,
    /// Shows the rows of all connections.
    ShowAll,
    /// Sorts by the next column.
    NextSort,
    /// Turns the order around.
    ReverseSort,
    /// Groups findings by rule, or by connection.
    ToggleGroups,
    /// The Message tab of the inspector.
    MessageTab,
    /// The Frame tab.
    FrameTab,
    /// The Hex tab.
    HexTab,
    /// The Handshake tab.
    HandshakeTab,
    /// The Findings tab.
    FindingsTab,
    /// The Connection tab.
    ConnectionTab,
    /// The next tab of the inspector.
    NextTab,
    /// The previous tab.
    PreviousTab,
    /// The next frame of the message.
    NextFrame,
    /// The previous frame of the message.
    PreviousFrame,
    /// Folds or unfolds what the cursor is on.
    Fold,
    /// Shows only messages with the JSON value that the cursor is on.
    FilterValue,
    /// Shows content as JSON, as text or as bytes, one after the other.
    NextForm,
    /// Accepts what was typed.
    Accept,
    /// Completes the word before the cursor.
    Complete,
}
