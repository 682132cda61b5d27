// Tries each URL in turn; where the server agrees, says one thing and leaves.
'use strict';
const { connect } = require('../ws-client.js');

(async () => {
  for (const argument of process.argv.slice(2)) {
    const [url, token] = argument.split(' ');
    const headers = token ? { Authorization: `Bearer ${token}` } : {};
    const connection = await connect(url, { headers });
    if (!connection) continue;
    connection.say('I am in');
    await connection.hear();
    await connection.close(1000);
  }
})();
