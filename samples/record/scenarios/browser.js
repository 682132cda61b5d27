// Serves the page on 8103 and takes the page's own log on 8104, which is not recorded.
'use strict';
const http = require('node:http');
const fs = require('node:fs');
const path = require('node:path');
const { log, watch, ends, WebSocket } = require('../ws-log.js');

const page = fs.readFileSync(path.join(__dirname, 'browser.html'));
const server = http.createServer((request, response) => {
  const { localAddress, localPort, remoteAddress, remotePort } = request.socket;
  const who = ends({ localAddress, localPort, remoteAddress, remotePort }, 'server');
  log({ event: 'ended', side: 'server', ...who, outcome: 'not_websocket' });
  response.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8', 'Cache-Control': 'no-store' }).end(page);
});
const sockets = new WebSocket.Server({ server, path: '/live' });
let who;
sockets.on('connection', (ws, request) => {
  who = watch(ws, 'server', request.socket);
  log({ event: 'handshake', ...who, target: request.url, status: 101, subprotocol: ws.protocol || null, extensions: null });
  ws.on('message', (data, binary) => ws.send(data, { binary }));
});
server.listen(8103, '127.0.0.1');

http.createServer((request, response) => {
  let body = '';
  request.on('data', (data) => { body += data; });
  request.on('end', () => {
    for (const { event, ...rest } of JSON.parse(body)) log({ event, ...who, side: 'client', ...rest });
    response.writeHead(204, { 'Access-Control-Allow-Origin': '*' }).end();
  });
}).listen(8104, '127.0.0.1');
