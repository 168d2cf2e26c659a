// In a page. Both Vite and webpack see by `new URL` that the module belongs to it.
import { registry } from "./registry.js";

async function show() {
  const module = await WebAssembly.compileStreaming(fetch(new URL("./app.wasm", import.meta.url)));
  document.getElementById("registry").textContent = (await registry(module)).join("\n");
}
show();
