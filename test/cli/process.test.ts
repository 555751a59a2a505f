import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it, onTestFinished } from 'vitest'
import { createTokenStore, systemKeychain } from '../../cli/token-store.ts'
import { Secret } from '../../lambdas/core/secret.ts'

const CLI = fileURLToPath(new URL('../../bin/cli.ts', import.meta.url))

const ANSWERS: Record<string, unknown> = {
  '/api/session': { account: { id: 'a', email: 'help@example.com', role: 'support' }, tenant: null },
  '/api/support/agents': { agents: [{ id: 'x', name: 'A', status: 'ready' }] },
  '/api/support/certificates': { certificate: 'ssh-cert', instanceId: 'i-0123456789abcdef0' },
}

/** The command line as a process of its own, with the programs that a test gives it. */
const start = async (programs: Record<string, string>, hangAt?: string) => {
  const folder = mkdtempSync(join(tmpdir(), 'vestibule-process-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const asked = Promise.withResolvers<void>()
  const server = createServer(({ url = '' }, response) => {
    if (url.startsWith(hangAt ?? 'never')) return asked.resolve()
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify(ANSWERS[url.split('?')[0] ?? '']))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  createTokenStore(join(folder, 'vestibule'), systemKeychain('linux', {})).save(
    `http://127.0.0.1:${port}`,
    new Secret(`vst_pat_${'A'.repeat(72)}`),
  )
  for (const [name, script] of Object.entries(programs)) {
    writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`)
    chmodSync(join(folder, name), 0o700)
  }
  const child = spawn(process.execPath, [CLI, 'ssh', 'A', '--reason', 'Ticket 4711'], {
    env: { PATH: `${folder}:/usr/bin:/bin`, XDG_CONFIG_HOME: folder, NOTES: folder },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const note = (name: string): string => readFileSync(join(folder, name), 'utf8').trim()
  return { child, note, asked: asked.promise }
}

/** Makes what stands for a key, and notes where. */
const KEYGEN = 'for file; do :; done; echo private > "$file"; echo public > "$file.pub"; echo "$file" > "$NOTES/key"'

it('H8 a support session that a signal ends leaves no key behind', async () => {
  const { child, note } = await start({
    'ssh-keygen': KEYGEN,
    ssh: 'kill -TERM $PPID; sleep 0.2; ls "$(dirname "$(cat "$NOTES/key")")" > "$NOTES/during"',
  })
  await once(child, 'exit')

  expect(note('during').split('\n')).toEqual(['key', 'key-cert.pub', 'key.pub'])
  expect(existsSync(dirname(note('key')))).toBe(false)
})

it('H8 neither does one that is broken off while it waits for its certificate', async () => {
  const { child, note, asked } = await start({ 'ssh-keygen': KEYGEN, ssh: 'exit 0' }, '/api/support/certificates')
  await asked
  expect(existsSync(note('key'))).toBe(true)

  child.kill('SIGINT')
  const [code] = await once(child, 'exit')

  expect([code, existsSync(dirname(note('key')))]).toEqual([130, false])
})
