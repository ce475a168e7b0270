/** Sources as the rules see them: a file's text without comments or strings, and what it imports. */
import { posix } from 'node:path';

export interface Source {
  /** below src/, with slashes */
  path: string;
  text: string;
}

export interface Rule {
  name: string;
  /** what to think when it is broken */
  think: string;
  /** what is wrong, one line each: `path: what` */
  find(files: readonly Source[]): string[];
  /** each, as files of their own, must be found */
  bad: readonly Readonly<Record<string, string>>[];
  /** must be left alone */
  good: Readonly<Record<string, string>>;
}

/** `target` is a path below src/ for a file of ours, else the package. */
type Import = { target: string; ours: boolean; typeOnly: boolean };

/** The file of a series. */
export const DATED = /^lineage\/(\d{4}-\d{2})-[a-z0-9.-]+\.ts$/;
const STRING = /'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`/g;
const STRING_OR_COMMENT = new RegExp(`${STRING.source}|/\\*[\\s\\S]*?\\*/|//[^\\n]*`, 'g');

/** The text without its comments. */
export const code = (text: string) => text.replace(STRING_OR_COMMENT, part => (/^\/[/*]/.test(part) ? ' ' : part));
/** The text without its comments and with its strings emptied. */
export const bare = (text: string) => code(text).replace(STRING, "''");

export function importsOf({ path, text }: Source): Import[] {
  const found = code(text).matchAll(
    /^\s*(?:import|export)\b(?<clause>[^;'"()]*?)\bfrom\s*'(?<from>[^']+)'|(?<!['\w.])import\s*\(?\s*'(?<bare>[^']+)'/gm,
  );
  return [...found].map(({ groups }) => {
    const { clause = '', from, bare: alone } = groups as Record<string, string | undefined>;
    const name = from ?? alone ?? '';
    const ours = name.startsWith('.');
    const names = /^\s*\{(.*)\}\s*$/s
      .exec(clause)?.[1]
      .split(',')
      .filter(part => part.trim() !== '');
    const typeOnly = /^\s*type\b/.test(clause) || (names?.every(part => /^\s*type\s/.test(part)) ?? false);
    const target = ours ? posix.join(posix.dirname(path), name).replace(/\.js$/, '.ts') : name;
    return { target, ours, typeOnly };
  });
}

/** Every match of `pattern` in what `view` shows of a file, where `applies`. */
export const grep =
  (pattern: RegExp, view: (text: string) => string, applies: (path: string) => boolean = () => true) =>
  (files: readonly Source[]): string[] =>
    files
      .filter(({ path }) => applies(path))
      .flatMap(({ path, text }) => [...view(text).matchAll(pattern)].map(([found]) => `${path}: ${found.trim()}`));
