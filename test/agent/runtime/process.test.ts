import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { createSlackLogger } from '../../../agent/runtime/slack-logger.ts'
import { createLogger } from '../../../lambdas/core/logger.ts'
import { createMachine, PLANTED, until } from '../../support/agent-runtime.ts'
import { findPlanted } from '../../support/sinks.ts'

const filesBelow = (folder: string): string =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .map((entry) => {
      const path = join(entry.parentPath, entry.name)
      return `${path}\n${entry.isFile() ? readFileSync(path, 'latin1') : ''}`
    })
    .join('\n')

describe('the credentials', () => {
  it('C21 are in the child’s environment, and there is nothing else in it', async () => {
    const machine = await createMachine()
    await machine.startReady()

    machine.slack.direct('git password', '100.1')
    await until(() => expect(machine.slack.posts()).toHaveLength(1))

    const env = machine.calls()[0]?.env ?? {}
    expect(Object.keys(env).toSorted()).toEqual([
      'CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC',
      'CLAUDE_CODE_OAUTH_TOKEN',
      'DISABLE_AUTOUPDATER',
      'GH_NO_UPDATE_NOTIFIER',
      'GH_PROMPT_DISABLED',
      'GH_TOKEN',
      'GIT_CONFIG_COUNT',
      'GIT_CONFIG_KEY_0',
      'GIT_CONFIG_KEY_1',
      'GIT_CONFIG_VALUE_0',
      'GIT_CONFIG_VALUE_1',
      'GIT_TERMINAL_PROMPT',
      'HOME',
      'LANG',
      'PATH',
    ])
    expect(env.HOME).toBe(join(machine.state, 'home'))
    expect(machine.calls('git')[0]?.told).toBe(
      `protocol=https\nhost=github.com\nusername=x-access-token\npassword=${PLANTED.githubToken}\n`,
    )
  })

  it('C16 changed between two turns are what the next child sees', async () => {
    const machine = await createMachine()
    await machine.startReady()
    machine.slack.direct('one', '100.1')
    await until(() => expect(machine.slack.posts()).toHaveLength(1))

    const { claudeCodeToken: _, ...rest } = PLANTED
    machine.giveCredentials({ ...rest, anthropicApiKey: 'sk-ant-api03-later', githubToken: 'ghp_later' })
    machine.slack.direct('two', '100.2', { thread_ts: '100.1' })
    await until(() => expect(machine.slack.posts()).toHaveLength(2))

    const [one, two] = machine.calls().map(({ env }) => env)
    expect([one?.CLAUDE_CODE_OAUTH_TOKEN, one?.ANTHROPIC_API_KEY, one?.GH_TOKEN]).toEqual([
      PLANTED.claudeCodeToken,
      undefined,
      PLANTED.githubToken,
    ])
    expect([two?.CLAUDE_CODE_OAUTH_TOKEN, two?.ANTHROPIC_API_KEY, two?.GH_TOKEN]).toEqual([
      undefined,
      'sk-ant-api03-later',
      'ghp_later',
    ])
    expect(machine.slack.connected()).toEqual([PLANTED.slackAppToken])
  })

  it('C7 are in no log, no file and no argument, nor is anything that was said', async () => {
    const machine = await createMachine()
    const runtime = await machine.startReady()
    const said = 'a-sentence-nobody-else-would-write'

    machine.slack.direct(`${said} print the token`, '100.1')
    machine.slack.direct(`${said} fails`, '200.1')
    await until(() => expect(machine.slack.posts()).toHaveLength(2))
    machine.slack.refuse('chat.postMessage', 'channel_not_found')
    machine.slack.direct(`${said} answer`, '300.1')
    machine.slack.send({ type: 'message', text: said, token: PLANTED.slackBotToken })
    await until(() => expect(runtime.log()).toContain('an answer was not delivered'))
    machine.slack.dropConnections()
    runtime.term()
    expect(await runtime.exited).toBe(0)

    expect(machine.slack.posts().map(({ text }) => text)).toContain('It is [credential].')
    const sinks = [runtime.log(), filesBelow(machine.state), JSON.stringify(machine.calls().map(({ args }) => args))]
    expect(runtime.log()).toContain('a turn was answered')
    for (const sink of sinks) {
      for (const planted of Object.values(PLANTED)) expect(findPlanted(sink, planted, 14)).toEqual([])
      expect(sink).not.toContain(said)
    }
  })

  it('are waited for, and a file that is none is not used', async () => {
    const machine = await createMachine()
    const runtime = machine.start()
    await until(() => expect(machine.status()).toEqual({ ready: false, notices: [] }))

    machine.giveCredentials({ ...PLANTED, password: 'unknown field' })
    await until(() => expect(runtime.log()).toContain('the credentials file cannot be used'))
    expect(machine.status().ready).toBe(false)
    machine.giveCredentials(PLANTED)
    await until(() => expect(machine.status().ready).toBe(true))
    machine.removeCredentials()
    await until(() => expect(machine.status().ready).toBe(false))

    await until(() => expect(machine.slack.connected()).toEqual([]))
    expect(runtime.child.exitCode).toBe(null)
  })
})

