/**
 * The script and the style of `replay --html`, as the page holds them: the modules of src/page one after the other, without
 * their imports and exports, inside one function. Their top-level names must differ; the build fails where two do not.
 */
import { readFileSync } from 'node:fs';

const FOLDER = new URL('../src/page/', import.meta.url);
/** Whoever imports another comes after it. */
const MODULES = ['scale.js', 'lanes.js', 'draw.js', 'page.js'];

/** What is typed and remarked stays in the sources. */
const COMMENT = /^[ \t]*\/\*\*[\s\S]*?\*\/\n|^[ \t]*\/\/.*\n/gm;
const IMPORT = /^import\b[^;]*;\n/gm;

export function page() {
  const seen = new Map();
  const bodies = MODULES.map(name => {
    const source = readFileSync(new URL(name, FOLDER), 'utf8');
    const body = source
      .replace(COMMENT, '')
      .replace(IMPORT, '')
      .replace(/^export /gm, '');
    for (const [, word] of body.matchAll(/^(?:const|let|class|function) (\w+)/gm)) {
      if (seen.has(word)) throw new Error(`src/page: ${word} is in ${seen.get(word)} and in ${name}`);
      seen.set(word, name);
    }
    return body.trim();
  });
  return {
    script: `(() => {\n'use strict';\n${bodies.join('\n')}\n})();\n`,
    style: readFileSync(new URL('page.css', FOLDER), 'utf8'),
  };
}
