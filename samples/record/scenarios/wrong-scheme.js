// A server for each scheme, and a client that gets them right once and wrong twice: wrong-scheme.js PLAIN SECURE
'use strict';
const fs = require('node:fs');
const http = require('node:http');
const https = require('node:https');
const { log, address, WebSocket } = require('../ws-log.js');

const [plain, secure] = process.argv.slice(2).map(Number);

function serve(server, port) {
  // Of a page, and of a WebSocket, nothing is logged: neither is to be seen in the capture.
  new WebSocket.Server({ server }).on('connection', (ws) => ws.on('message', (data) => ws.send(data.toString())));
  return new Promise((resolve) => server.listen(port, '127.0.0.1', () => resolve(server)));
}

function attempt(url) {
  return new Promise((resolve) => {
    const ws = new WebSocket(url);
    let client = null;
    ws.on('open', () => {
      client = address(ws._socket.localAddress, ws._socket.localPort);
      ws.send('nobody can read this');
    });
    ws.on('message', () => ws.close(1000));
    ws.on('error', (error) => resolve({ client, error: error.code }));
    ws.on('close', () => resolve({ client }));
  });
}

async function tell(url, port, outcome, expected) {
  const { client, error } = await attempt(url);
  if (error !== expected) throw new Error(`${url}: ${error}`);
  // Only of a request in the clear something is to be seen.
  const handshake = url.startsWith('ws:') ? { target: new URL(url).pathname, status: null } : undefined;
  const fields = { outcome, handshake };
  log({ event: 'note', side: 'client', client, server: address('127.0.0.1', port), fields });
}

(async () => {
  const pair = { cert: fs.readFileSync('cert.pem'), key: fs.readFileSync('key.pem') };
  const servers = [await serve(http.createServer(), plain), await serve(https.createServer(pair), secure)];
  await tell(`wss://127.0.0.1:${secure}/chat`, secure, 'undecodable');
  await tell(`wss://127.0.0.1:${plain}/chat`, plain, 'aborted', 'EPROTO');
  await tell(`ws://127.0.0.1:${secure}/chat`, secure, 'timeout', 'ECONNRESET');
  servers.forEach((server) => server.close());
})();
