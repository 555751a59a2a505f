import { defineConfig } from 'vitest/config'
import { CaseReport } from '../support/case-report.ts'

export default defineConfig({
  test: {
    include: ['test/e2e/**/*.test.ts'],
    reporters: ['default', new CaseReport()],
    testTimeout: 180_000,
    hookTimeout: 60_000,
    fileParallelism: false,
  },
})
