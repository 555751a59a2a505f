import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { PUBLIC_CASES } from './public-cases.ts'

const TESTS = join(import.meta.dirname, '..')

it('each public abuse case is named by a test', () => {
  const texts = readdirSync(TESTS, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.test.ts') || path.endsWith('.test.tsx'))
    .map((path) => readFileSync(join(TESTS, path), 'utf8'))
  expect(PUBLIC_CASES.filter((id) => !texts.some((text) => text.includes(id)))).toEqual([])
})
