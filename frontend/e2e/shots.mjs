// Screenshots of every page, light and dark, desktop and phone, for people to look at: node e2e/shots.mjs <url> <folder>
import { mkdirSync } from "node:fs";
import { withBrowser } from "./browser.mjs";

const [url, folder] = process.argv.slice(2);
mkdirSync(folder, { recursive: true });
const PAGES = { workspace: "/", chart: "/chart/NSE%3ARELIANCE", connect: "/connect", data: "/data", system: "/system", chain: "/chain/NIFTY", orders: "/orders", portfolio: "/portfolio", sessions: "/account", "api-keys": "/account/api-keys", activity: "/account/activity", people: "/account/people", security: "/account/security", notifications: "/notifications", alerts: "/notifications/alerts", webhooks: "/notifications/webhooks", hooks: "/notifications/hooks", "notification-settings": "/notifications/settings", instrument: "/instrument/NSE%3ARELIANCE", notes: "/portfolio/notes" };
const SIZES = { desktop: { width: 1440, height: 900 }, tablet: { width: 1024, height: 768 }, phone: { width: 390, height: 844 } };

for (const [size, viewport] of Object.entries(SIZES)) {
  await withBrowser({ viewport }, async ({ page, faults }) => {
    await page.goto(`${url}/sign-in`);
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme });
      await page.screenshot({ path: `${folder}/sign-in-${size}-${colorScheme}.png` });
    }
    await page.getByLabel("Email").fill("demo@example.com");
    await page.getByLabel("Password").fill("breezeway-demo");
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("navigation", { name: "Pages" }).waitFor();
    for (const [name, path] of Object.entries(PAGES)) {
      await page.goto(url + path);
      await page.waitForTimeout(2500);
      for (const colorScheme of ["light", "dark"]) {
        await page.emulateMedia({ colorScheme });
        await page.waitForTimeout(200);
        await page.screenshot({ path: `${folder}/${name}-${size}-${colorScheme}.png` });
      }
    }
    if (faults.length > 0) console.log(size, faults);
  });
}
