// In Node: node list.mjs MODULE
import { readFile } from "node:fs/promises";
import { registry } from "./registry.js";

const [path] = process.argv.slice(2);
if (!path) {
  console.error("usage: node list.mjs MODULE");
  process.exit(2);
}
const lines = await registry(await WebAssembly.compile(await readFile(path)));
console.log(lines.join("\n"));
