import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createChildren } from '../../../agent/runtime/child.ts'

const run = (script: string, { command = 'sh', limitMilliseconds = 20_000, input = '' } = {}) =>
  createChildren().run({
    command,
    args: ['-c', script],
    env: { PATH: '/usr/bin:/bin' },
    folder: tmpdir(),
    input,
    limitMilliseconds,
  })

describe('a child', () => {
  it('gets its input, and gives its output and its code', async () => {
    expect(await run('cat; exit 3', { input: 'hello' })).toEqual({ reason: 'ended', code: 3, stdout: 'hello' })
  })

  it('may end without reading its input', async () => {
    const input = 'x'.repeat(1_000_000)
    expect(await run('echo done', { input })).toEqual({ reason: 'ended', code: 0, stdout: 'done\n' })
  })

  it('that is not there is told from one that fails', async () => {
    expect(await run('', { command: 'no-such-program' })).toEqual({ reason: 'not_found' })
  })

  it('may leave something behind that holds its output open', async () => {
    expect(await run('sleep 20 & echo done')).toEqual({ reason: 'ended', code: 0, stdout: 'done\n' })
  })

  it('is stopped with all that it started when its time is up', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'vestibule-child-'))
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
    const note = join(folder, 'late')

    expect(await run(`(sleep 1; echo late > ${note}) & wait`, { limitMilliseconds: 200 })).toEqual({
      reason: 'timed_out',
    })
    await sleep(1500)

    expect(existsSync(note)).toBe(false)
  })

  it('is stopped when it does not stop talking', async () => {
    expect(await run('cat /dev/zero')).toEqual({ reason: 'output_too_long' })
  })
})
