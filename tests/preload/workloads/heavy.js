// Node's own C++ side, zlib, OpenSSL, array buffers and worker threads use malloc; V8's heap does
// not. What is printed depends on nothing but this file.
'use strict';
const assert = require('assert');
const crypto = require('crypto');
const fs = require('fs');
const os = require('os');
const path = require('path');
const vm = require('vm');
const zlib = require('zlib');
const { Worker, isMainThread, parentPort, workerData } = require('worker_threads');

const sha = (data) => crypto.createHash('sha256').update(data).digest('hex').slice(0, 16);

function* pseudoRandom(seed) {
  let state = seed;
  for (;;) {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    yield state >> 8;
  }
}

function take(random) {
  return random.next().value;
}

function buffers(rounds) {
  const random = pseudoRandom(7);
  const live = new Array(200).fill(null);
  const hash = crypto.createHash('sha256');
  for (let i = 0; i < rounds; ++i) {
    const slot = take(random) % live.length;
    if (live[slot]) {
      const old = live[slot];
      assert.strictEqual(old[0], old.length & 255);
      assert.strictEqual(old[old.length - 1], old.length & 255);
      if (i % 64 === 0) hash.update(old);
    }
    const size = 1 + take(random) % (i % 100 === 0 ? 400000 : 9000);
    const zeroed = Buffer.alloc(size);  // calloc below: it must be zero
    assert(zeroed.every((byte) => byte === 0));
    live[slot] = (i % 2 ? Buffer.allocUnsafeSlow(size) : zeroed).fill(size & 255);
  }
  return hash.digest('hex').slice(0, 16);
}

function collections() {
  const random = pseudoRandom(11);
  const map = new Map();
  for (let i = 0; i < 300000; ++i) {
    const key = `key-${take(random) % 30000}`;
    map.set(key, (map.get(key) || []).concat(i).slice(-5));
  }
  const text = JSON.stringify([...map].sort());
  assert.deepStrictEqual(JSON.parse(text).length, map.size);
  return `${map.size} ${sha(text)}`;
}

function compression() {
  const random = pseudoRandom(13);
  const words = Array.from({ length: 60000 }, () => `word${take(random) % 700}`);
  const data = Buffer.from(words.join(' '));
  const sizes = [];
  for (const level of [1, 6, 9]) {
    const packed = zlib.deflateSync(data, { level });
    assert(zlib.inflateSync(packed).equals(data));
    sizes.push(packed.length);
  }
  const brotli = zlib.brotliCompressSync(data, { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 5 } });
  assert(zlib.brotliDecompressSync(brotli).equals(data));
  return `${data.length} ${sizes} ${brotli.length}`;
}

function cryptography() {
  const key = crypto.scryptSync('password', 'salt', 32, { N: 4096 });
  const out = [];
  for (let i = 0; i < 400; ++i) {
    const cipher = crypto.createCipheriv('aes-256-gcm', key, Buffer.alloc(12, i));
    out.push(cipher.update(Buffer.alloc(i * 17 + 1, i)), cipher.final(), cipher.getAuthTag());
  }
  const { privateKey, publicKey } = crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const signature = crypto.sign('sha256', out[0], privateKey);
  assert(crypto.verify('sha256', out[0], publicKey, signature));
  return sha(Buffer.concat(out));
}

function contexts() {
  let sum = 0;
  for (let i = 0; i < 40; ++i) {
    const context = vm.createContext({ i, out: [] });
    vm.runInContext('for (let k = 0; k < 1000; ++k) out.push(`${k * i}`.padStart(12, "0"));', context);
    sum += context.out.reduce((total, text) => total + Number(text), 0);
  }
  return sum;
}

async function files() {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'node-'));
  await Promise.all(Array.from({ length: 300 }, async (_, i) => {
    const name = path.join(directory, `file-${i}`);
    await fs.promises.writeFile(name, Buffer.alloc(i * 100, i));
    const back = await fs.promises.readFile(name);
    assert(back.length === i * 100 && back.every((byte) => byte === (i & 255)));
  }));
  const names = (await fs.promises.readdir(directory)).length;
  fs.rmSync(directory, { recursive: true });
  return names;
}

function worker(number) {
  return new Promise((resolve, reject) => {
    const child = new Worker(__filename, { workerData: number });
    let answer = null;
    child.on('message', (message) => { answer = Buffer.from(message); });
    child.on('error', reject);
    child.on('exit', (code) => resolve(`${code}:${sha(answer)}`));
  });
}

async function main() {
  console.log('buffers', buffers(6000));
  console.log('collections', collections());
  console.log('compression', compression());
  console.log('cryptography', cryptography());
  console.log('contexts', contexts());
  console.log('files', await files());
  console.log('workers', (await Promise.all([1, 2, 3, 4, 5, 6].map(worker))).join(' '));
}

if (isMainThread) {
  main();
} else {
  const answer = new Uint8Array(500000).map((_, i) => i * workerData);
  buffers(500);
  parentPort.postMessage(answer.buffer, [answer.buffer]);
}
