//! How keys change what is over the panes: help, findings, menus, and lines that are typed.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::timeline::filter::{self, Filter};
use crate::tui::action::Action;
use crate::tui::app::{App, Effect, Overlay, Pane};
use crate::tui::export::Outgoing;
use crate::tui::inspector;
use crate::tui::layout;
use crate::tui::prompt::{Prompt, PromptError, PromptPurpose};
use crate::tui::search::Needle;
use crate::tui::update::step;
use crate::tui::world::{Replace, Tone, World};

impl App {
    pub(super) fn update_overlay(&mut self, action: Action, world: World<'_>) -> Effect {
        match std::mem::take(&mut self.overlay) {
            Overlay::None => Effect::None,
            Overlay::Help => self.update_help(action),
            Overlay::Findings => self.update_findings(action, world),
            Overlay::Menu(mut menu) => {
                let items = menu.kind.items();
                let last = items.len().saturating_sub(1);
                match action {
                    Action::Up => menu.cursor = menu.cursor.saturating_sub(1),
                    Action::Down => menu.cursor = menu.cursor.saturating_add(1).min(last),
                    Action::Accept => {
                        let item = items.get(menu.cursor).map(|(_, item, _)| *item);
                        return item
                            .map_or(Effect::None, |item| self.take_out(menu.kind, item, world));
                    }
                    _ => return Effect::None,
                }
                self.overlay = Overlay::Menu(menu);
                Effect::None
            }
            Overlay::Prompt(mut prompt) => {
                match action {
                    Action::Accept => return self.accept(prompt, world),
                    Action::Complete => complete(&mut prompt),
                    Action::Up => prompt.recall(&self.history, 1),
                    Action::Down => prompt.recall(&self.history, -1),
                    _ => return Effect::None,
                }
                typed(&mut prompt);
                self.overlay = Overlay::Prompt(prompt);
                Effect::None
            }
        }
    }

    /// Takes a key that has no meaning of its own: a letter that is typed, or that chooses.
    pub(super) fn letter(&mut self, key: KeyEvent, world: World<'_>) -> Effect {
        match &mut self.overlay {
            Overlay::Menu(menu) => {
                let KeyCode::Char(letter) = key.code else { return Effect::None };
                let kind = menu.kind;
                let items = kind.items();
                let Some((_, item, _)) = items.iter().find(|(it, _, _)| *it == letter) else {
                    return Effect::None;
                };
                self.overlay = Overlay::None;
                self.take_out(kind, *item, world)
            }
            Overlay::Prompt(prompt) => {
                match prompt.purpose {
                    PromptPurpose::Overwrite { .. } => return self.answer(key),
                    PromptPurpose::Secrets { .. } => return self.answer_secrets(key),
                    _ => {}
                }
                if !key.modifiers.contains(KeyModifiers::ALT) || key.code != KeyCode::Enter {
                    prompt.edit(key);
                    typed(prompt);
                }
                if prompt.purpose == PromptPurpose::FilterConnections {
                    let text = prompt.text().to_owned();
                    self.connections.set_filter(&text);
                }
                Effect::None
            }
            Overlay::None | Overlay::Help | Overlay::Findings => Effect::None,
        }
    }

    fn update_help(&mut self, action: Action) -> Effect {
        let page = usize::from(self.layout.middle.height).saturating_sub(2).max(1);
        self.help_scroll = match action {
            Action::Up => self.help_scroll.saturating_sub(1),
            Action::Down => self.help_scroll.saturating_add(1),
            Action::PageUp => self.help_scroll.saturating_sub(page),
            Action::PageDown => self.help_scroll.saturating_add(page),
            Action::First => 0,
            Action::Back | Action::Help | Action::Open => return Effect::None,
            _ => self.help_scroll,
        };
        self.overlay = Overlay::Help;
        Effect::None
    }

    fn update_findings(&mut self, action: Action, world: World<'_>) -> Effect {
        let page = step(self.findings.height());
        match action {
            Action::Up => self.findings.move_by(-1),
            Action::Down => self.findings.move_by(1),
            Action::PageUp => self.findings.move_by(page.saturating_neg()),
            Action::PageDown => self.findings.move_by(page),
            Action::HalfUp => self.findings.move_by((page / 2).max(1).saturating_neg()),
            Action::HalfDown => self.findings.move_by((page / 2).max(1)),
            Action::First => self.findings.go(0),
            Action::Last => self.findings.go(usize::MAX),
            Action::ToggleGroups => self.findings.toggle_groups(),
            Action::NextRow => self.scroll_details(1, world),
            Action::PreviousRow => self.scroll_details(-1, world),
            Action::Back | Action::Findings => return Effect::None,
            Action::Open => {
                self.go_to_found(world);
                return Effect::None;
            }
            _ => {}
        }
        self.overlay = Overlay::Findings;
        Effect::None
    }

    /// Scrolls the explanation of the finding under the cursor.
    fn scroll_details(&mut self, by: isize, world: World<'_>) {
        let (_, below) = layout::findings(self.layout.middle, self.findings.len());
        let Some(found) = self.findings.current(world.timeline) else { return };
        let lines = inspector::details(found, usize::from(below.width), self.theme).lines.len();
        let room = usize::from(below.height.saturating_sub(1));
        self.findings.scroll_details(by, lines.saturating_sub(room));
    }

