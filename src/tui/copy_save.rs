//! What the menus do: to the clipboard, or to a file that the user names.

use crate::timeline::{OpenLimits, Opened, Row, RowKind, open};
use crate::tui::app::{App, Effect, Overlay};
use crate::tui::export::{Extract, Outgoing, SaveFormat, write_json};
use crate::tui::inspector;
use crate::tui::inspector::{InspectorContext, InspectorState, JsonValue};
use crate::tui::layout::InspectorPane;
use crate::tui::menu::{Item, MenuKind};
use crate::tui::overlay;
use crate::tui::prompt::{Prompt, PromptPurpose};
use crate::tui::world::{Tone, World};
use crate::websocket::{Digest, Opcode};

impl App {
    /// Copies or saves what was chosen.
    pub(super) fn take_out(&mut self, kind: MenuKind, item: Item, world: World<'_>) -> Effect {
        let Some(row) = self.current().and_then(|id| world.timeline.row(id)) else {
            self.say(Tone::Failed, "there is no row");
            return Effect::None;
        };
        match self.outgoing(item, &row, world) {
            Ok((name, outgoing)) => match (kind, outgoing) {
                (MenuKind::Copy, Outgoing::Bytes(bytes)) => return Effect::Copy(bytes),
                (MenuKind::Copy, Outgoing::Rows(_) | Outgoing::Packets(_)) => {}
                (MenuKind::Save, outgoing) => {
                    let prompt = Prompt::new(PromptPurpose::Save(outgoing), name);
                    self.overlay = Overlay::Prompt(Box::new(prompt));
                }
            },
            Err(why) => self.say(Tone::Failed, why),
        }
        Effect::None
    }

    /// What was chosen, and a name for its file.
    fn outgoing(
        &self,
        item: Item,
        row: &Row,
        world: World<'_>,
    ) -> Result<(String, Outgoing), String> {
        let name = format!("connection-{}", row.connection.0);
        let connection = world.timeline.connection(row.connection);
        match item {
            Item::Payload => {
                let opened = whole(row, world)?;
                let bytes = payload(row, opened);
                if bytes.is_empty() {
                    return Err("this row has no payload".to_owned());
                }
                Ok((
                    format!("{name}-packet-{}.{}", row.first.0, extension(row, &bytes)),
                    Outgoing::Bytes(bytes),
                ))
            }
            Item::Hex => {
                let wire = whole(row, world)?.wire;
                if wire.is_empty() {
                    return Err("this row has no bytes on the wire".to_owned());
                }
                let digits: Vec<String> = wire.iter().map(|byte| format!("{byte:02x}")).collect();
                Ok((format!("{name}.hex"), Outgoing::Bytes(digits.join(" ").into_bytes())))
            }
            Item::Json => {
                let opened = whole(row, world)?;
                let mut line = Vec::new();
                let keep = LIMITS.content;
                write_json(row, &opened, keep, &mut line);
                if line.is_empty() {
                    return Err("only messages can be written as JSON".to_owned());
                }
                line.pop();
                Ok((format!("{name}.json"), Outgoing::Bytes(line)))
            }
            Item::Value => {
                Ok((format!("{name}.json"), Outgoing::Bytes(self.value(row, world)?.json)))
            }
            Item::FilterOfValue => {
                let filter = self.value(row, world)?.filter.ok_or(NO_FILTER)?.to_string();
                Ok((format!("{name}.txt"), Outgoing::Bytes(filter.into_bytes())))
            }
            Item::FilterOfConnection => {
                let filter = format!("connection == {}", row.connection.0);
                Ok((format!("{name}.txt"), Outgoing::Bytes(filter.into_bytes())))
            }
            Item::RowsAsNdjson => {
                Ok((format!("{}.ndjson", self.stem()), Outgoing::Rows(SaveFormat::Ndjson)))
            }
            Item::RowsAsText => {
                Ok((format!("{}.txt", self.stem()), Outgoing::Rows(SaveFormat::Text)))
            }
            Item::Packets => {
                let connection = connection.ok_or("this row belongs to no connection")?;
                Ok((
                    format!("{name}.pcapng"),
                    Outgoing::Packets(Extract::of(connection, world.timeline)),
                ))
            }
        }
    }

    /// The JSON value under the cursor of the inspector; the whole of the row where it is closed.
    fn value(&self, row: &Row, world: World<'_>) -> Result<JsonValue, String> {
        let context = self.inspector_context(world.timeline);
        if self.inspecting == InspectorPane::Open && context.opened.is_some() {
            return inspector::value(&self.inspector, &context).map_err(str::to_owned);
        }
        let opened = whole(row, world)?;
        let context = InspectorContext { opened: Some(&opened), ..context };
        let mut state = InspectorState::default();
        inspector::select(&mut state, &context);
        inspector::value(&state, &context).map_err(str::to_owned)
    }

    /// Shows only messages with the JSON value under the cursor of the inspector: the filter is there
    /// to be changed before it is accepted.
    pub(super) fn filter_value(&mut self, world: World<'_>) {
        let row = self.current().and_then(|id| world.timeline.row(id));
        let value = row.ok_or_else(|| "there is no row".to_owned());
        let filter = value
            .and_then(|row| self.value(&row, world))
            .and_then(|value| value.filter.ok_or_else(|| NO_FILTER.to_owned()));
        match filter {
            Ok(filter) => {
                let text = match self.rows.filter() {
                    Some(before) => format!("({before}) and {filter}"),
                    None => filter.to_string(),
                };
                let mut prompt = Prompt::new(PromptPurpose::Filter, text);
                overlay::typed(&mut prompt);
                self.overlay = Overlay::Prompt(Box::new(prompt));
            }
            Err(why) => self.say(Tone::Failed, why),
        }
    }

    /// The capture's name without folders and endings.
    fn stem(&self) -> &str {
        let name = self.name.rsplit(['/', '\\']).next().unwrap_or(&self.name);
        name.split('.').next().filter(|stem| !stem.is_empty()).unwrap_or("messages")
    }
}

fn whole(row: &Row, world: World<'_>) -> Result<Opened, String> {
    let opened = open(world.timeline, row.id, world.store, LIMITS);
    let opened = opened.map_err(|error| error.to_string())?;
    if opened.cut {
        return Err(
            "this message is too large to be exported here; use wslens print --format ndjson"
                .to_owned(),
        );
    }
    Ok(opened)
}

/// The content of a message; the heads of a handshake; else the bytes as they are.
fn payload(row: &Row, opened: Opened) -> Vec<u8> {
    let has_content = matches!(row.kind, RowKind::Message(_) | RowKind::Frame { .. });
    if has_content { opened.content } else { opened.wire }
}

/// The ending of a file's name that suits its content.
fn extension(row: &Row, content: &[u8]) -> &'static str {
    let is_json = matches!(content.first(), Some(b'{' | b'['));
    match row.opcode() {
        Some(Opcode::Text) if is_json => "json",
        Some(Opcode::Binary) => "bin",
        Some(Opcode::Text | Opcode::Continuation | Opcode::Close | Opcode::Ping | Opcode::Pong)
        | None => "txt",
    }
}

/// Why there is no filter for a value.
const NO_FILTER: &str = "filters look only into messages that are JSON as a whole";

/// What is taken out at most, in bytes: it passes through memory.
const LIMITS: OpenLimits = OpenLimits {
    content: 256 << 20,
    wire: 300 << 20,
    carried: 0,
    inflated_bytes: 256 << 20,
    digest: Digest::Unwanted,
};
