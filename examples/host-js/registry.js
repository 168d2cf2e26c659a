// Lists the registry of examples/plugins. No export of the module is called.
import { sections, text, view } from "./link-sections.js";

/** The entries of a module's arrays, one line each, and the results of the functions in one of them. */
export async function registry(module) {
  const { exports } = await WebAssembly.instantiate(module, { host: { print() {} } });
  const { memory, __indirect_function_table: table } = exports;
  const lines = [];
  for (const section of sections(module)) {
    lines.push(`${section.title}: ${section.size} bytes`);
    for (const entry of section.entries) {
      const kinds = entry.pointers.map((pointer) => pointer.kind);
      lines.push(`  ${entry.name ?? "entry"}: ${entry.size} bytes from ${entry.crate}: ${kinds.join(", ")}`);
    }
    if (section.name !== "PLUGINS") continue;
    // struct Plugin { name: &str, run: fn(i32) -> i32 }
    const plugins = view(section, memory).map((entry) => ({
      name: text(memory, entry, 0),
      run: table.get(entry.getUint32(8, true)),
    }));
    // Last, because a call may grow the memory and invalidate the views.
    for (const { name, run } of plugins) lines.push(`  ${name}(20) = ${run(20)}`);
  }
  return lines;
}
