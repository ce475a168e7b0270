/** What is published, and what it needs: nothing that runs when it is installed, nothing from elsewhere, nothing too much. */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

/** What npm prints. */
function npm(...args: string[]): string {
  return execFileSync('npm', args, {
    cwd: ROOT,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
    maxBuffer: 1 << 26,
  });
}

interface Locked {
  version?: string;
  resolved?: string;
  integrity?: string;
  license?: string;
  dev?: boolean;
  hasInstallScript?: boolean;
}

const PACKAGE = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
const LOCK = Object.entries(
  (JSON.parse(read('package-lock.json')) as { packages: Record<string, Locked> }).packages,
).filter(([path]) => path !== '');
const AT_RUN_TIME = LOCK.filter(([, locked]) => !locked.dev);
const nameOf = (path: string): string => path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);

/** What is wrong with where packages come from. */
function strangers(lock: readonly (readonly [string, Locked])[]): string[] {
  return lock.flatMap(([path, { resolved, integrity, hasInstallScript }]) => [
    ...((resolved?.startsWith('https://registry.npmjs.org/') ?? true) ? [] : [`${path} is from ${resolved}`]),
    ...(integrity?.startsWith('sha512-') ? [] : [`${path} has no check sum`]),
    ...(hasInstallScript ? [`${path} runs a script when it is installed`] : []),
  ]);
}

describe('dependencies', () => {
  // Without `resolved` a package comes from the registry that npm is told to use, and its check sum decides.
  test('come from the registry, with check sums, and run nothing when they are installed', () => {
    expect(strangers(LOCK)).toEqual([]);
  });

  test('neither do we', () => {
    expect(Object.keys(PACKAGE.scripts).filter(name => /^(pre|post)?install$/.test(name))).toEqual([]);
  });

  test('that are there at run time bring no native code', () => {
    const native = AT_RUN_TIME.filter(([path]) => existsSync(join(ROOT, path))).flatMap(([path]) =>
      readdirSync(join(ROOT, path), { recursive: true, encoding: 'utf8' }).filter(file =>
        /\.(node|so|wasm)$|binding\.gyp$/.test(file),
      ),
    );
    expect(native).toEqual([]);
  });

  test('that are there at run time are listed in NOTICE.md with their license, and no others', () => {
    const rows = read('NOTICE.md').matchAll(/^\| ([^ |]+) \| ([^ |]+) \| Copyright/gm);
    const listed = [...rows].map(([, name, license]) => `${name} ${license}`);
    expect(listed).toEqual(AT_RUN_TIME.map(([path, { license }]) => `${nameOf(path)} ${license}`).sort());
  });

  test('are listed by npm sbom', () => {
    const text = npm('sbom', '--sbom-format=cyclonedx', '--package-lock-only');
    const { components } = JSON.parse(text) as { components: { name: string; group?: string }[] };
    // A scope is a group there or part of the name, as the version of npm has it.
    const names = components.map(({ name }) => basename(name));
    expect(names).toEqual(expect.arrayContaining(AT_RUN_TIME.map(([path]) => basename(nameOf(path)))));
  });

  test('a stranger would be noticed', () => {
    const fine = { resolved: 'https://registry.npmjs.org/a/-/a-1.0.0.tgz', integrity: 'sha512-x' };
    expect(strangers([['node_modules/a', fine]])).toEqual([]);
    for (const bad of [
      { resolved: 'https://registry.example.org/a.tgz' },
      { resolved: 'git+ssh://git@github.com/a/a.git' },
      { integrity: 'sha1-x' },
      { hasInstallScript: true },
    ]) {
      expect(strangers([['node_modules/a', { ...fine, ...bad }]])).toHaveLength(1);
    }
  });
});

describe('the package', () => {
  const [{ files, unpackedSize }] = JSON.parse(npm('pack', '--dry-run', '--json', '--ignore-scripts')) as [
    { files: { path: string }[]; unpackedSize: number },
  ];
  const paths = files.map(({ path }) => path);

  test('holds the program, its modules, traces to try, and what one reads', () => {
    expect(paths.filter(path => !path.includes('/')).sort()).toEqual([
      'CHANGELOG.md',
      'LICENSE',
      'NOTICE.md',
      'README.md',
      'package.json',
    ]);
    expect(paths).toEqual(
      expect.arrayContaining(['bin/vmalock.js', 'dist/index.js', 'dist/index.d.ts', 'dist/vmalock.1']),
    );
    const folders = new Set(
      paths.filter(path => path.includes('/')).map(path => path.split('/').slice(0, 2).join('/')),
    );
    const known =
      /^(bin\/vmalock\.js|dist\/(bundle|engine|kernel|lineage|replay|report|trace)|dist\/[\w.]+|traces\/(litmus|recorded|README\.md))$/;
    expect([...folders].filter(folder => !known.test(folder))).toEqual([]);
  });

  test('holds no source, test, map or leftover', () => {
    expect(
      paths.filter(path => /\.map$|\.tmp$|(?<!\.d)\.ts$|(^|\/)(test|src|bench|scripts|node_modules)\//.test(path)),
    ).toEqual([]);
    expect(unpackedSize).toBeLessThan(6_000_000);
  });
});
