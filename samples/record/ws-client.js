// A client made with node's ws: connect(), then say() and hear() one after the other.
'use strict';
const { log, watch, ends, address, WebSocket } = require('./ws-log.js');

// Connects and answers {ws, say, hear, pong, close}; null where the server did not agree (that is logged).
function connect(url, { protocols = [], ...options } = {}) {
  return new Promise((resolve) => {
    const ws = new WebSocket(url, protocols, { perMessageDeflate: false, ...options });
    const { hostname, port, pathname, search } = new URL(url);
    const target = pathname + search;
    const server = address(hostname.replace(/[[\]]/g, ''), port);
    const heard = [];
    const waiting = [];
    ws.on('upgrade', (response) => {
      log({
        event: 'handshake', side: 'client', ...ends(response.socket, 'client'), target, status: response.statusCode,
        subprotocol: response.headers['sec-websocket-protocol'] ?? null,
        extensions: response.headers['sec-websocket-extensions'] ?? null,
      });
    });
    ws.on('unexpected-response', (request, response) => {
      log({ event: 'rejected', side: 'client', ...ends(request.socket, 'client'), target, status: response.statusCode });
      const { socket } = response;
      response.resume().on('end', () => {
        socket.end(); // a proxy may keep the connection for the next request
        resolve(null);
      });
    });
    ws.on('error', (error) => {
      // The port of an attempt that failed is not known to the program.
      if (error.code) log({ event: 'failed', side: 'client', client: null, server, error: error.code });
      resolve(null);
    });
    ws.on('message', (data) => (waiting.length ? waiting.shift()(data) : heard.push(data)));
    ws.on('open', () => {
      watch(ws, 'client', ws._socket);
      resolve({
        ws,
        say: (data, how = {}) => ws.send(data, how),
        hear: () => new Promise((next) => (heard.length ? next(heard.shift()) : waiting.push(next))),
        pong: () => new Promise((next) => ws.once('pong', next)),
        close: (code, reason) => new Promise((next) => {
          ws.once('close', next);
          if (code !== 'wait') ws.close(code, reason);
        }),
      });
    });
  });
}

const pause = (ms) => new Promise((next) => setTimeout(next, ms));

module.exports = { connect, pause, WebSocket };
