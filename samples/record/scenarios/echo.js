'use strict';
const { connect } = require('../ws-client.js');

(async () => {
  const { ws, say, hear, pong, close } = await connect('ws://127.0.0.1:8100/chat?room=1', { protocols: ['echo.v2', 'echo.v1'] });
  const texts = ['hello', 'Grüße, мир, 世界 👋', '', 'x'.repeat(126)];
  for (const text of texts) {
    say(text);
    await hear();
  }
  say(Buffer.from('cafebabe00ff', 'hex'));
  await hear();
  say(Array.from({ length: 9000 }, (_, i) => String.fromCharCode(97 + ((i * i) % 26))).join(''));
  await hear();
  const answered = pong();
  ws.ping('are you there?');
  await answered;
  say('bye');
  await hear();
  await close(1000, 'done');
})();
