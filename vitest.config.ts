import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    globalSetup: 'test/temporary.ts',
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
