// Serves a page, opens it in headless Chromium, and prints the text of some of its elements:
// node show.mjs CHROMIUM DIRECTORY ID..., where DIRECTORY has index.html and each ID is that of a <pre>.
import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { extname, join, normalize } from "node:path";

const [chromium, directory, ...ids] = process.argv.slice(2);
const types = { ".html": "text/html", ".js": "text/javascript", ".wasm": "application/wasm" };

const server = createServer(async (request, response) => {
  const path = normalize(new URL(request.url, "http://localhost").pathname);
  try {
    const file = join(directory, path === "/" ? "index.html" : path);
    const content = await readFile(file);
    response.writeHead(200, { "content-type": types[extname(file)] ?? "text/plain" });
    response.end(content);
  } catch {
    response.writeHead(404).end();
  }
});
await new Promise((listening) => server.listen(0, "127.0.0.1", listening));

const profile = await mkdtemp(join(tmpdir(), "show-"));
const browser = spawn(chromium, [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
  `--user-data-dir=${profile}`, "--virtual-time-budget=10000", "--dump-dom",
  `http://127.0.0.1:${server.address().port}/`,
], { stdio: ["ignore", "pipe", "pipe"] });

let dom = "";
let messages = "";
browser.stdout.on("data", (data) => (dom += data));
browser.stderr.on("data", (data) => (messages += data));
const status = await new Promise((ended) => browser.on("close", ended));
server.close();
await rm(profile, { recursive: true, force: true, maxRetries: 5 });

const texts = ids.map((id) => dom.match(new RegExp(`<pre id="${id}">([^<]*)</pre>`))?.[1]);
if (status !== 0 || !texts.every(Boolean)) {
  console.error(`${chromium} ended with ${status}:\n${messages}\n${dom}`);
  process.exit(1);
}
console.log(texts.join("\n"));
