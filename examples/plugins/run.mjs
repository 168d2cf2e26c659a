// Runs the module in Node: node run.mjs app.wasm
import { readFile } from "node:fs/promises";

const path = process.argv[2];
if (!path) {
  console.error("usage: node run.mjs MODULE");
  process.exit(2);
}

const decoder = new TextDecoder("utf-8", { fatal: true });
let memory;

const host = {
  print(text, bytes) {
    console.log(decoder.decode(new Uint8Array(memory.buffer, text, bytes)));
  },
};

const { instance } = await WebAssembly.instantiate(await readFile(path), { host });
memory = instance.exports.memory;
instance.exports.run();
