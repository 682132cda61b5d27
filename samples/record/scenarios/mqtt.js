'use strict';
const { log, watch, ends, WebSocket } = require('../ws-log.js');
const mqtt = require('mqtt');

const client = mqtt.connect('ws://127.0.0.1:8109/mqtt', {
  protocolVersion: 4,
  clientId: 'sample',
  reconnectPeriod: 0,
  createWebsocket: (url, protocols) => {
    const ws = new WebSocket(url, protocols, { perMessageDeflate: false });
    ws.on('upgrade', (response) => log({
      event: 'handshake', side: 'client', ...ends(response.socket, 'client'), target: new URL(url).pathname,
      status: response.statusCode, subprotocol: response.headers['sec-websocket-protocol'], extensions: null,
    }));
    ws.on('open', () => watch(ws, 'client', ws._socket));
    return ws;
  },
});

client.on('connect', async () => {
  await client.subscribeAsync('samples/#', { qos: 1 });
  const arrived = new Promise((next) => client.once('message', next));
  await client.publishAsync('samples/temperature', JSON.stringify({ celsius: 21.5 }), { qos: 1 });
  await arrived;
  await new Promise((next) => setTimeout(next, 200));
  await client.endAsync();
});
