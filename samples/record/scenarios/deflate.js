'use strict';
const { connect } = require('../ws-client.js');

(async () => {
  const { ws, say, hear, close } = await connect('ws://127.0.0.1:8101/quotes', { perMessageDeflate: true });
  const quote = (number) => JSON.stringify({ type: 'quote', symbol: 'ACME', number, bid: 100 + number / 4, ask: 101 + number / 4 });
  for (let number = 1; number <= 6; number += 1) {
    say(quote(number));
    await hear();
  }
  say('this one is not compressed', { compress: false });
  await hear();
  say('');
  await hear();
  ws.send(quote(7), { fin: false });
  ws.send(quote(8), { fin: true });
  await hear();
  say('quote '.repeat(2000));
  await hear();
  await close(1000);
})();
