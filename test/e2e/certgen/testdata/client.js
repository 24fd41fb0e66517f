// Connects and prints "ok" after a verified handshake: client.js CA PORT PROTOCOL.
const fs = require('fs'), tls = require('tls');
const [ca, port, protocol] = process.argv.slice(2);
const s = tls.connect({ host: 'localhost', port, ca: fs.readFileSync(ca), servername: 'localhost', minVersion: protocol, maxVersion: protocol }, () => {
  s.write('GET / HTTP/1.0\r\n\r\n');
});
s.on('data', () => { console.log('ok', s.getProtocol()); s.destroy(); process.exit(0); });
s.on('error', (e) => { console.log(e.code, e.message); process.exit(1); });
