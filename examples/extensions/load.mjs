// Loads libraries (`-shared`) into one memory, with one stack and one table. DynamicLinking.md of the tool
// conventions says how. The first is the program; each defines what the others import.

const STACK = 1 << 20;

const global = (value, mutable = true) => new WebAssembly.Global({ value: "i32", mutable }, value);

/** What the library says that it needs: sizes, and alignments as powers of two. */
function needs(module) {
  const bytes = new Uint8Array(WebAssembly.Module.customSections(module, "dylink.0")[0]);
  let at = 0;
  const number = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++];
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < bytes.length) {
    const [kind, length] = [number(), number()];
    if (kind === 1) return { memory: number(), memoryAlign: number(), table: number() };
    at += length;
  }
  return { memory: 0, memoryAlign: 0, table: 0 };
}

export function load(modules) {
  const memory = new WebAssembly.Memory({ initial: 64 });
  const table = new WebAssembly.Table({ initial: 1, element: "anyfunc" });
  const shared = {
    memory,
    __indirect_function_table: table,
    // The stack is first, and grows down.
    __stack_pointer: global(STACK),
    // Functions of all libraries unwind together.
    __asyncify_state: global(0),
    __asyncify_data: global(0),
  };
  const functions = {};
  const addresses = {};
  const got = { "GOT.mem": {}, "GOT.func": {} };
  let end = STACK;

  const loaded = modules.map((module) => {
    const { memory: size, memoryAlign, table: count } = needs(module);
    const memoryBase = Math.ceil(end / 2 ** memoryAlign) * 2 ** memoryAlign;
    end = memoryBase + size;
    const bases = { __memory_base: global(memoryBase, false), __table_base: global(table.grow(count), false) };
    const imports = { env: { ...shared, ...bases }, ...got };
    for (const { module: from, name, kind } of WebAssembly.Module.imports(module)) {
      if (from in got) got[from][name] ??= global(0);
      // A library that is loaded later may define it.
      else if (kind === "function") imports[from][name] = (...values) => functions[name](...values);
    }
    const { exports } = new WebAssembly.Instance(module, imports);
    for (const [name, value] of Object.entries(exports)) {
      if (typeof value === "function") functions[name] ??= value;
      else if (value instanceof WebAssembly.Global) addresses[name] ??= memoryBase + value.value;
    }
    return exports;
  });

  // Now all symbols are known.
  for (const [name, entry] of Object.entries(got["GOT.mem"])) entry.value = addresses[name];
  for (const [name, entry] of Object.entries(got["GOT.func"])) {
    entry.value = table.grow(1);
    table.set(entry.value, functions[name]);
  }
  for (const exports of loaded) exports.__wasm_apply_data_relocs?.();
  for (const exports of loaded) exports.__wasm_call_ctors?.();
  return { exports: loaded[0], memory };
}
