// A wire between the browser and the gateway that a story can cut or mute, as a lost network does.
import { createServer, connect } from "node:net";

/** @returns its own address; `cut` breaks and refuses connections, `mute` swallows every byte, `mend` ends both. */
export async function wireTo(url) {
  const { hostname, port } = new URL(url);
  let state = "whole";
  const pairs = new Set();
  const server = createServer((near) => {
    if (state === "cut") {
      near.destroy();
      return;
    }
    const far = connect(Number(port), hostname);
    const pair = { near, far };
    pairs.add(pair);
    for (const [from, to] of [[near, far], [far, near]]) {
      from.on("data", (bytes) => state !== "mute" && to.write(bytes));
      from.on("error", () => to.destroy());
      from.on("close", () => {
        to.destroy();
        pairs.delete(pair);
      });
    }
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const breakAll = () => pairs.forEach(({ near, far }) => (near.destroy(), far.destroy()));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    cut() {
      state = "cut";
      breakAll();
    },
    mute() {
      state = "mute";
    },
    mend() {
      // What was swallowed is lost: nobody can go on in the middle of it.
      if (state === "mute") breakAll();
      state = "whole";
    },
    close() {
      breakAll();
      server.close();
    },
  };
}