    /// Goes to the row that the finding under the cursor is about.
    fn go_to_found(&mut self, world: World<'_>) {
        let Some(found) = self.findings.current(world.timeline) else { return };
        let Some(row) = found.row else {
            self.say(Tone::Failed, "this is about the capture as a whole, not about a row");
            return;
        };
        let picked = self.rows.picked();
        if found.finding.connection.is_some_and(|it| !picked.is_empty() && !picked.contains(&it)) {
            self.rows.pick(Vec::new());
        }
        self.rows.seek(row);
        self.pane = Pane::Timeline;
    }

    fn accept(&mut self, prompt: Box<Prompt>, world: World<'_>) -> Effect {
        let text = prompt.text().to_owned();
        self.history.keep(&prompt.purpose, &text);
        match &prompt.purpose {
            PromptPurpose::Search => match Needle::parse(&text) {
                _ if text.is_empty() => {}
                Ok(needle) => self.search.start(needle, &self.rows),
                Err(error) => self.say(Tone::Failed, error),
            },
            PromptPurpose::SearchContent => {
                let mut state = std::mem::take(&mut self.inspector);
                let context = self.inspector_context(world.timeline);
                let found = inspector::search(&mut state, &text, &context);
                self.inspector = state;
                if let Err(error) = found {
                    self.say(Tone::Failed, error);
                }
            }
            PromptPurpose::Filter => match Filter::parse(&text) {
                _ if text.trim().is_empty() => self.rows.set_filter(None),
                Ok(filter) => self.rows.set_filter(Some(filter)),
                Err(_) => {
                    // The error is already shown below it.
                    self.overlay = Overlay::Prompt(prompt);
                }
            },
            PromptPurpose::FilterConnections => self.connections.set_filter(&text),
            PromptPurpose::Save(what) => {
                if !text.is_empty() {
                    return self.save(text, what.clone());
                }
            }
            PromptPurpose::Secrets { path, packets } => {
                let what = Outgoing::Packets(packets.clone());
                return Effect::Save { path: path.clone(), what, replace: Replace::Ask };
            }
            PromptPurpose::Overwrite { .. } => self.overlay = Overlay::Prompt(prompt),
        }
        Effect::None
    }

    /// Writes a file, after asking whether secrets are wanted in it.
    fn save(&mut self, path: String, what: Outgoing) -> Effect {
        match what {
            Outgoing::Packets(packets) if packets.is_decrypted() => {
                let purpose = PromptPurpose::Secrets { path, packets };
                self.overlay = Overlay::Prompt(Box::new(Prompt::new(purpose, String::new())));
                Effect::None
            }
            what => Effect::Save { path, what, replace: Replace::Ask },
        }
    }

    /// Takes the answer whether secrets are written as well. Only a clear yes is one, and other keys are none.
    fn answer_secrets(&mut self, key: KeyEvent) -> Effect {
        let Overlay::Prompt(prompt) = &self.overlay else { return Effect::None };
        let PromptPurpose::Secrets { path, packets } = &prompt.purpose else { return Effect::None };
        let packets = match key.code {
            KeyCode::Char('y' | 'Y') => packets.clone().with_secrets(),
            KeyCode::Char('n' | 'N') => packets.clone(),
            _ => return Effect::None,
        };
        let (path, what) = (path.clone(), Outgoing::Packets(packets));
        self.overlay = Overlay::None;
        Effect::Save { path, what, replace: Replace::Ask }
    }

    /// Takes the answer whether a file may be overwritten.
    fn answer(&mut self, key: KeyEvent) -> Effect {
        let Overlay::Prompt(prompt) = std::mem::take(&mut self.overlay) else {
            return Effect::None;
        };
        let PromptPurpose::Overwrite { path, what } = prompt.purpose else { return Effect::None };
        if matches!(key.code, KeyCode::Char('y' | 'Y')) {
            Effect::Save { path, what, replace: Replace::Yes }
        } else {
            self.say(Tone::Failed, "nothing was written");
            Effect::None
        }
    }
}

/// Looks at a line after it has changed: what is wrong with it, and what may be at the cursor.
pub(super) fn typed(prompt: &mut Prompt) {
    let text = prompt.text();
    match prompt.purpose {
        PromptPurpose::Filter => {
            let fault = Filter::parse(text).err().filter(|_| !text.trim().is_empty());
            let candidates = filter::complete(text, prompt.cursor());
            prompt.fault = fault.map(|it| PromptError { column: it.column, message: it.message });
            prompt.candidates = candidates;
        }
        PromptPurpose::Search => {
            let error = Needle::parse(text).err().filter(|_| !text.is_empty());
            prompt.fault = error.map(|message| PromptError { column: 0, message });
        }
        PromptPurpose::SearchContent
        | PromptPurpose::FilterConnections
        | PromptPurpose::Save(_)
        | PromptPurpose::Secrets { .. }
        | PromptPurpose::Overwrite { .. } => {}
    }
}

/// Completes the word before the cursor: with what all that fits has in common, or the first of it.
fn complete(prompt: &mut Prompt) {
    let Some(first) = prompt.candidates.first().cloned() else { return };
    let begun = first.replaces.len();
    let shared = prompt
        .candidates
        .iter()
        .filter(|it| it.replaces == first.replaces)
        .map(|it| common(&first.text, &it.text))
        .min()
        .unwrap_or(0);
    let text: String = if shared > begun {
        first.text.chars().take(shared).collect()
    } else {
        format!("{} ", first.text)
    };
    prompt.complete(first.replaces, &text);
}

/// How many characters two texts begin with alike.
fn common(left: &str, right: &str) -> usize {
    left.chars().zip(right.chars()).take_while(|(left, right)| left == right).count()
}
