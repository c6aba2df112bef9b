// What a careful user does with their account: node e2e/accounts.mjs <url>. Exits with 1 when a step fails.
import { createHmac } from "node:crypto";
import { accessible, comes, must, walk } from "./steps.mjs";

const url = process.argv[2];
const email = `careful-${Date.now()}@example.com`;
const first = `Pw-${Math.random().toString(36).slice(2)}-first`;
const second = `Pw-${Math.random().toString(36).slice(2)}-second`;
const third = `Pw-${Math.random().toString(36).slice(2)}-third`;
let secret = "";
let recovery = [];

/** The code of an authenticator app (RFC 6238) for `seed`, in base32. */
function totp(seed, at = Date.now()) {
  const bits = [...seed].map((letter) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(letter).toString(2).padStart(5, "0")).join("");
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => Number.parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(at / 30_000)));
  const mac = createHmac("sha1", key).update(counter).digest();
  return String((mac.readUInt32BE(mac.at(-1) & 15) & 0x7fffffff) % 1_000_000).padStart(6, "0");
}

/** A step of a code counts once: wait for the next one. */
async function nextCode(page) {
  const used = totp(secret);
  while (totp(secret) === used) await page.waitForTimeout(250);
  return totp(secret);
}

async function signOut(page) {
  await page.getByRole("button", { name: "Account" }).click();
  await page.getByRole("menuitem", { name: "Sign out" }).click();
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
}

async function enter(page, password) {
  await page.getByLabel("Email").fill(email);
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
}

async function mailedLink(page, subject) {
  await page.goto(`${url}/mailbox`);
  // By its heading: other mails speak of setting a new password, too, and may be there before this one.
  const heading = page.getByRole("heading", { name: `Breezeway: ${subject}`, exact: true });
  const mail = page.getByRole("article").filter({ hasText: email }).filter({ has: heading }).first();
  return mail.getByRole("link").first().getAttribute("href");
}

async function follow(page, link) {
  // The instance's own address need not be the one that this browser uses.
  const { pathname, hash } = new URL(link);
  await page.goto("about:blank");
  await page.goto(url + pathname + hash);
}

