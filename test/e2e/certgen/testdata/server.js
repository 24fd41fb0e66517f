// Serves to clients with a certificate: server.js CA CERT KEY PORT.
const fs = require('fs'), tls = require('tls');
const [ca, cert, key, port] = process.argv.slice(2);
const read = (f) => fs.readFileSync(f);
const l = tls.createServer({ ca: read(ca), cert: read(cert), key: read(key), requestCert: true, rejectUnauthorized: true }, (s) => {
  s.on('data', () => s.end('HTTP/1.0 200 OK\r\n\r\nok\n'));
  s.on('error', () => {});
});
l.on('tlsClientError', (e) => console.log('refused:', e.code, e.message));
l.listen(Number(port), '127.0.0.1');
