// The host's side of binaryen's Asyncify: an imported function that suspends the program, and the
// call that resumes it until it is through.

export class Suspending {
  waits = [];
  resumed = false;

  /// Imported by the program: suspends it, and gives 1,000 more when it is resumed.
  wait = (n) => {
    if (this.resumed) {
      this.exports.asyncify_stop_rewind();
      this.resumed = false;
      return n + 1000;
    }
    this.waits.push(n);
    this.exports.asyncify_start_unwind(this.room);
    return 0;
  };

  /// Calls `run(n)` of a module, and again as long as it suspends.
  async run(exports, memory, n) {
    this.exports = exports;
    this.room = exports.room();
    // From where to where the stack can be saved.
    new Uint32Array(memory.buffer, this.room, 2).set([this.room + 8, this.room + 4096]);
    let result = exports.run(n);
    while (exports.asyncify_get_state() === 1) {
      exports.asyncify_stop_unwind();
      await new Promise((resolve) => setTimeout(resolve));
      exports.asyncify_start_rewind(this.room);
      this.resumed = true;
      result = exports.run(n);
    }
    return result;
  }
}