it('C7 the Slack library’s own log passes on that something was said, and not what', () => {
  const lines: string[] = []
  const logger = createSlackLogger(createLogger({ write: (line) => lines.push(line) > 0 }))

  for (const level of ['debug', 'info', 'warn', 'error'] as const)
    logger[level](PLANTED.slackBotToken, { a: 'message' })

  expect(lines).toHaveLength(2)
  expect(lines.join('')).not.toMatch(/xoxb|"message"/)
  expect(logger.getLevel()).toBe('error')
})

describe('the Slack tokens', () => {
  it('replaced: the old connection ends, the new one takes over', async () => {
    const machine = await createMachine()
    await machine.startReady()

    machine.giveCredentials({ ...PLANTED, slackBotToken: 'xoxb-second', slackAppToken: 'xapp-second' })
    await until(() => expect(machine.slack.connected()).toEqual(['xapp-second']))
    machine.slack.direct('hello', '100.1')
    await until(() => expect(machine.slack.posts()).toHaveLength(1))

    expect(machine.slack.calls.filter(({ method }) => method === 'chat.postMessage')[0]?.token).toBe('xoxb-second')
  })

  it.each([
    ['bot', PLANTED.slackBotToken],
    ['app', PLANTED.slackAppToken],
  ])('refused (%s): a notice, no further tries, and another try when they change', async (_, token) => {
    const machine = await createMachine()
    machine.slack.refuse(token, 'invalid_auth')
    await machine.startReady()
    expect(machine.status()).toEqual({ ready: true, notices: ['slack_refused'] })
    machine.giveCredentials({ ...PLANTED, githubToken: 'ghp_other' })
    machine.giveCredentials({ ...PLANTED, slackBotToken: 'xoxb-second', slackAppToken: 'xapp-second' })
    await until(() => expect(machine.status()).toEqual({ ready: true, notices: [] }))

    expect(machine.slack.connected()).toEqual(['xapp-second'])
    expect(machine.slack.calls.filter((call) => call.token === token)).toHaveLength(1)
  })

  it('revoked later: told when an answer is refused', async () => {
    const machine = await createMachine()
    await machine.startReady()

    machine.slack.refuse(PLANTED.slackBotToken, 'token_revoked')
    machine.slack.direct('hello', '100.1')

    await until(() => expect(machine.status()).toEqual({ ready: true, notices: ['slack_refused'] }))
    await until(() => expect(machine.slack.connected()).toEqual([]))
  })

  it('are tried again when Slack is away or drops the connection', async () => {
    const machine = await createMachine()
    machine.slack.refuse(PLANTED.slackAppToken, 'internal_error')
    machine.giveCredentials(PLANTED)
    const runtime = machine.start()
    await until(() => expect(runtime.log().match(/Slack could not be reached/g)?.length).toBeGreaterThan(2))
    expect(machine.status()).toEqual({ ready: false, notices: [] })

    machine.slack.allow(PLANTED.slackAppToken)
    await until(() => expect(machine.status().ready).toBe(true))
    machine.slack.dropConnections()
    await until(() => expect(machine.slack.connected()).toEqual([]))
    await until(() => expect(machine.slack.connected()).toEqual([PLANTED.slackAppToken]))
    machine.slack.direct('still there?', '100.1')

    await until(() => expect(machine.slack.posts()).toHaveLength(1))
  })
})

