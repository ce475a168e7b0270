/** `vmalock schema`: the published JSON Schemas, and without a name the list of them. */
import { Argument, type Command } from 'commander';
import { Complaint, nearest, quote } from '../errors.js';
import { type BaseOptions, filesBeside, withBase, withExamples } from './options.js';
import { openSink } from './output.js';

const SCHEMAS: Readonly<Record<string, { what: string; load: () => Promise<unknown> }>> = {
  trace: {
    what: 'a trace, as a document or one event a line',
    load: async () => (await import('../trace/schema.js')).traceJsonSchema(),
  },
  replay: {
    what: 'the result of replay --format json',
    load: async () => (await import('../replay/schema.js')).replayJsonSchema(),
  },
  diff: {
    what: 'the result of diff --format json',
    load: async () => (await import('../replay/schema.js')).diffJsonSchema(),
  },
  'diff-traces': {
    what: 'the result of diff --format json of two traces',
    load: async () => (await import('../replay/diff-traces-schema.js')).diffTracesJsonSchema(),
  },
  verify: {
    what: 'the result of verify --format json',
    load: async () => (await import('../replay/schema.js')).verifyJsonSchema(),
  },
  explain: {
    what: 'the result of explain --format json',
    load: async () => (await import('../replay/explain-schema.js')).explainJsonSchema(),
  },
  series: {
    what: 'a series of your own, for --model ./series.json',
    load: async () => {
      const [{ stageSchema }, z] = await Promise.all([import('../kernel/stage-file.js'), import('zod')]);
      return z.toJSONSchema(stageSchema, { io: 'input' });
    },
  },
};

export function registerSchema(program: Command): void {
  const name = new Argument('[name]', `${Object.keys(SCHEMAS).join(', ')}; without it, the list`);
  name.argChoices = Object.keys(SCHEMAS);
  const command = program.command('schema').addArgument(name).description('print a published JSON Schema');
  withExamples(command, 'schema trace -o trace.schema.json');
  withBase(command).action(async (name: string | undefined, options: BaseOptions) => {
    const text = name === undefined ? listing() : await schemaText(name);
    const sink = openSink(options.out, filesBeside(options));
    sink.write(text);
    await sink.commit();
  });
}

function listing(): string {
  const width = Math.max(...Object.keys(SCHEMAS).map(name => name.length));
  return Object.entries(SCHEMAS)
    .map(([name, { what }]) => `${name.padEnd(width)}  ${what}\n`)
    .join('');
}

async function schemaText(name: string): Promise<string> {
  if (!Object.hasOwn(SCHEMAS, name)) {
    const near = nearest(name, Object.keys(SCHEMAS));
    const hint = near === undefined ? `there are ${Object.keys(SCHEMAS).join(', ')}` : `did you mean ${near}?`;
    throw new Complaint('usage', `no schema ${quote(name)}`, {}, hint);
  }
  return JSON.stringify(await SCHEMAS[name].load(), null, 2) + '\n';
}
