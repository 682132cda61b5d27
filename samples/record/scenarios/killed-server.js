'use strict';
const { connect } = require('../ws-client.js');

(async () => {
  const { say, hear, close } = await connect('ws://127.0.0.1:8118/jobs');
  for (const text of ['one', 'one more']) {
    say(text);
    await hear();
  }
  await close('wait');
})();
