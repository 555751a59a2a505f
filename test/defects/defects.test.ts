import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { DEFECTS } from './defects.ts'

const read = (path: string): string => readFileSync(join(import.meta.dirname, '../..', path), 'utf8')

describe('the list of seeded defects', () => {
  it('is long enough, and names each once', () => {
    expect(DEFECTS.length).toBeGreaterThanOrEqual(30)
    expect(new Set(DEFECTS.map(({ name }) => name)).size).toBe(DEFECTS.length)
  })

  it.each(DEFECTS.map((defect) => [defect.name, defect] as const))('still fits: %s', (_name, defect) => {
    const { file, from, to, caughtBy } = defect

    expect(to).not.toBe(from)
    expect(read(file).split(from).length - 1).toBe(1)
    expect(read(caughtBy.file)).toContain(caughtBy.name)
  })
})
