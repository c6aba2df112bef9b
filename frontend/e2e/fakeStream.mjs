// A stream server that speaks our protocol at a rate of its own choice, in front of a real stack for everything else.
import { createHash } from "node:crypto";
import { createServer, connect } from "node:net";

const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

function frame(text) {
  const body = Buffer.from(text);
  const head = body.length < 126 ? Buffer.from([0x81, body.length]) : body.length < 65536 ? Buffer.from([0x81, 126, 0, 0]) : Buffer.from([0x81, 127, 0, 0, 0, 0, 0, 0, 0, 0]);
  if (head.length === 4) head.writeUInt16BE(body.length, 2);
  if (head.length === 10) head.writeBigUInt64BE(BigInt(body.length), 2);
  return Buffer.concat([head, body]);
}

/** Texts of the masked frames in `bytes`, and what is left of an unfinished one. */
function unframe(bytes) {
  const texts = [];
  for (;;) {
    if (bytes.length < 6) return { texts, rest: bytes };
    const short = bytes[1] & 127;
    const start = short === 126 ? 4 : 2;
    const size = short === 126 ? bytes.readUInt16BE(2) : short;
    if (bytes.length < start + 4 + size) return { texts, rest: bytes };
    const mask = bytes.subarray(start, start + 4);
    const body = Buffer.from(bytes.subarray(start + 4, start + 4 + size).map((byte, i) => byte ^ mask[i % 4]));
    if ((bytes[0] & 15) === 1) texts.push(body.toString());
    bytes = bytes.subarray(start + 4 + size);
  }
}

/**
 * @param url the stack that answers everything but the stream.
 * @param messages called every `everyMs`; what it returns is sent as one frame.
 */
export async function fakeStream(url, messages, everyMs) {
  const { hostname, port } = new URL(url);
  const sockets = new Set();
  const speakers = new Set();
  const server = createServer((near) => {
    sockets.add(near);
    near.on("close", () => sockets.delete(near)).on("error", () => near.destroy());
    near.once("data", (first) => {
      const key = first.toString().startsWith("GET /ws/") && /sec-websocket-key: (\S+)/i.exec(first)?.[1];
      if (key) return serve(near, key);
      const far = connect(Number(port), hostname);
      far.write(first);
      far.on("error", () => near.destroy());
      near.pipe(far).pipe(near);
    });
  });

  function serve(near, key) {
    const accept = createHash("sha1").update(key + GUID).digest("base64");
    near.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`);
    const say = (...parts) => near.writable && near.write(frame(JSON.stringify(parts)));
    let rest = Buffer.alloc(0);
    near.on("data", (bytes) => {
      const found = unframe(Buffer.concat([rest, bytes]));
      rest = found.rest;
      for (const text of found.texts) {
        const asked = JSON.parse(text);
        if (asked.action === "auth") say({ type: "authenticated", user_id: "x", expires_at: Date.now() + 3_600_000 }, { type: "feed", state: "live", reason: null });
        if (asked.action === "ping") say({ type: "pong", id: asked.id, ts: Date.now() });
      }
    });
    speakers.add(say);
    const timer = setInterval(() => say(...messages()), everyMs);
    near.on("close", () => {
      clearInterval(timer);
      speakers.delete(say);
    });
  }

  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    /** Send these messages once, to whoever listens. */
    say(...parts) {
      for (const speaker of speakers) speaker(...parts);
    },
    close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
