// The page one sees before the web app is built: sign in, and watch a few live prices over the public stream.
const SYMBOLS = ["NSE_INDEX:NIFTY", "NSE_INDEX:BANKNIFTY", "NSE:RELIANCE", "NSE:INFY", "NSE:SBIN", "NSE:HDFCBANK", "NSE:TCS"];
const STALE_MS = 10_000;
const $ = (selector) => document.querySelector(selector);
const price = new Intl.NumberFormat("en-IN", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const whole = new Intl.NumberFormat("en-IN");
const time = new Intl.DateTimeFormat("en-IN", { timeZone: "Asia/Kolkata", hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
const rows = new Map();
let tokens = null;
let attempt = 0;

const say = (text) => { $("#state").textContent = text; };

async function call(path, body) {
  const answer = await fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
  const document = await answer.json();
  if (!answer.ok) throw new Error(document.detail ?? "The request failed.");
  return document;
}

$("#sign-in").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = new FormData(event.target);
  $("#problem").hidden = true;
  try {
    tokens = await call("/api/v1/auth/login", { email: form.get("email"), password: form.get("password") });
  } catch (error) {
    $("#problem").textContent = error.message;
    $("#problem").hidden = false;
    return;
  }
  event.target.hidden = true;
  $("#live").hidden = false;
  open();
});

function open() {
  say("Connecting …");
  const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws/v1/stream`);
  socket.onopen = () => socket.send(JSON.stringify({ action: "auth", token: tokens.access_token }));
  socket.onmessage = (event) => JSON.parse(event.data).forEach((message) => receive(socket, message));
  socket.onclose = async (event) => {
    if (event.code >= 4500) { say(`Signed out (${event.reason || event.code}). Reload the page to sign in.`); return; }
    say("Reconnecting …");
    await new Promise((resolve) => setTimeout(resolve, Math.min(10_000, 500 * 2 ** attempt++) * (0.5 + Math.random())));
    if (event.code === 4401) {
      try { tokens = await call("/api/v1/auth/refresh", { refresh_token: tokens.refresh_token }); }
      catch { say("Signed out. Reload the page to sign in."); return; }
    }
    open();
  };
}

function receive(socket, message) {
  if (message.type === "authenticated") {
    attempt = 0;
    say("Live");
    socket.send(JSON.stringify({ action: "subscribe", id: 1, channels: SYMBOLS.map((symbol) => `tick:${symbol}`) }));
  } else if (message.type === "tick") {
    show(message);
  } else if (message.type === "error") {
    say(message.detail ?? message.code);
  }
}

function show(tick) {
  let row = rows.get(tick.symbol);
  if (!row) {
    row = $("#live tbody").insertRow();
    for (let i = 0; i < 7; i++) row.insertCell();
    row.cells[0].textContent = tick.symbol;
    rows.set(tick.symbol, row);
  }
  const change = tick.change_pct ?? 0;
  const text = [price.format(tick.ltp), `${change >= 0 ? "▲ +" : "▼ "}${change.toFixed(2)}%`,
    tick.bid == null ? "–" : price.format(tick.bid), tick.ask == null ? "–" : price.format(tick.ask),
    tick.volume == null ? "–" : whole.format(tick.volume), `${time.format(tick.ltt)} IST`];
  text.forEach((value, index) => { row.cells[index + 1].textContent = value; });
  row.cells[2].className = change >= 0 ? "up" : "down";
  row.classList.remove("stale");
  row.dataset.at = String(Date.now());
}

setInterval(() => {
  for (const row of rows.values()) row.classList.toggle("stale", Date.now() - Number(row.dataset.at) > STALE_MS);
}, 1000);
