// Reads the sections that wasm-section-ld gathered into a module, before any of its code runs. The module must
// be linked with --section-manifest. The format is in docs/manifest.md.

/**
 * The link sections of a module: `{ name, title, start, stop, size, stride, collected, relative, entries }`.
 * Each entry is `{ offset, size, symbol, key, crate, file, member, pointers, name }`, and each pointer in it
 * `{ offset, size, kind, target, addend }` with the kinds "data", "function" and "distance".
 */
export function sections(module) {
  const [content] = WebAssembly.Module.customSections(module, "link_sections");
  if (!content) return [];
  const read = reader(content);
  const version = read.number();
  if (version !== 1) throw new Error(`version ${version} of link_sections is not known`);
  const flags = read.number();
  const address = flags & 1 ? read.address64 : read.address32;
  const strings = read.list(read.text);
  const string = () => strings[read.number()] || null;

  const pointer = () => ({
    offset: read.number(),
    size: read.number(),
    kind: ["data", "function", "distance"][read.number()],
    target: string(),
    addend: read.signed(),
  });
  const entry = (more) => ({
    offset: read.number(),
    size: read.number(),
    symbol: string(),
    key: string(),
    crate: string(),
    file: string(),
    member: string(),
    pointers: read.list(pointer),
    name: more() ? string() : null,
  });
  const section = (more) => {
    const [name, start, stop, size] = [string(), address(), address(), read.number()];
    const [, stride] = [read.number(), read.number()];
    const collected = stop === 0 && size > 0; // no live code reaches it, so it is not in memory
    const entries = read.list(() => read.sized(entry));
    const title = (more() && string()) || name; // older linkers write no title
    return { name, title, start, stop, size, stride, collected, relative: Boolean(flags & 2), entries };
  };
  return read.list(() => read.sized(section));
}

/**
 * A `DataView` of each entry of a section in the memory of an instance. They become invalid
 * when the memory grows. `base` is `__memory_base`, for a shared library.
 */
export function view(section, memory, base = 0) {
  if (section.collected) return [];
  const start = base + section.start;
  return section.entries.map(({ offset, size }) => new DataView(memory.buffer, start + offset, size));
}

/** The text of a `&str` at `offset` in an entry's view, in a memory with 32-bit addresses. */
export function text(memory, entry, offset) {
  const [start, length] = [entry.getUint32(offset, true), entry.getUint32(offset + 4, true)];
  return new TextDecoder("utf-8", { fatal: true }).decode(new Uint8Array(memory.buffer, start, length));
}

function reader(content) {
  const data = new DataView(content);
  let at = 0;
  const byte = () => data.getUint8(at++);
  /** LEB128. In a signed number, bit 6 of the last byte is the sign. */
  const leb = (signed) => {
    let [value, shift, last] = [0n, 0n, 0];
    do {
      last = byte();
      value |= BigInt(last & 0x7f) << shift;
      shift += 7n;
    } while (last & 0x80);
    return Number(signed ? BigInt.asIntN(Number(shift), value) : value);
  };
  const number = () => leb(false);
  const skip = (length) => (at += length) - length;
  return {
    number,
    signed: () => leb(true),
    address32: () => data.getUint32(skip(4), true),
    address64: () => Number(data.getBigUint64(skip(8), true)),
    text: () => {
      const length = number();
      return new TextDecoder().decode(new Uint8Array(content, skip(length), length));
    },
    list: (item) => Array.from({ length: number() }, item),
    /** An item that begins with its length: later versions may add fields at its end. */
    sized: (item) => {
      const end = number() + at;
      const value = item(() => at < end);
      at = end;
      return value;
    },
  };
}
