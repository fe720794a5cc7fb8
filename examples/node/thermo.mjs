// A thermometer in a room, with nothing but zeromq and msgpack.
//
//     npm install && node thermo.mjs XSUB XPUB ROOM NICK [COUNT]
//     node thermo.mjs tcp://127.0.0.1:5011 tcp://127.0.0.1:5012 lobby thermo 3
//
// Publishes COUNT readings, each when the one before has come back, and prints what the room says until its own last
// reading has come back too. Exits 1 when that takes longer than ten seconds.

import { randomBytes } from "node:crypto";
import process from "node:process";
import { decode, encode } from "@msgpack/msgpack";
import { Subscriber, XPublisher } from "zeromq";

const DEADLINE_MS = 10_000;
const KNOCK_MS = 250;

const args = process.argv.slice(2);
if (args.length < 4 || args.length > 5) fail("usage: thermo.mjs XSUB XPUB ROOM NICK [COUNT]");
const [xsub, xpub, room, nick] = args;
const count = Number(args[4] ?? 3);
const runId = randomBytes(8).toString("hex");

// One bus frame: topic, NUL, msgpack map. One frame a message, never two.
function pack(kind, fields) {
  return Buffer.concat([Buffer.from(`${room}/${kind}\0`), encode({ type: kind, ...fields })]);
}

function unpack(frame) {
  const nul = frame.indexOf(0);
  return { topic: frame.toString("utf8", 0, nul), ...decode(frame.subarray(nul + 1)) };
}

// Text from strangers may hold escape codes; a terminal must not see them.
function show(text) {
  return text.replace(/\p{C}/gu, "?");
}

function fail(text) {
  console.error(text.startsWith("usage") ? text : `thermo: ${text}`);
  process.exit(1);
}

setTimeout(() => fail("no answer within ten seconds; is the broker there?"), DEADLINE_MS).unref();

const hear = new Subscriber({ linger: 0 });
hear.subscribe(`${room}/`); // with the slash: topics match by prefix, and `lobby` would hear `lobby2` too
hear.connect(xpub);

// A PUB drops what it sends before the other side's subscription has arrived, and says nothing. An XPUB is a PUB that
// shows the subscriptions: a frame that begins with 1. So it is waited for, never slept for.
const speak = new XPublisher({ linger: 0 });
speak.connect(xsub);
let [subscription] = await speak.receive();
while (subscription[0] !== 1) [subscription] = await speak.receive();

// Our own subscription has no receipt. So we knock with something programs may want to know, until we hear it.
const knocks = new Set();
async function knock() {
  const id = randomBytes(8).toString("hex");
  knocks.add(id);
  await speak.send(pack("data", { nick, id, value: { sensor: nick, unit: "C" } }));
}
const knocking = setInterval(knock, KNOCK_MS);
await knock();

let number = 0;
async function publish() {
  number += 1;
  await speak.send(pack("msg", { nick, id: `${runId}-${number}`, text: `${(21 + number / 10).toFixed(1)} C` }));
}

for await (const [frame] of hear) {
  const message = unpack(frame);
  if (number === 0 && knocks.has(message.id)) {
    clearInterval(knocking);
    if (count === 0) break;
    await publish();
  } else if (number > 0 && message.topic === `${room}/msg`) {
    console.log(`${show(message.nick)}: ${show(message.text)}`);
    // What comes back is stored: the echo is the acknowledgement.
    if (message.id !== `${runId}-${number}`) continue;
    if (number === count) break;
    await publish();
  }
}
hear.close();
speak.close();
