'use strict';
const { connect } = require('../ws-client.js');

(async () => {
  for (const url of process.argv.slice(2)) {
    const { say, hear, close } = await connect(url, { rejectUnauthorized: false });
    for (const text of ['one', 'two', 'three']) {
      say(`${text} to ${new URL(url).pathname}`);
      await hear();
    }
    await close(1000, 'three');
  }
})();