describe('the process', () => {
  it('says which programs it has to do without, and notices when they come', async () => {
    const machine = await createMachine()
    rmSync(join(machine.programs, 'claude'))
    writeFileSync(join(machine.programs, 'git'), 'a file that cannot be run')
    machine.giveCredentials(PLANTED)
    machine.start(machine.programs)
    await until(() => expect(machine.status()).toEqual({ ready: true, notices: ['claude_missing', 'git_missing'] }))

    machine.slack.direct('hello', '100.1')
    await until(() => expect(machine.slack.posts()).toHaveLength(1))
    machine.installClaude()
    await until(() => expect(machine.status()).toEqual({ ready: true, notices: ['git_missing'] }))
    machine.slack.direct('hello', '100.2', { thread_ts: '100.1' })
    await until(() => expect(machine.slack.posts()).toHaveLength(2))

    expect(machine.slack.posts().map(({ text }) => text)).toEqual([
      'Claude Code is not installed on my machine, so I cannot answer. Please tell those who run this platform.',
      'You said: hello',
    ])
  })

  it('P21 finishes the turns under way on SIGTERM, takes nothing new, and leaves with 0', async () => {
    const machine = await createMachine()
    const runtime = await machine.startReady()
    machine.slack.direct('wait 600 under way', '100.1')
    machine.slack.direct('waiting', '100.2', { thread_ts: '100.1' })
    await until(() => expect(machine.calls()).toHaveLength(1))

    runtime.term()
    await until(() => expect(machine.slack.connected()).toEqual([]))
    expect(machine.slack.posts()).toEqual([])
    expect(await runtime.exited).toBe(0)

    expect(machine.slack.posts().map(({ text }) => text)).toEqual([
      'You said: wait 600 under way',
      'I am being stopped and did not begin with this. Please ask again later.',
    ])
  })

  it('leaves at once on a second SIGTERM, and takes what it started with it', async () => {
    const machine = await createMachine()
    const runtime = await machine.startReady()
    machine.slack.direct('wait 800 under way', '100.1')
    await until(() => expect(machine.calls()).toHaveLength(1))

    runtime.term()
    await until(() => expect(runtime.log()).toContain('finishing the turns under way'))
    runtime.term()
    expect(await runtime.exited).toBe(1)

    await sleep(1000)
    expect(machine.calls('end')).toEqual([])
    expect(machine.slack.posts()).toEqual([])
  })

  it('is ready without Slack when no Slack tokens were given, as it is shipped', async () => {
    const machine = await createMachine()
    const runtime = machine.startShipped()
    await until(() => expect(machine.status().ready).toBe(false))
    runtime.term()
    expect(await runtime.exited).toBe(0)

    machine.giveCredentials({ claudeCodeToken: PLANTED.claudeCodeToken })
    const again = machine.startShipped()
    await until(() => expect(machine.status()).toEqual({ ready: true, notices: [] }))
    again.term()

    expect(await again.exited).toBe(0)
    expect(machine.slack.calls).toEqual([])
  })

  it('tells the thread when the machine fails it, and goes on', async () => {
    const machine = await createMachine()
    const runtime = await machine.startReady()
    writeFileSync(join(machine.state, 'threads', 'T1-D1-100.1'), 'a file where a folder should be')

    machine.slack.direct('hello', '100.1')
    await until(() => expect(machine.slack.posts()).toHaveLength(1))
    machine.slack.direct('hello', '200.1')
    await until(() => expect(machine.slack.posts()).toHaveLength(2))

    expect(machine.slack.posts().map(({ text }) => text)).toEqual([
      'Something went wrong on my machine, so there is no answer. Please ask again.',
      'You said: hello',
    ])
    expect(runtime.log()).toContain('"where":')
  })
})
