'use strict';
const { connect } = require('../ws-client.js');

(async () => {
  const connection = await connect(`ws://127.0.0.1:${process.argv[2]}/app/socket`);
  if (!connection) return;
  const { say, hear, close } = connection;
  say('through the proxy');
  await hear();
  say(Buffer.from('0102030405', 'hex'));
  await hear();
  say('z'.repeat(1500));
  await hear();
  await close(1000, 'bye');
})();
