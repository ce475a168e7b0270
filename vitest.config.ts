import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** By what their paths end with: whoever comes to them last would be at work alone. */
const LONG = [
  'test/cli.test.ts',
  'reference.test.ts',
  'hostile.test.ts',
  'system.test.ts',
  'big.test.ts',
  'readme.test.ts',
];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const [others, sorted] = [LONG.length, await super.sort(files)];
    const place = ({ moduleId }: TestSpecification) => {
      const at = LONG.findIndex(name => moduleId.endsWith(name));
      return at < 0 ? others : at;
    };
    return sorted.sort((a, b) => place(a) - place(b));
  }
}

export default defineConfig({
  test: {
    globalSetup: 'test/temporary.ts',
    sequence: { sequencer: LongestFirst },
    // Most tests wait for a process that they started: a core kept free would stay idle.
    maxWorkers: '100%',
    // Against tests that hang: no test measures time, and a busy machine takes long.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    teardownTimeout: 120_000,
    coverage: {
      include: ['src/engine/**', 'src/kernel/**', 'src/trace/**'],
      reporter: ['text', 'json'],
      reportOnFailure: true,
      // Every branch: what no test takes is either wrong unseen or cannot happen, and then it goes.
      thresholds: { 100: true },
    },
  },
});
