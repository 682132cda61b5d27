//! The options of live capture, and opening interfaces.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::quantity;
use super::record::{RecordArgs, recorded};
use super::run::{CommandRights, LaunchedCommand};
use crate::capture::PacketSource;
use crate::capture::live::privileges::{User, unprivileged_user};
use crate::capture::live::{
    self, BUFFER_LENGTH, CaptureOptions, CaptureScope, SNAP_LENGTH, SocketOwners,
};

/// What to capture, and how.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct LiveArgs {
    /// Capture live on this network interface
    ///
    /// wslens interfaces lists them; any means all of them (Linux). Can be repeated. Usually needs
    /// privileges (sudo), which are dropped before the first packet is read.
    #[arg(short, long = "interface", id = "interface", value_name = "INTERFACE", help_heading = LIVE)]
    interfaces: Vec<String>,

    /// Capture only packets that match, in tcpdump's syntax
    ///
    /// For example 'tcp port 8080'. See man pcap-filter.
    #[arg(short, long, value_name = "FILTER", help_heading = LIVE)]
    filter: Option<String>,

    /// Stop after this time, for example 10s, 5m or 1h
    #[arg(long, value_name = "TIME", value_parser = quantity::duration, help_heading = LIVE)]
    duration: Option<Duration>,

    /// Capture only packets from or to this machine
    #[arg(short = 'p', long, help_heading = LIVE)]
    no_promiscuous: bool,

    /// Capture at most this many bytes of each packet; 0 for the maximum
    #[arg(short, long, value_name = "BYTES", default_value_t = SNAP_LENGTH, help_heading = LIVE)]
    #[arg(value_parser = clap::value_parser!(u32).range(0..=i64::from(SNAP_LENGTH)))]
    snap_length: u32,

    /// Kernel buffer for each interface, in MiB
    #[arg(short = 'B', long, value_name = "MIB", default_value_t = BUFFER_LENGTH >> 20)]
    #[arg(help_heading = LIVE)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=i64::from(BUFFER_LIMIT)))]
    buffer: u32,

    /// Stay root if started by root
    ///
    /// Otherwise wslens switches to the user who called sudo, or to nobody, before it reads the first
    /// packet.
    #[arg(long, help_heading = LIVE)]
    keep_rights: bool,

    /// The command that runs while packets are captured (`wslens run`).
    #[arg(skip)]
    command: Option<LaunchedCommand>,
}

impl LiveArgs {
    /// The interfaces to capture on.
    pub(super) fn interfaces(&self) -> &[String] {
        &self.interfaces
    }

    /// Captures while a command runs, on an interface if none is given.
    pub(super) fn run(&mut self, command: LaunchedCommand, interface: String) {
        if self.interfaces.is_empty() {
            self.interfaces.push(interface);
        }
        self.command = Some(command);
    }

    /// The command that runs while packets are captured.
    pub(super) fn command(&self) -> Option<&LaunchedCommand> {
        self.command.as_ref()
    }

    /// To whom the process switches before it reads packets.
    pub(super) fn user(&self) -> Option<User> {
        if self.keep_rights { None } else { unprivileged_user() }
    }

    /// The first option given that applies to live capture only.
    pub(super) fn first_live_only_option(&self) -> Option<&'static str> {
        let given = [
            ("--filter", self.filter.is_some()),
            ("--duration", self.duration.is_some()),
            ("--no-promiscuous", self.no_promiscuous),
            ("--snap-length", self.snap_length != SNAP_LENGTH),
            ("--buffer", self.buffer != BUFFER_LENGTH >> 20),
            ("--keep-rights", self.keep_rights),
        ];
        given.iter().find(|(_, given)| *given).map(|(name, _)| *name)
    }

    /// Opens the interfaces, creates the output file, looks who owns the sockets of this machine, drops root
    /// privileges, and starts to capture until `stop` is set, in this order.
    ///
    /// # Errors
    ///
    /// As [`live::open`], [`RecordArgs::output`] and [`switch_to`](live::privileges::User::switch_to).
    pub(super) fn open(
        &self,
        record: &RecordArgs,
        stop: &Arc<AtomicBool>,
    ) -> anyhow::Result<(Box<dyn PacketSource + Send>, Option<SocketOwners>)> {
        let options = self.options();
        let opened = live::open(&self.interfaces, &options)?;
        let output = record.output(&[])?;
        let owners = SocketOwners::start(live::addresses());
        let user = self.user();
        let command = self.command.as_ref();
        // Whoever started this as root, not by sudo, has the rights of root.
        if command.is_some()
            && self.keep_rights
            && unprivileged_user().as_ref().is_some_and(User::is_caller)
        {
            anyhow::bail!("--keep-rights would give the command the rights of root; leave it out");
        }
        let is_callers = user.as_ref().is_some_and(User::is_caller);
        if let Some(command) = command.filter(|_| !is_callers) {
            let rights = if user.is_some() { CommandRights::Ours } else { CommandRights::Same };
            command.start(rights, stop)?;
        }
        match (&user, &output) {
            (Some(user), Some(output)) => output.hand_over(user, || user.switch_to())?,
            (Some(user), None) => user.switch_to()?,
            (None, _) => {}
        }
        if let (Some(command), Some(user)) = (command, user.filter(|_| is_callers)) {
            command.start(CommandRights::Caller(&user), stop)?;
        }
        let interfaces = opened.interfaces().to_vec();
        let source = opened.start(&options, stop)?;
        Ok((recorded(source, interfaces, output)?, owners))
    }

    fn options(&self) -> CaptureOptions {
        CaptureOptions {
            filter: self.filter.clone(),
            scope: if self.no_promiscuous { CaptureScope::Own } else { CaptureScope::Promiscuous },
            snap_length: if self.snap_length == 0 { SNAP_LENGTH } else { self.snap_length },
            buffer_length: self.buffer.saturating_mul(1 << 20),
            duration: self.duration,
        }
    }
}

/// The heading of these options in the help.
const LIVE: &str = "Live capture";

/// The largest buffer, in MiB: libpcap counts its bytes in 31 bits.
const BUFFER_LIMIT: u32 = 2047;
