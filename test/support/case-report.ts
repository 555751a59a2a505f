import { mkdirSync, writeFileSync } from 'node:fs'
import type { Reporter, TestCase } from 'vitest/node'

const CASE_ID =
  /\b(?:INV|EML|ENU|RAT|SES|CSR|HTP|AUZ|PWD|SEC|LEK|PRV|EC2|CLK|SSH|INJ|SRF|WEB|LOC|CLI|IAC|AUD|AVL)-\d\d\b/g

/** Prints which abuse cases ran and how they ended, by id, and the closing line that a script can read. */
export class CaseReport implements Reporter {
  readonly #cases = new Map<string, { passed: number; failed: number }>()
  #passed = 0
  #failed = 0
  #skipped = 0

  onTestCaseResult(test: TestCase): void {
    const { state } = test.result()
    if (state === 'passed') this.#passed += 1
    else if (state === 'failed') this.#failed += 1
    else this.#skipped += 1
    for (const id of test.fullName.match(CASE_ID) ?? []) {
      const seen = this.#cases.get(id) ?? { passed: 0, failed: 0 }
      if (state === 'passed') seen.passed += 1
      if (state === 'failed') seen.failed += 1
      this.#cases.set(id, seen)
    }
  }

  onTestRunEnd(): void {
    const rows = [...this.#cases].toSorted(([left], [right]) => (left < right ? -1 : 1))
    const words = rows.map(
      ([id, { passed, failed }]) => `${id} ${failed > 0 ? 'FAILED' : passed > 0 ? 'passed' : 'skipped'}`,
    )
    if (words.length > 0) {
      process.stdout.write(`\nAbuse cases (${words.length}):\n`)
      for (let index = 0; index < words.length; index += 6) {
        process.stdout.write(
          `  ${words
            .slice(index, index + 6)
            .map((word) => word.padEnd(16))
            .join('')}\n`,
        )
      }
      mkdirSync('test-report', { recursive: true })
      writeFileSync('test-report/abuse-cases.txt', `${words.join('\n')}\n`)
    }
    const skipped = this.#skipped === 0 ? '' : `, ${this.#skipped} skipped`
    process.stdout.write(`\n${this.#passed} passed, ${this.#failed} failed${skipped}\n`)
  }
}
