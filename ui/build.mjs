// Builds what browsers load: one stylesheet, three scripts, the icon sprite and the font, into the ignored folder
// src/quarterdeck/entrypoints/web/static/built. Everything third-party comes from node_modules at build time.
import { build } from "esbuild";
import { PurgeCSS } from "purgecss";
import { createRequire } from "node:module";
import { gzipSync } from "node:zlib";
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const root = resolve(here, "..");
const web = join(root, "src/quarterdeck/entrypoints/web");
const out = join(web, "static/built");
const modules = join(root, "node_modules");

function sprite() {
  const names = readFileSync(join(here, "icons.txt"), "utf8").split("\n").map((line) => line.trim())
    .filter((line) => line && !line.startsWith("#"));
  const symbols = [...new Set(names)].map((name) => {
    const path = join(modules, "@tabler/icons/icons/outline", `${name}.svg`);
    if (!existsSync(path)) throw new Error(`ui/icons.txt names ${name}, which @tabler/icons does not have`);
    const svg = readFileSync(path, "utf8");
    const shapes = svg.slice(svg.indexOf(">", svg.indexOf("<svg")) + 1, svg.lastIndexOf("</svg>"))
      .replace(/<path stroke="none"[^>]*\/>/, "").replace(/\s+/g, " ").trim();
    return `<symbol id="${name}" viewBox="0 0 24 24">${shapes}</symbol>`;
  });
  writeFileSync(join(out, "icons.svg"), `<svg xmlns="http://www.w3.org/2000/svg">${symbols.join("")}</svg>\n`);
}

// Tabler whole is 78 kB compressed, more than the rest of a page together: keep the rules that a template or module names.
async function tablerInUse() {
  const [{ css }] = await new PurgeCSS().purge({
    content: [join(web, "templates/**/*.html"), join(web, "**/*.py"), join(here, "js/**/*.js")],
    css: [join(modules, "@tabler/core/dist/css/tabler.min.css")],
    variables: false,
    safelist: { standard: ["html", "body", "show", "active", "disabled", "collapsed", /^data-bs-/, /is-invalid/, /htmx-/] },
  });
  writeFileSync(join(out, "tabler.css"), css);
}

async function bundles() {
  const shared = { bundle: true, minify: true, target: ["es2022", "chrome111", "firefox113", "safari16.4"], legalComments: "eof",
    logLevel: "warning", nodePaths: [modules] };
  await build({ ...shared, entryPoints: { app: join(here, "css/app.css") }, outdir: out, external: ["./inter.woff2"],
    alias: { "tabler-in-use": join(out, "tabler.css") } });
  await build({ ...shared, entryPoints: { app: join(here, "js/app.js"), player: join(here, "js/player.js") }, outdir: out,
    format: "esm" });
  await build({ ...shared, entryPoints: { theme: join(here, "js/theme.js") }, outdir: out, format: "iife" });
  await build({ ...shared, entryPoints: { player: join(here, "css/player.css") }, outdir: out });
}

rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
sprite();
await tablerInUse();
await bundles();
rmSync(join(out, "tabler.css"));
copyFileSync(join(modules, "@fontsource-variable/inter/files/inter-latin-wght-normal.woff2"), join(out, "inter.woff2"));
copyFileSync(join(here, "icon.svg"), join(out, "icon.svg"));
const require = createRequire(import.meta.url);
const licences = ["@tabler/core", "@tabler/icons", "asciinema-player", "@fontsource-variable/inter"].map((name) => {
  const about = require(join(modules, name, "package.json"));
  return `${name} ${about.version}, ${about.license}, ${about.homepage ?? ""}`;
});
writeFileSync(join(out, "LICENCES.txt"), `Built from\n${licences.join("\n")}\n`);
for (const name of ["app.css", "app.js", "theme.js", "icons.svg", "player.js", "player.css"]) {
  const bytes = readFileSync(join(out, name));
  writeFileSync(join(out, `${name}.gz`), gzipSync(bytes, { level: 9 })); // what the web server hands out to browsers
  console.log(`${name.padEnd(12)} ${String(bytes.length).padStart(8)} bytes ${String(gzipSync(bytes).length).padStart(7)} compressed`);
}
