import "@fontsource-variable/inter/index.css";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/shell.css";

import { StrictMode } from "react";
import { createRoot } from "react-dom/client";

import { App } from "./app/App";
import { preload } from "./app/preload";
import { startStream } from "./realtime/stream";

// After a deployment the chunks of the page that is open are gone: load the new page, but only once in a while.
addEventListener("vite:preloadError", () => {
  const last = Number(sessionStorage.getItem("breezeway.reloaded") ?? 0);
  if (Date.now() - last < 60_000) return;
  sessionStorage.setItem("breezeway.reloaded", String(Date.now()));
  location.reload();
});

preload(location.pathname);
startStream();
const root = document.getElementById("root");
if (root) createRoot(root).render(<StrictMode><App /></StrictMode>);
