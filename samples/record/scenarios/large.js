'use strict';
const crypto = require('node:crypto');
const { connect } = require('../ws-client.js');

(async () => {
  const { ws, say, hear, close } = await connect('ws://127.0.0.1:8110/upload');
  // Bytes that do not repeat and are the same each time.
  const bytes = crypto.createCipheriv('aes-128-ctr', Buffer.alloc(16), Buffer.alloc(16)).update(Buffer.alloc(60_000));
  for (let part = 0; part < 12; part += 1) {
    if (part === 6) ws.ping('half');
    ws.send(bytes.subarray(part * 5000, part * 5000 + 5000), { fin: part === 11 });
  }
  await hear();
  say(Array.from({ length: 7_000 }, (_, i) => `line ${String(i).padStart(4, '0')}\n`).join(''));
  await hear();
  await close(1000);
})();
