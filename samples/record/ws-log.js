// What node's ws really sent and received, one JSON object a line appended to $WSLOG.
//
// Every message leaves through ws.Sender, also the Pongs and Closes that the library sends by itself, so that is where
// they are written down. What arrives is written down from the library's events. truth.py compares the two.
'use strict';
const fs = require('node:fs');
const crypto = require('node:crypto');
const net = require('node:net');
const WebSocket = require('ws');

const SHORT = 200; // longer contents are given by their hash

function log(event) {
  fs.appendFileSync(process.env.WSLOG, `${JSON.stringify(event)}\n`);
}

function message(opcode, data, more = {}) {
  const bytes = Buffer.from(data ?? '');
  const entry = { opcode, length: bytes.length };
  if (opcode === 'close') {
    entry.close_code = bytes.length >= 2 ? bytes.readUInt16BE(0) : null;
    entry.close_reason = bytes.subarray(2).toString();
  } else if (bytes.length > SHORT) {
    entry.sha256 = crypto.createHash('sha256').update(bytes).digest('hex');
  } else if (opcode === 'text') {
    entry.text = bytes.toString();
  } else {
    entry.base64 = bytes.toString('base64');
  }
  return { ...entry, ...more };
}

function closeBody(code, reason) {
  if (code === undefined) return Buffer.alloc(0);
  const text = Buffer.from(reason ?? '');
  const body = Buffer.alloc(2 + text.length);
  body.writeUInt16BE(code, 0);
  text.copy(body, 2);
  return body;
}

function address(host, port) {
  return net.isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
}

// The two ends of a socket of ours: {client, server}.
function ends(socket, side) {
  const local = address(socket.localAddress, socket.localPort);
  const remote = address(socket.remoteAddress, socket.remotePort);
  return side === 'client' ? { client: local, server: remote } : { client: remote, server: local };
}

const watched = new WeakMap(); // Sender -> {side, client, server}
const earlier = new WeakMap(); // Sender -> fragments of the message that is being sent

function sent(sender, entry) {
  const who = watched.get(sender);
  if (who) log({ event: 'sent', ...who, message: entry });
}

const { send, ping, pong, close } = WebSocket.Sender.prototype;
Object.assign(WebSocket.Sender.prototype, {
  send(data, options, callback) {
    const fragments = [...(earlier.get(this) ?? []), Buffer.from(data)];
    send.call(this, data, options, callback);
    if (!options.fin) return void earlier.set(this, fragments);
    earlier.delete(this);
    const more = { compressed: Boolean(this._compress), frames: fragments.length };
    sent(this, message(options.binary ? 'binary' : 'text', Buffer.concat(fragments), more));
  },
  ping(data, ...rest) {
    sent(this, message('ping', data));
    ping.call(this, data, ...rest);
  },
  pong(data, ...rest) {
    sent(this, message('pong', data));
    pong.call(this, data, ...rest);
  },
  close(code, reason, ...rest) {
    sent(this, message('close', closeBody(code, reason)));
    close.call(this, code, reason, ...rest);
  },
});

// Writes down everything that happens on this WebSocket from now on.
function watch(ws, side, socket) {
  const who = { side, ...ends(socket, side) };
  watched.set(ws._sender, who);
  const received = (entry) => log({ event: 'received', ...who, message: entry });
  ws.on('message', (data, binary) => received(message(binary ? 'binary' : 'text', data)));
  ws.on('ping', (data) => received(message('ping', data)));
  ws.on('pong', (data) => received(message('pong', data)));
  ws.on('close', (code, reason) => {
    if (ws._closeFrameReceived) received(message('close', closeBody(code === 1005 ? undefined : code, reason)));
    log({ event: 'ended', ...who, code, outcome: ws._closeFrameReceived && ws._closeFrameSent ? 'closed' : 'aborted' });
  });
  ws.on('error', (error) => log({ event: 'error', ...who, error: error.message }));
  return who;
}

module.exports = { log, watch, ends, message, address, WebSocket };
