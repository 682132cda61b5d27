'use strict';
const { connect } = require('../ws-client.js');

(async () => {
  const { say, hear, close } = await connect('ws://[::1]:8112/six');
  for (const text of ['over IPv6', 'and back']) {
    say(text);
    await hear();
  }
  await close();
})();
