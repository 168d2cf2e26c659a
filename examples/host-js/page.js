// In a page. Vite and webpack both bundle the module because of `new URL`.
import { registry } from "./registry.js";

async function show() {
  const module = await WebAssembly.compileStreaming(fetch(new URL("./app.wasm", import.meta.url)));
  document.getElementById("registry").textContent = (await registry(module)).join("\n");
}
show();
