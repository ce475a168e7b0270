/** Bytes that are no text, text that is cut off, packing that is damaged. */
import { gzipSync } from 'node:zlib';
import { fault, HEADER, type HostileCase, mmap, stream } from '../case.js';

const NAMED = JSON.stringify(mmap({ name: '@@' }));
const TEXT = stream(mmap(), ...Array.from({ length: 400 }, (_, i) => fault({ t: 1_000 * i, cpu: (i * i) % 7 })));
const LONG =
  TEXT +
  TEXT.slice(TEXT.indexOf('{"op":"fault"'))
    .replaceAll(/"t":\d+/g, '"t":500000')
    .repeat(9);
const GZIP = gzipSync(TEXT);

/** A stream whose second line holds a mapping with a name of these bytes. */
function named(...bytes: number[]): Buffer {
  const [before, after] = stream(NAMED, fault()).split('@@');
  return Buffer.concat([Buffer.from(before), Buffer.from(bytes), Buffer.from(after)]);
}

function utf16be(text: string): Buffer {
  return Buffer.from(text, 'utf16le').swap16();
}

function utf32le(text: string): Buffer {
  return Buffer.from(Uint32Array.from([...text], c => c.codePointAt(0)!).buffer);
}

const flipped = (bytes: Buffer, at: number): Buffer => {
  const copy = Buffer.from(bytes);
  copy[at < 0 ? bytes.length + at : at] ^= 0xff;
  return copy;
};

const encoding = (name: string, input: string | Uint8Array, says: RegExp, line?: number): HostileCase => ({
  name,
  input,
  refused: { class: 'encoding', says, ...(line && { line }) },
});

const syntax = (name: string, input: string | Uint8Array, line: number, says: RegExp): HostileCase => ({
  name,
  input,
  refused: { class: 'json-syntax', line, says },
});

const fine = (name: string, input: string | Uint8Array): HostileCase => ({
  name,
  input,
  result: { models: [{}, { model: 'v7.3', faults: { total: 1, vma_lock: 1 } }] },
});

const ONE = stream(mmap(), fault());

export const BYTE_CASES: readonly HostileCase[] = [
  encoding('bytes that are not UTF-8', named(0xff, 0xfe), /0xff is not UTF-8/, 2),
  encoding('Latin-1', named(0xe9), /0xe9 is not UTF-8/, 2),
  encoding('an overlong slash', named(0xc0, 0xaf), /0xc0 is not UTF-8/, 2),
  encoding('an overlong NUL', named(0xe0, 0x80, 0x80), /not UTF-8/, 2),
  encoding('a surrogate in UTF-8 (CESU)', named(0xed, 0xa0, 0x80), /not UTF-8/, 2),
  encoding('a character above U+10FFFF', named(0xf4, 0x90, 0x80, 0x80), /not UTF-8/, 2),
  encoding('a character cut off by the end of the line', named(0xe2, 0x82), /0xe2 is not UTF-8/, 2),
  encoding('a lone surrogate, escaped', stream(NAMED.replace('@@', '\\ud800')), /lone surrogate/, 2),
  encoding('two surrogates the wrong way round', stream(NAMED.replace('@@', '\\udc00\\ud800')), /lone surrogate/, 2),
  encoding('UTF-16 with a byte order mark', Buffer.from(`\ufeff${ONE}`, 'utf16le'), /looks like UTF-16 text/, 1),
  encoding('UTF-16, big end first', utf16be(`\ufeff${ONE}`), /looks like UTF-16 text/, 1),
  encoding('UTF-16 without a byte order mark', Buffer.from(ONE, 'utf16le'), /looks like UTF-16 text/, 1),
  encoding('UTF-16, big end first, without', utf16be(ONE), /looks like UTF-16 text/, 1),
  encoding('UTF-32', utf32le(`\ufeff${ONE}`), /looks like UTF-32 text/, 1),
  encoding('UTF-32 without a byte order mark', utf32le(ONE), /looks like UTF-32 text/, 1),
  fine('a byte order mark', `\ufeff${ONE}`),
  syntax('two byte order marks', `\ufeff\ufeff${ONE}`, 1, /found "\\u\{feff\}\{/),
  syntax('a byte order mark on line 2', stream(`\ufeff${JSON.stringify(mmap())}`), 2, /found "\\u\{feff\}\{/),
  fine('CRLF', ONE.replaceAll('\n', '\r\n')),
  fine('no line feed at the end', ONE.trimEnd()),
  fine('blank lines', `\n\n${ONE.replaceAll('\n', '\n \n\t\n')}`),
  syntax('line numbers behind blank lines and CRLF', `${HEADER}\r\n\r\n\n{"op":}\r\n`, 4, /expected/),
  syntax('CR alone', ONE.replaceAll('\n', '\r'), 1, /end lines with LF or CRLF, not with CR alone/),
  syntax('CR alone in a document', `[${JSON.stringify(mmap())}\r${JSON.stringify(fault())}]`, 1, /not with CR alone/),
  syntax('a raw NUL', stream(NAMED.replace('@@', '\0')), 2, /./),
  syntax('a raw tab in a string', stream(NAMED.replace('@@', '\t')), 2, /./),
  syntax('NULs behind the trace', ONE + '\0'.repeat(512), 4, /./),
  syntax('a last line cut off', TEXT.slice(0, -30), 402, /./),
  syntax('100,001 bytes of a longer one', LONG.slice(0, 100_001), LONG.slice(0, 100_001).split('\n').length, /./),
  syntax('a document cut off between events', `[${JSON.stringify(mmap())},\n`, 2, /the trace is truncated/),
  syntax('a header cut off', HEADER.slice(0, 20), 1, /without its closing quote/),
  encoding('gzip cut off', GZIP.subarray(0, GZIP.length >> 1), /truncated gzip data/),
  encoding('gzip cut off in its check sum', GZIP.subarray(0, -3), /truncated gzip data/),
  encoding('gzip cut off behind its magic bytes', GZIP.subarray(0, 3), /truncated gzip data/),
  encoding('gzip with a wrong check sum', flipped(GZIP, -6), /damaged gzip data: "incorrect data check"/),
  encoding('gzip with a wrong length', flipped(GZIP, -1), /damaged gzip data: "incorrect length check"/),
  encoding('gzip damaged in its middle', flipped(GZIP, GZIP.length >> 1), /gzip data/),
  encoding('gzip with text behind it', Buffer.concat([GZIP, Buffer.from('text')]), /gzip data/),
  encoding('gzip of gzip', gzipSync(GZIP), /what was packed here is packed data/),
  encoding('perf.data', Buffer.from(`PERFILE2h${'\0'.repeat(200)}`), /looks like perf\.data.*run: perf script/, 1),
  encoding('perf.data in gzip', gzipSync(`PERFILE2h${'\0'.repeat(200)}`), /looks like perf\.data/, 1),
  encoding('an ELF program', Buffer.from(`\x7fELF\x02\x01\x01${'\0'.repeat(50)}`, 'latin1'), /looks like an ELF/, 1),
];
