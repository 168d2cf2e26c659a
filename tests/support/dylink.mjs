// Loads position-independent modules (`-shared`, `-pie`) into one memory and one table, as
// DynamicLinking.md of the tool conventions says: each at a base of its own, symbols resolved by
// name among all that are loaded, in the order of loading.

const PAGE = 0x10000;
const SUBSECTION_MEM_INFO = 1;
const SUBSECTION_NEEDED = 2;

/// What the section `dylink.0` says: sizes, alignments (powers of two), libraries that are needed.
export function dylinkInfo(module) {
  const [section] = WebAssembly.Module.customSections(module, "dylink.0");
  if (section === undefined) throw new Error("no dylink.0: not a position-independent module");
  const bytes = new Uint8Array(section);
  let at = 0;
  const number = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++];
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
  };
  const string = () => {
    const length = number();
    at += length;
    return new TextDecoder().decode(bytes.subarray(at - length, at));
  };
  const info = { memorySize: 0, memoryAlign: 0, tableSize: 0, tableAlign: 0, needed: [] };
  while (at < bytes.length) {
    const id = bytes[at++];
    const end = number() + at;
    if (id === SUBSECTION_MEM_INFO) {
      info.memorySize = number();
      info.memoryAlign = number();
      info.tableSize = number();
      info.tableAlign = number();
    } else if (id === SUBSECTION_NEEDED) {
      for (let count = number(); count > 0; count--) info.needed.push(string());
    }
    at = end;
  }
  return info;
}

/// A multiple of 2 ** `align` that is none of any higher power of two: what is right only at base
/// zero, or only at round addresses, goes wrong here.
function oddMultiple(from, align) {
  const unit = 2 ** align;
  const count = Math.ceil(from / unit);
  return (count % 2 === 0 ? count + 1 : count) * unit;
}

/// A program made of position-independent modules.
export class Program {
  /// `host`: functions that modules import and none of them defines.
  constructor({ pages = 16, host = {}, bases = 1000 } = {}) {
    this.memory = new WebAssembly.Memory({ initial: pages });
    this.table = new WebAssembly.Table({ initial: 8, element: "anyfunc" });
    const stack = pages * PAGE;
    this.stackPointer = new WebAssembly.Global({ value: "i32", mutable: true }, stack);
    const zero = () => new WebAssembly.Global({ value: "i32", mutable: true }, 0);
    this.asyncify = { state: zero(), data: zero() };
    this.memoryEnd = bases;
    this.host = host;
    this.modules = [];
    this.functions = new Map(); // by name, the first definition of each
    this.addresses = new Map();
    this.tableIndices = new Map(); // of functions whose address was taken
    this.got = { "GOT.mem": new Map(), "GOT.func": new Map() };
  }

  /// Loads modules, given by their bytes, which may need one another: only when each has its
  /// place, and all symbols are known, are their data relocated and do their constructors run.
  load(files) {
    const loaded = files.map((bytes) => this.place(bytes));
    this.resolve();
    for (const { exports } of loaded) exports.__wasm_apply_data_relocs?.();
    for (const { exports } of loaded) exports.__wasm_call_ctors?.();
    return loaded;
  }

  place(bytes) {
    const module = new WebAssembly.Module(bytes);
    const info = dylinkInfo(module);
    const memoryBase = oddMultiple(this.memoryEnd, info.memoryAlign);
    this.memoryEnd = memoryBase + info.memorySize;
    const tableBase = oddMultiple(this.table.length, info.tableAlign);
    this.table.grow(tableBase + info.tableSize - this.table.length);
    const instance = new WebAssembly.Instance(module, this.imports(module, memoryBase, tableBase));
    this.define(instance.exports, memoryBase);
    const loaded = { exports: instance.exports, memoryBase, tableBase, ...info };
    this.modules.push(loaded);
    return loaded;
  }

