import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.{ts,tsx}'],
    exclude: ['test/e2e/**', 'test/conformance-remote/**'],
    setupFiles: ['test/support/setup.ts'],
    testTimeout: 20_000,
    pool: 'threads',
    sequence: { concurrent: false },
  },
})