const steps = {
  async "sign up and confirm the address"({ page }) {
    await page.goto(`${url}/sign-up`);
    await page.getByLabel("Email").fill(email);
    await page.getByLabel("Password").fill(first);
    await page.getByRole("button", { name: "Create account" }).click();
    await page.getByRole("heading", { name: "Connect Breeze" }).waitFor();
    await follow(page, await mailedLink(page, "Confirm your e-mail address"));
    await page.getByText("Thank you: your address is confirmed.").waitFor();
    await accessible(page, "verify");
  },
  async "turn two-factor sign-in on"({ page }) {
    await page.goto(`${url}/account/security`);
    await page.getByText("confirmed", { exact: true }).waitFor();
    await page.getByRole("button", { name: "Turn it on" }).click();
    await page.getByRole("img", { name: /QR code/ }).waitFor();
    const drawn = (image) => image.naturalWidth > 0;
    await comes(page, () => page.getByRole("img", { name: /QR code/ }).evaluate(drawn), "the QR code");
    secret = (await page.getByTestId("totp-secret").textContent()).replaceAll(/\s/g, "");
    await page.getByLabel("Code that the app shows").fill(totp(secret));
    await page.getByRole("button", { name: "Confirm" }).click();
    recovery = (await page.getByTestId("recovery-codes").textContent()).trim().split("\n");
    must(recovery.length >= 8, "there are recovery codes");
    await accessible(page, "security");
  },
  async "change the password"({ page }) {
    await page.getByLabel("Password so far").fill(first);
    await page.getByLabel("New password").fill(second);
    await page.getByRole("button", { name: "Change the password" }).click();
    await page.getByText("Your password is changed.").waitFor();
  },
  async "make an API key, use it, delete it"({ page }) {
    await page.goto(`${url}/account/api-keys`);
    await page.getByRole("button", { name: "New key" }).click();
    await page.getByLabel("Name").fill("Scanner");
    await page.getByRole("button", { name: "Make the key" }).click();
    const key = (await page.getByTestId("new-key").textContent()).trim();
    await accessible(page, "API keys");
    const ask = () => fetch(`${url}/api/v1/users/me`, { headers: { "X-API-Key": key } });
    must((await ask()).status === 200, "the key works");
    await page.getByRole("button", { name: "Delete Scanner" }).click();
    await page.getByText("You have no API keys yet.").waitFor();
    await page.waitForTimeout(2_000);
    must((await ask()).status === 401, "the deleted key does not");
  },
  async "read what happened"({ page }) {
    await page.goto(`${url}/account/activity`);
    for (const event of ["API key deleted", "API key made", "Password changed", "Second factor switched on"]) {
      await page.getByRole("cell", { name: event, exact: true }).first().waitFor();
    }
    await accessible(page, "activity");
  },
  async "the map of the keys, and settings that go with the user"({ page }) {
    const map = page.getByRole("dialog", { name: "Keyboard shortcuts" });
    await page.goto(`${url}/account/display`);
    await page.getByRole("heading", { name: "Display" }).waitFor();
    await page.locator("body").press("?");
    await map.getByText("Search an instrument").waitFor();
    await accessible(page, "map of the keys");
    await page.keyboard.press("Escape");
    await map.waitFor({ state: "detached" });
    const stored = () => page.waitForResponse((answer) => answer.url().endsWith("preferences/display") && answer.request().method() === "PUT");
    const change = stored();
    await page.getByLabel("Compact, 24 px").click();
    await page.locator('html[data-density="24"]').waitFor();
    await page.getByLabel("Letters and signs").click();
    must((await change).ok(), "the server keeps the settings");
    // Another device knows only what the server keeps.
    await page.evaluate(() => localStorage.removeItem("breezeway.display"));
    await page.reload();
    await page.locator('html[data-density="24"][data-characters="off"]').waitFor();
    await accessible(page, "display");
    await page.locator("body").press("?");
    await page.getByRole("button", { name: "Account" }).click();
    must(!(await map.isVisible()), "a letter that is switched off does nothing");
    await page.getByRole("menuitem", { name: "Keyboard shortcuts" }).click();
    await map.getByRole("checkbox").click();
    await map.getByRole("button", { name: "Done" }).click();
    await page.locator('html[data-characters="on"]').waitFor();
  },
  async "hear that the address is taken"({ page }) {
    await signOut(page);
    await page.getByRole("link", { name: "Create an account" }).click();
    await page.getByLabel("Email").fill(email);
    await page.getByLabel("Password").fill(third);
    await page.getByRole("button", { name: "Create account" }).click();
    await page.getByText("This address seems to have an account already.").waitFor();
    await accessible(page, "taken address");
    await page.getByRole("alert").getByRole("link", { name: "Sign in" }).click();
  },
  async "sign in with a code"({ page }) {
    await enter(page, second);
    const code = page.getByLabel("Code");
    await code.waitFor();
    await accessible(page, "sign-in with a code");
    await code.fill(await nextCode(page));
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("navigation", { name: "Pages" }).waitFor();
  },
  async "stay signed in over a reload"({ page }) {
    await page.reload();
    await page.getByRole("navigation", { name: "Pages" }).waitFor();
    await page.goto(`${url}/account`);
    await page.getByText("this one").waitFor();
    const kept = await page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage }));
    must(!/token|eyJ/i.test(kept), `no token is stored: ${kept}`);
    must(!(await page.evaluate(() => document.cookie)).includes("bw_refresh"), "no script can read the refresh token");
  },
  async "forget the password"({ page }) {
    await signOut(page);
    await page.getByRole("link", { name: "Forgot your password?" }).click();
    await page.getByLabel("Email").fill(email);
    await page.getByRole("button", { name: "Send me a link" }).click();
    await page.getByText(/is on its way/).waitFor();
    await follow(page, await mailedLink(page, "Set a new password"));
    await page.getByLabel("New password").fill(third);
    await accessible(page, "reset");
    await page.getByRole("button", { name: "Set the password" }).click();
    await page.getByText("Your password is changed. Sign in with the new one.").waitFor();
  },
  async "the second factor stays, and a recovery code helps"({ page }) {
    await enter(page, third);
    await page.getByLabel("Code").fill(recovery[0]);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("navigation", { name: "Pages" }).waitFor();
  },
};

// A missing code and a deleted key are answered with 401, which the console notes.
await walk(steps, /401|WebSocket|favicon\.ico/);
