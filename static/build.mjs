/* Bundles static/src and static/css into static/dist; with --tests, runs the unit tests. */

import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { build, context } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const TARGET = ["es2022"];

function files(directory, suffix) {
  return readdirSync(join(here, directory))
    .filter((name) => name.endsWith(suffix))
    .map((name) => join(here, directory, name));
}

const pages = {
  entryPoints: [...files("src/pages", ".ts"), join(here, "css/app.css")],
  outdir: join(here, "dist"),
  entryNames: "[name]",
  chunkNames: "chunk-[hash]",
  bundle: true,
  splitting: true,
  format: "esm",
  target: TARGET,
  minify: true,
  sourcemap: true,
  logLevel: "info",
};

async function runTests() {
  const outdir = mkdtempSync(join(tmpdir(), "vedette-ts-"));
  try {
    await build({
      entryPoints: files("tests", ".test.ts"),
      outdir,
      outExtension: { ".js": ".mjs" },
      bundle: true,
      platform: "node",
      format: "esm",
      target: TARGET,
      logLevel: "warning",
    });
    const built = readdirSync(outdir).map((name) => join(outdir, name));
    return spawnSync(process.execPath, ["--test", ...built], { stdio: "inherit" }).status ?? 1;
  } finally {
    rmSync(outdir, { recursive: true });
  }
}

if (process.argv.includes("--tests")) {
  process.exitCode = await runTests();
} else if (process.argv.includes("--watch")) {
  await (await context(pages)).watch();
} else {
  rmSync(join(here, "dist"), { recursive: true, force: true });
  await build(pages);
}
