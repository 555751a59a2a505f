import { defineConfig } from 'vitest/config'
import { CaseReport } from './test/support/case-report.ts'

export default defineConfig({
  test: {
    include: ['test/**/*.test.{ts,tsx}'],
    exclude: ['test/e2e/**'],
    setupFiles: ['test/support/setup.ts'],
    reporters: ['default', new CaseReport()],
    testTimeout: 30_000,
    pool: 'threads',
  },
})
