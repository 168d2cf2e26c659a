// Reads the array COMMANDS from memory, and calls its functions through the table.
import { sections, text, view } from "../host-js/link-sections.js";

// #[repr(C)] struct Command { name: &str, version: u32, run: extern "C" fn(i32) -> i32 }
const SIZE = 16;

function line(entry, memory, table) {
  const [version, run] = [entry.getUint32(8, true), table.get(entry.getUint32(12, true))];
  return `${text(memory, entry, 0)} ${version}: ${run(20)}`;
}

/** With the `WebAssembly.Module` at hand: its manifest says where the array is. */
export function byManifest(module, memory, table) {
  const commands = sections(module).find((section) => section.name === "COMMANDS");
  return view(commands, memory).map((entry) => line(entry, memory, table));
}

/** Without it: the addresses of the first byte, and of the one after the last. */
export function byBounds(start, stop, memory, table) {
  const entries = Array.from({ length: (stop - start) / SIZE }, (_, index) => start + index * SIZE);
  return entries.map((at) => line(new DataView(memory.buffer, at, SIZE), memory, table));
}
