/** Lines that are rare: right ones spelled oddly, and wrong ones, one for each thing that can be wrong with an event. */

const fault = (rest: string) => `{"op":"fault","tid":1,"addr":"0x1000","access":"read"${rest}}`;
const mmap = (flags: string, rest = '') =>
  `{"op":"mmap","tid":1,"addr":"0x1000","len":"0x1000","prot":"r--","flags":${flags}${rest}}`;
const mremap = (newLen: string, rest = '') =>
  `{"op":"mremap","tid":1,"addr":"0x1000","old_len":"0x1000","new_len":${newLen},"new_addr":"0x3000"${rest}}`;
const mlock = (rest: string) => `{"op":"mlock","tid":1${rest}}`;
const register = (modes: string) => `{"op":"uffd_register","tid":1,"addr":"0x1000","len":"0x1000","modes":${modes}}`;
const locks = (sections: string) => `{"op":"exit","tid":1,"locks":${sections}}`;
const SECTION = '{"mode":"read","ask":1,"got":2,"end":3}';

/** Right, whatever they look like. */
export const RIGHT: readonly string[] = [
  fault(',"page":{}'),
  fault(',"page":{"entry":"swap","folio":"locked","huge":"pmd","readahead":true,"shared":false,"wait":5}'),
  fault(',"truth":{}'),
  fault(',"truth":{"path":"killed","fallback":false,"anon_prepare":"ok","via":"x","wait":7}'),
  fault(',"mode":"user"'),
  fault(',"mode":"kernel"'),
  fault(',"x-hidden":"page cache"'),
  fault(',"x-hidden":"memory"'),
  fault(',"t":1\t,"cpu":2\r,"mm":3 '),
  mmap('[]'),
  mmap('["private","anonymous","growsdown"]', ',"name":"[stack]"'),
  mmap('["private"]', ',"file":{"name":"/etc/x","fs":"ext4"}'),
  mmap('["private"]', ',"file":{"name":"/etc/x","fs":"ext4"},"offset":8192'),
  mmap('["private"]', ',"file":{"name":"/etc/\u00e4"}'),
  mmap('["private"]', ',"file":{"x-mine":{}}'),
  mmap('["private"]', ',"file":{"later":1}'),
  mmap('["private"]', ',"file":{"map_pages":false,"pfn":true}'),
  mmap('["private"]', `,"name":"${'n'.repeat(5000)}"`),
  // texts that share a slot of a cache: the same hash, and another length
  ...['Aa', 'BB', 'A', '!B', 'Aa'].map(name => `{"op":"thread","tid":1,"name":"${name}"}`),
  mremap('"0x1000"', ',"flags":[]'),
  mremap('1', ',"flags":["maymove","fixed"]'),
  mlock(''),
  mlock(',"addr":4096,"len":1,"mode":["current","future"]'),
  mlock(',"mode":4'),
  register('[]'),
  register('["missing","wp"]'),
  '{"op":"madvise","tid":1,"addr":"0x1000","len":"0x1000","advice":"never_heard_of"}',
  '{"op":"read_maps","tid":1}',
  '{"op":"read_maps","tid":1,"kind":"smaps","reader_pid":7}',
  '{"op":"vma","addr":"0x1000","len":"0x1000","prot":"r--","flags":["private"],"anon_vma":true}',
  '{"op":"reclaim","addr":"0x1000","len":"0x1000"}',
  locks('[]'),
  locks(`[${SECTION} , ${SECTION}]`),
];

/** Not events of the format: their shape is wrong. */
export const WRONG: readonly string[] = [
  '{"op":"fault","tid":1,"addr":"0x1000"}',
  '{"op":"fault","tid":1,"addr":"0xG","access":"read"}',
  '{"op":"fault","tid":1,"addr":-1,"access":"read"}',
  '{"op":"fault","tid":1,"addr":1.5,"access":"read"}',
  '{"op":"fault","tid":1,"addr":"0x1000","access":1}',
  '{"op":"fault","tid":1,"addr":"0x1000","access":"peek"}',
  '{"op":"exit","tid":-1}',
  '{"op":"exit","tid":1,"cpu":2147483648}',
  '{"op":"thread","tid":1,"name":5}',
  '{"op":"vma","addr":"0x1000","len":"0x1000","prot":"r--","flags":["private"],"anon_vma":1}',
  '{"op":"madvise","tid":1,"addr":"0x1000","len":"0x1000","advice":4}',
  fault(',"mode":"hyper"'),
  ...['5', '{"entry":5}', '{"entry":"gone"}', '{"readahead":1}', '{"wait":-1}', '[]'].map(page =>
    fault(`,"page":${page}`),
  ),
  ...['5', '{"path":"lost"}', '{"fallback":1}', '{"anon_prepare":"maybe"}', '{"via":1}', '{"wait":-1}'].map(truth =>
    fault(`,"truth":${truth}`),
  ),
  ...['"private"', '[1]', '["nothing"]', '["read"]', '["maymove"]'].map(flags => mmap(flags)),
  ...['5', '{"name":1}', '{"name":null}', '{"fs":1}', '{"map_pages":1}', '[]'].map(file =>
    mmap('["private"]', `,"file":${file}`),
  ),
  mremap('"0x1000"', ',"flags":["private"]'),
  mremap('"0x1000"', ',"flags":[5]'),
  ...['[1]', '-1', 'true', '{}'].map(mode => mlock(`,"mode":${mode}`)),
  ...['"missing"', '["swapped"]', '["private"]', '[1]'].map(modes => register(modes)),
  ...[
    '5',
    '[5]',
    '[{}]',
    '[{"mode":"shared","ask":1,"got":2,"end":3}]',
    '[{"mode":"read","ask":-1,"got":2,"end":3}]',
    '[{"mode":"read","ask":1,"got":2}]',
  ].map(locks),
];

/** Refused before anybody asks for their shape, or for what they say. */
export const BROKEN: readonly string[] = [
  fault(',"page":{"wait":1,"wait":2}'),
  fault(',"truth":{"wait":1,"wait":2}'),
  fault(',"page":{"entry" "swap"}'),
  fault(',"truth":{"path" "killed"}'),
  fault(',"page":{"wait":1 "entry":"swap"}'),
  fault(',"truth":{"wait":1 "path":"killed"}'),
  fault(',"t":1x'),
  mmap('["private" "anonymous"]'),
  mmap('["private"]', ',"file":{"name":"a\nb"}'),
  mmap('["private"]', ',"file":{name}'),
  register('["missing" "wp"]'),
  locks('[{"mode":"read","mode":"read","ask":1,"got":2,"end":3}]'),
  locks('[{"mode" "read"}]'),
  locks('[{"mode":"read" "ask":1}]'),
  locks(`[${SECTION} ${SECTION}]`),
  mremap('"0x0"'),
  mremap('0'),
  mremap('"0xffffffffffffffff"'),
  mremap('"0x1000"').replace('"old_len":"0x1000"', '"old_len":"0xffffffffffffffff"'),
  locks('[{"mode":"read","ask":3,"got":2,"end":3}]'),
];
