// Lists the commands of the module and runs each: node run.mjs MODULE
import { readFile } from "node:fs/promises";

let memory;
const names = [];
const text = (at) => {
  const bytes = new Uint8Array(memory.buffer, at);
  return new TextDecoder().decode(bytes.slice(0, bytes.indexOf(0)));
};
const host = { show: (at) => names.push(text(at)) };
const { instance } = await WebAssembly.instantiate(await readFile(process.argv[2]), { host });
const { list, name, run } = instance.exports;
memory = instance.exports.memory;

list();
for (const command of [...names, "nothing"]) {
  new TextEncoder().encodeInto(`${command}\0`, new Uint8Array(memory.buffer, name(), 32));
  console.log(`${command} 20 = ${run(20)}`);
}
