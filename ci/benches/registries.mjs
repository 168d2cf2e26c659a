// Measures what ci/bench built: node bench.mjs DIRECTORY WAY,… N...
import { readFileSync } from "node:fs";

const [directory, ways, ...counts] = process.argv.slice(2);
const runs = 301;

/** The size of the code section, in bytes: id 10 of the binary format. */
function codeSize(bytes) {
  let at = 8;
  const number = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++];
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < bytes.length) {
    const id = bytes[at++];
    const size = number();
    if (id === 10) return size;
    at += size;
  }
  return 0;
}

const median = (numbers) => numbers.sort((a, b) => a - b)[numbers.length >> 1];

/** Microseconds from before instantiation to the first sum, and for the second; and the sum. */
function once(module) {
  const start = process.hrtime.bigint();
  const { exports } = new WebAssembly.Instance(module, {});
  const first = exports.sum(7);
  const between = process.hrtime.bigint();
  const second = exports.sum(7);
  const end = process.hrtime.bigint();
  if (first !== second) throw new Error(`${first} and then ${second}`);
  return { first: Number(between - start) / 1e3, second: Number(end - between) / 1e3, sum: first };
}

const names = {
  array: "array by hand",
  slice: "slice by hand",
  linkme: "**linkme, ours**",
  inventory: "**inventory, ours**",
  "inventory-0.3.25": "inventory 0.3.25",
  "link-section": "link-section 0.19.3",
};

console.log("| entries | | module, bytes | code, bytes | first sum, µs | second sum, µs |");
console.log("|---:|---|---:|---:|---:|---:|");
let failed = false;
const all = [];
for (const count of counts) {
  const modules = ways.split(",").map((way) => {
    const bytes = readFileSync(`${directory}/${way}-${count}.wasm`);
    return { way, bytes, module: new WebAssembly.Module(bytes), first: [], second: [] };
  });
  // In turns, so that what else the machine does is shared.
  for (let run = 0; run < runs; run++) {
    for (const one of modules) {
      const { first, second, sum } = once(one.module);
      one.first.push(first);
      one.second.push(second);
      one.sum = sum;
    }
  }
  for (const one of modules) {
    const cells = [
      count,
      names[one.way],
      one.bytes.length,
      codeSize(one.bytes),
      median(one.first).toFixed(1),
      median(one.second).toFixed(1),
    ];
    console.log(`| ${cells.join(" | ")} |`);
  }
  if (new Set(modules.map(({ sum }) => sum)).size !== 1) {
    throw new Error(`the sums differ: ${modules.map(({ way, sum }) => `${way} ${sum}`)}`);
  }
  all.push({ count, modules });
  const size = (way) => modules.find((one) => one.way === way).bytes.length;
  const byHand = Math.min(size("array"), size("slice"));
  const bars = { linkme: byHand + 16, inventory: Math.floor(1.01 * byHand) };
  for (const [way, bar] of Object.entries(bars)) {
    const met = size(way) <= bar;
    console.error(`${way} with ${count} entries: ${size(way)} bytes, bar ${bar}: ${met ? "met" : "not met"}`);
    failed ||= !met;
  }
}

// README has the sizes by number of entries, and the time of the most.
const grouped = (number) => String(number).replace(/\B(?=(\d{3})+$)/g, ",");
const { count: most, modules: last } = all.at(-1);
console.log(`\n| module, bytes, for N entries | ${counts.map(grouped).join(" | ")} | first sum of ${grouped(most)}, µs |`);
console.log(`|---${"|---:".repeat(counts.length + 1)}|`);
for (const { way, first } of last) {
  const sizes = all.map(({ modules }) => grouped(modules.find((one) => one.way === way).bytes.length));
  console.log(`| ${[names[way], ...sizes, median(first).toFixed(1)].join(" | ")} |`);
}
process.exitCode = failed ? 1 : 0;
