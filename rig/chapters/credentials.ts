import assert from 'node:assert/strict'
import { PLANTED } from '../agents.ts'
import { must } from '../../test/support/browser.ts'
import { askAgent } from '../ask-agent.ts'
import { eventually } from '../eventually.ts'
import type { Rig } from '../rig.ts'
import { searchDisk, searchEnvironments, searchFiles, searchLog } from '../search.ts'
import { sha256Hex } from '../../lambdas/core/digest.ts'
import type { Agents } from './journey.ts'

const CREDENTIALS_FILE = '/run/vestibule/credentials/credentials.json'
const CHANGED = {
  claudeCodeToken: 'sk-ant-oat01-ChangedInTheRig0aB3dE5fG7hJ9kL',
  githubToken: 'ghp_ChangedInTheRig0mN2pQ4rS6tU8vW',
}
const SEEN_SECONDS = 60

const digestLines = (claudeCodeToken: string, githubToken: string | null): string =>
  [
    `CLAUDE_CODE_OAUTH_TOKEN ${sha256Hex(claudeCodeToken)}`,
    'ANTHROPIC_API_KEY none',
    `GH_TOKEN ${githubToken === null ? 'none' : sha256Hex(githubToken)}`,
  ].join('\n')

/** What the agent's own process is started with, followed from the dashboard to the process and looked for everywhere else. */
export const credentials = async (rig: Rig, { ana }: Agents): Promise<void> => {
  const { report } = rig
  report.chapter('Credentials')
  await report.check('Claude Code is started with what the tenant handed over', async () => {
    assert.equal(await askAgent(rig, 'Hello'), digestLines(PLANTED.claudeCodeToken, PLANTED.githubToken))
  })

  const change = async (patch: Record<string, string | null>, expected: string): Promise<void> => {
    const changedAt = performance.now()
    must(await ana.tenant.patch(`/api/agents/${ana.id}/credentials`, patch), 200, 'change credentials')
    await eventually(
      'the process sees the change',
      SEEN_SECONDS,
      async () => (await askAgent(rig, 'Now?')) === expected,
    )
    const seconds = (performance.now() - changedAt) / 1000
    report.note(`seen ${seconds.toFixed(1)} s after the change`)
    assert.ok(seconds <= SEEN_SECONDS)
  }
  await report.check('credentials changed in the dashboard are what the process sees within 60 s', () =>
    change(CHANGED, digestLines(CHANGED.claudeCodeToken, CHANGED.githubToken)),
  )
  await report.check('a credential that was removed is gone from the process within 60 s', () =>
    change({ githubToken: null }, digestLines(CHANGED.claudeCodeToken, null)),
  )

  const held = [CHANGED.claudeCodeToken, PLANTED.slackBotToken, PLANTED.slackAppToken]
  const past = [PLANTED.claudeCodeToken, PLANTED.githubToken, CHANGED.githubToken]
  await report.check(
    'no credential is on the machine’s disk, in its log or in a file other than the one in memory',
    async () => {
      const machine = ana.machine()
      assert.deepEqual(await searchDisk(machine, [...held, ...past]), [])
      assert.deepEqual(await searchLog(machine, [...held, ...past]), [])
      assert.deepEqual(await searchFiles(machine, held), [CREDENTIALS_FILE])
      assert.deepEqual(await searchFiles(machine, past), [])
    },
  )
  await report.check('no process that lasts has a credential in its environment', async () => {
    assert.deepEqual(await searchEnvironments(ana.machine(), [...held, ...past]), [])
  })
}
