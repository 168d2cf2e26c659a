// Runs the interpreter in Node: one module, or several in one memory.
//
//   node run.mjs static.wasm
//   node run.mjs interpreter.so libdigest.so libjournal.so libdigits.so
import { readFileSync } from "node:fs";
import { load } from "./load.mjs";

const modules = process.argv.slice(2).map((file) => new WebAssembly.Module(readFileSync(file)));

function start() {
  if (modules.length > 1) return load(modules);
  const { exports } = new WebAssembly.Instance(modules[0]);
  exports.__wasm_call_ctors();
  return { exports, memory: exports.memory };
}

const { exports, memory } = start();
const [text, length] = new Uint32Array(memory.buffer, exports.run(), 2);
process.stdout.write(new TextDecoder().decode(new Uint8Array(memory.buffer, text, length)));
