/**
 * What a trace names, made harmless for the place it is printed to. Mapping, thread and file names come from strangers:
 * each output has its own way of being fooled, and each has its function here.
 */
import { escapeText } from '../errors.js';

/** JSON in ASCII-safe spelling: control, bidi and invisible characters become `\uXXXX`, which parses back unchanged. */
export function jsonText(value: unknown, indent = 0): string {
  const text = JSON.stringify(value, null, indent);
  return text.replace(/[^\n -~]/gu, c => (escapeText(c) === c ? c : jsonEscape(c)));
}

function jsonEscape(character: string): string {
  let out = '';
  for (let i = 0; i < character.length; i++) out += '\\u' + character.charCodeAt(i).toString(16).padStart(4, '0');
  return out;
}

// A spreadsheet takes a cell that begins so for a formula; the last four are the full-width spellings.
const FORMULA = /^[=+\-@\t\r\uff1d\uff0b\uff0d\uff20]/;

/** Text that no spreadsheet evaluates: escaped, and led by an apostrophe where it would be a formula. */
function spreadsheetText(text: string): string {
  const safe = escapeText(text);
  return FORMULA.test(text) || FORMULA.test(safe) ? "'" + safe : safe;
}

/** A CSV field (RFC 4180): quoted when it holds a comma or a quote. */
export function csvField(text: string): string {
  const safe = spreadsheetText(text);
  return /[",]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** A TSV field: tabs and line ends are spelled out by the escape, so nothing needs quoting. */
export function tsvField(text: string): string {
  return spreadsheetText(text);
}

const ENTITIES: ReadonlyMap<string, string> = new Map([
  ['&', '&amp;'],
  ['<', '&lt;'],
  ['>', '&gt;'],
  ['@', '&#64;'],
  ['://', '&#58;//'],
]);

/** Text inside a Markdown table or paragraph: no cell border, HTML, link, mention or emphasis comes out of it. */
export function markdownText(text: string): string {
  return escapeText(text)
    .replace(/[\\|`*[\]~$#!]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])/g, c => '\\' + c)
    .replace(/[&<>@]|:\/\//g, c => ENTITIES.get(c) ?? c);
}

const HTML_ENTITIES: ReadonlyMap<string, string> = new Map([
  ['&', '&amp;'],
  ['<', '&lt;'],
  ['>', '&gt;'],
  ['"', '&quot;'],
  ["'", '&#39;'],
]);

/** Text inside an HTML element or a quoted attribute: escaped, and no tag, entity or end of a quote comes out of it. */
export function htmlText(text: string): string {
  return escapeText(text).replace(/[&<>"']/g, c => HTML_ENTITIES.get(c) ?? c);
}

/** JSON inside a script element: no `</script>`, no comment and no line separator comes out of it. */
export function scriptJson(value: unknown): string {
  return jsonText(value).replace(/[<>&]/g, jsonEscape);
}
