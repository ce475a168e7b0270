import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    // Against tests that hang: no test measures time, and a busy machine takes long.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    coverage: {
      include: ['src/engine/**', 'src/kernel/**', 'src/trace/**'],
      reporter: ['text', 'json'],
      reportOnFailure: true,
      // Every branch: what no test takes is either wrong unseen or cannot happen, and then it goes.
      thresholds: { 100: true },
    },
  },
});
