// An echo server made with node's ws: ws-server.js PORT [OPTIONS-AS-JSON]
//   host        address to listen on                   deflate   options of permessage-deflate, or true
//   path        the only path that is served           token     the Authorization header it asks for
//   heartbeat   [milliseconds, count] of its Pings     digest    answers long messages with their SHA-256
//   cert, key   files: speak TLS                       protocol  the subprotocol it knows
'use strict';
const fs = require('node:fs');
const http = require('node:http');
const https = require('node:https');
const crypto = require('node:crypto');
const { log, watch, ends, WebSocket } = require('./ws-log.js');

const port = Number(process.argv[2]);
const options = JSON.parse(process.argv[3] ?? '{}');
const server = options.cert
  ? https.createServer({ cert: fs.readFileSync(options.cert), key: fs.readFileSync(options.key) })
  : http.createServer();

// A request without Upgrade.
server.on('request', (request, response) => {
  log({ event: 'rejected', side: 'server', ...ends(request.socket, 'server'), target: request.url, status: 426 });
  response.writeHead(426, { Upgrade: 'websocket', Connection: 'Upgrade' }).end('Upgrade Required');
});

const sockets = new WebSocket.Server({
  noServer: true,
  perMessageDeflate: options.deflate ?? false,
  handleProtocols: (offered) => (offered.has(options.protocol) ? options.protocol : false),
});

server.on('upgrade', (request, socket, head) => {
  const refuse = (status, ...headers) => {
    const body = `${http.STATUS_CODES[status]}\n`;
    socket.end([`HTTP/1.1 ${status} ${http.STATUS_CODES[status]}`, 'Connection: close', 'Content-Type: text/plain',
      `Content-Length: ${body.length}`, ...headers, '', body].join('\r\n'));
  };
  if (options.path && new URL(request.url, 'ws://any').pathname !== options.path) return refuse(404);
  if (options.token && request.headers.authorization !== `Bearer ${options.token}`) {
    return refuse(401, 'WWW-Authenticate: Bearer realm="samples"');
  }
  sockets.handleUpgrade(request, socket, head, (ws) => serve(ws, socket));
});

function serve(ws, socket) {
  watch(ws, 'server', socket);
  ws.on('message', (data, binary) => {
    if (options.digest && data.length > 200) ws.send(`sha256 ${crypto.createHash('sha256').update(data).digest('hex')}`);
    else ws.send(data, { binary });
  });
  if (options.heartbeat) {
    const [interval, count] = options.heartbeat;
    let beats = 0;
    const timer = setInterval(() => {
      if (beats === count) ws.close(1001, 'going away');
      else ws.ping(`beat ${beats += 1}`);
      if (ws.readyState !== WebSocket.OPEN) clearInterval(timer);
    }, interval);
  }
}

server.listen(port, options.host ?? '127.0.0.1');