  imports(module, memoryBase, tableBase) {
    const constant = (value) => new WebAssembly.Global({ value: "i32", mutable: false }, value);
    const env = {
      memory: this.memory,
      __indirect_function_table: this.table,
      __stack_pointer: this.stackPointer,
      __memory_base: constant(memoryBase),
      __table_base: constant(tableBase),
      // Of binaryen's Asyncify, for modules that suspend together.
      __asyncify_state: this.asyncify.state,
      __asyncify_data: this.asyncify.data,
    };
    const imports = { env, "GOT.mem": {}, "GOT.func": {} };
    for (const { module: from, name, kind } of WebAssembly.Module.imports(module)) {
      if (kind === "function") {
        imports[from] ??= {};
        // Whoever defines it may be loaded later.
        imports[from][name] = this.functions.get(name) ?? ((...args) => this.function(name)(...args));
      } else if (from in this.got) {
        imports[from][name] = this.gotEntry(from, name);
      } else if (!(name in env)) {
        throw new Error(`import ${from}.${name} is unknown`);
      }
    }
    return imports;
  }

  gotEntry(kind, name) {
    const entries = this.got[kind];
    if (!entries.has(name)) {
      entries.set(name, new WebAssembly.Global({ value: "i32", mutable: true }, 0));
    }
    return entries.get(name);
  }

  /// Adds what a module exports: functions, and addresses, which count from its memory base.
  define(exports, memoryBase) {
    for (const [name, value] of Object.entries(exports)) {
      if (typeof value === "function" && !this.functions.has(name)) {
        this.functions.set(name, value);
      } else if (value instanceof WebAssembly.Global && !this.addresses.has(name)) {
        this.addresses.set(name, memoryBase + value.value);
      }
    }
  }

  /// Fills in what is known by now of the global offset table.
  resolve() {
    for (const [name, entry] of this.got["GOT.mem"]) {
      if (this.addresses.has(name)) entry.value = this.addresses.get(name);
    }
    for (const [name, entry] of this.got["GOT.func"]) {
      if (this.functions.has(name) || name in this.host) entry.value = this.tableIndex(name);
    }
  }

  function(name) {
    const found = this.functions.get(name) ?? this.host[name];
    if (found === undefined) throw new Error(`undefined function ${name}`);
    return found;
  }

  /// One index for each function, whoever takes its address.
  tableIndex(name) {
    if (!this.tableIndices.has(name)) {
      this.tableIndices.set(name, this.table.grow(1, this.asWasm(name)));
    }
    return this.tableIndices.get(name);
  }

  /// Only functions of wasm can be in a table: those of the host come through a small module that
  /// imports them as `(i32) -> i32` and exports them again.
  asWasm(name) {
    if (this.functions.has(name)) return this.functions.get(name);
    // prettier-ignore
    const module = new Uint8Array([
      0, 0x61, 0x73, 0x6d, 1, 0, 0, 0,
      1, 6, 1, 0x60, 1, 0x7f, 1, 0x7f, // type: (i32) -> i32
      2, 7, 1, 1, 0x68, 1, 0x66, 0, 0, // import "h" "f"
      7, 5, 1, 1, 0x66, 0, 0, // export "f"
    ]);
    const imports = { h: { f: this.host[name] } };
    return new WebAssembly.Instance(new WebAssembly.Module(module), imports).exports.f;
  }

  /// What GOT entries stand for that no module defines.
  unresolved() {
    const isOpen = ([, entry]) => entry.value === 0;
    return Object.values(this.got).flatMap((entries) => [...entries].filter(isOpen).map(([n]) => n));
  }

  word(address) {
    return new DataView(this.memory.buffer).getUint32(address, true);
  }

  string(address) {
    const bytes = new Uint8Array(this.memory.buffer, address);
    return new TextDecoder().decode(bytes.slice(0, bytes.indexOf(0)));
  }

  call(pointer, ...args) {
    return this.table.get(pointer)(...args);
  }
}
