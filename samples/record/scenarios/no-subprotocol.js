// Offers a subprotocol, then none.
'use strict';
const { connect, pause } = require('../ws-client.js');

(async () => {
  for (const protocols of [['chat.v2'], []]) {
    const connection = await connect('ws://127.0.0.1:8171/chat', { protocols });
    await pause(50);
    if (!connection) continue;
    connection.say('I am in');
    await connection.hear();
    await connection.close(1000);
  }
})();
