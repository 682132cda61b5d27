// Says one thing, hears the echo, and waits until somebody ends the connection.
'use strict';
const { connect } = require('../ws-client.js');

(async () => {
  const connection = await connect(`ws://127.0.0.1:${process.argv[2]}/app/socket`);
  if (!connection) return;
  const { say, hear, close } = connection;
  say('nothing more to say');
  await hear();
  await close('wait');
})();
