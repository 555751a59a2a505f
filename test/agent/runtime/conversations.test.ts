import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { createMachine, PLANTED, until } from '../../support/agent-runtime.ts'

describe('an agent in Slack', () => {
  it('answers a mention in its thread, and says meanwhile that it is at work', async () => {
    const machine = await createMachine()
    await machine.startReady()

    const envelope = machine.slack.mention('say &lt;hello&gt; &amp; goodbye', '100.1')
    await until(() => expect(machine.slack.posts()).toHaveLength(1))

    expect(machine.slack.posts()).toEqual([{ thread: '100.1', text: 'You said: say <hello> & goodbye' }])
    expect(machine.slack.acknowledged).toEqual([envelope])
    const methods = machine.slack.calls.map(({ method }) => method)
    expect(methods.indexOf('assistant.threads.setStatus')).toBeGreaterThan(-1)
    expect(methods.indexOf('assistant.threads.setStatus')).toBeLessThan(methods.indexOf('chat.postMessage'))
  })

  it('keeps one conversation for each thread, and answers a thread in the order in which it was asked', async () => {
    const machine = await createMachine()
    await machine.startReady()

    machine.slack.direct('wait 400 one', '100.1')
    machine.slack.direct('two', '100.2', { thread_ts: '100.1' })
    machine.slack.direct('beside', '200.1')
    machine.slack.direct('three', '100.3', { thread_ts: '100.1' })
    await until(() => expect(machine.slack.posts()).toHaveLength(4))

    const posts = machine.slack.posts()
    expect(posts[0]).toEqual({ thread: '200.1', text: 'You said: beside' })
    expect(posts.filter(({ thread }) => thread === '100.1').map(({ text }) => text)).toEqual([
      'You said: wait 400 one',
      'You said: two',
      'You said: three',
    ])
    const choices = machine
      .calls()
      .filter(({ prompt }) => prompt !== 'beside')
      .map(({ args }) => args.slice(-2))
    expect(choices.map(([choice]) => choice)).toEqual(['--session-id', '--resume', '--resume'])
    expect(new Set(choices.map(([, id]) => id)).size).toBe(1)
    const folders = machine.calls().map(({ folder }) => folder)
    expect(new Set(folders).size).toBe(2)
  })

  it('works on no more threads at once than it may', async () => {
    const machine = await createMachine()
    await machine.startReady()

    for (const thread of ['1.1', '2.1', '3.1']) machine.slack.direct(`wait 300 in ${thread}`, thread)
    await until(() => expect(machine.slack.posts()).toHaveLength(3))

    const notes = machine.calls('start', 'end').map(({ at }) => at)
    expect(notes.slice(0, 3)).toEqual(['start', 'start', 'end'])
  })

  it('takes a message once, however often Slack sends it, also after a restart', async () => {
    const machine = await createMachine()
    const first = await machine.startReady()

    machine.slack.mention('once', '100.1')
    machine.slack.mention('once', '100.1')
    await until(() => expect(machine.slack.posts()).toHaveLength(1))
    first.term()
    await first.exited
    await machine.startReady()
    const repeated = machine.slack.mention('once', '100.1')
    machine.slack.mention('again', '100.2', { thread_ts: '100.1' })
    await until(() => expect(machine.slack.posts()).toHaveLength(2))

    expect(machine.calls().map(({ prompt }) => prompt)).toEqual(['once', 'again'])
    expect(machine.slack.acknowledged).toContain(repeated)
  })

  it('goes on in the same conversation after a restart', async () => {
    const machine = await createMachine()
    const first = await machine.startReady()
    machine.slack.mention('before', '100.1')
    await until(() => expect(machine.slack.posts()).toHaveLength(1))
    first.term()
    expect(await first.exited).toBe(0)

    await machine.startReady()
    machine.slack.mention('after', '100.2', { thread_ts: '100.1' })
    await until(() => expect(machine.slack.posts()).toHaveLength(2))

    const [before, after] = machine.calls()
    expect(after?.args.slice(-2)).toEqual(['--resume', before?.args.at(-1)])
    expect(after?.folder).toBe(before?.folder)
  })

  it('begins anew under the same id when Claude Code knows nothing of the conversation', async () => {
    const machine = await createMachine()
    await machine.startReady()

    machine.slack.direct('dies before it begins', '100.1')
    await until(() => expect(machine.slack.posts()).toHaveLength(1))
    machine.slack.direct('hello again', '100.2', { thread_ts: '100.1' })
    await until(() => expect(machine.slack.posts()).toHaveLength(2))

    expect(machine.calls().map(({ args }) => args.at(-2))).toEqual(['--session-id', '--resume', '--session-id'])
    expect(machine.slack.posts().at(-1)?.text).toBe('You said: hello again')
  })

  it('leaves alone what is not meant for it: bots, itself, edits, other channels, people of another company', async () => {
    const machine = await createMachine()
    await machine.startReady()
    const { slack } = machine

    const ignored = [
      slack.direct('from a bot', '1.1', { bot_id: 'B1' }),
      slack.direct('a bot message', '1.2', { subtype: 'bot_message' }),
      slack.direct('its own', '1.3', { user: 'UBOT' }),
      slack.direct('edited', '1.4', { edited: { user: 'U1', ts: '2.1' } }),
      slack.direct('changed', '1.5', { subtype: 'message_changed' }),
      slack.direct('overheard', '1.6', { channel: 'C1', channel_type: 'channel' }),
      slack.direct('a path', '1.7', { thread_ts: '../../x' }),
      slack.send(
        { type: 'app_mention', channel: 'C9', user: 'U9', user_team: 'T9', team: 'T1', text: 'outsider', ts: '1.8' },
        { is_ext_shared_channel: true },
      ),
      slack.send({ type: 'reaction_added', user: 'U1', ts: '1.9' }),
    ]
    slack.send(
      { type: 'app_mention', channel: 'C9', user: 'U1', user_team: 'T1', text: '<@UBOT> insider', ts: '3.1' },
      { is_ext_shared_channel: true },
    )
    await until(() => expect(slack.posts()).toHaveLength(1))

    expect(machine.calls().map(({ prompt }) => prompt)).toEqual(['insider'])
    expect(slack.acknowledged).toEqual(expect.arrayContaining(ignored))
  })

  it('splits an answer that is too long for one message', async () => {
    const machine = await createMachine()
    await machine.startReady()

    machine.slack.direct('tell me a long story', '100.1')
    await until(() => expect(machine.slack.posts().length).toBeGreaterThan(2))

    expect(
      machine.slack
        .posts()
        .map(({ text }) => text)
        .join(''),
    ).toBe('word '.repeat(5000))
    expect(machine.slack.posts().every(({ text }) => text.length <= 12_000)).toBe(true)
  })

  it('says in words that it is at work where Slack takes no status', async () => {
    const machine = await createMachine()
    machine.slack.refuse('assistant.threads.setStatus', 'missing_scope')
    await machine.startReady()

    machine.slack.direct('wait 200 please', '100.1')
    await until(() => expect(machine.slack.posts()).toHaveLength(2))

    expect(machine.slack.posts().map(({ text }) => text)).toEqual(['I am working on it.', 'You said: wait 200 please'])
    expect(machine.status().notices).toEqual([])
  })
})

describe('a turn that fails', () => {
  it.each([
    ['fails', 'Claude Code ended with an error, so there is no answer. Please ask again.'],
    ['gibberish', 'Claude Code gave an answer that I could not read. Please ask again.'],
    ['refused', 'Anthropic refused my Claude credential. Replace it on my page, then ask again.'],
  ])('is told in one sentence: %s', async (prompt, sentence) => {
    const machine = await createMachine()
    const runtime = await machine.startReady()

    machine.slack.direct(prompt, '100.1')
    await until(() => expect(machine.slack.posts()).toHaveLength(1))
    expect(machine.slack.posts()[0]?.text).toBe(sentence)

    machine.slack.direct('go on', '100.2', { thread_ts: '100.1' })
    await until(() => expect(machine.slack.posts()).toHaveLength(2))
    expect(machine.slack.posts()[1]?.text).toBe('You said: go on')
    expect(runtime.log()).toContain('a turn failed')
  })

  it('is stopped when its time is up, together with what it started', async () => {
    const machine = await createMachine()
    await machine.startReady(PLANTED, 500)

    machine.slack.direct('wait 1000', '100.1')
    await until(() => expect(machine.slack.posts()).toHaveLength(1))
    await sleep(1000)

    expect(machine.slack.posts()[0]?.text).toBe(
      'I ran out of time and stopped without an answer. Please ask again, in smaller steps.',
    )
    expect(machine.calls('end')).toEqual([])
  })

  it('has no model credential: says so, and works as soon as there is one', async () => {
    const machine = await createMachine()
    const { claudeCodeToken, ...withoutModel } = PLANTED
    await machine.startReady(withoutModel)

    machine.slack.direct('hello', '100.1')
    await until(() => expect(machine.slack.posts()).toHaveLength(1))
    machine.giveCredentials({ ...withoutModel, claudeCodeToken })
    machine.slack.direct('hello', '100.2')
    await until(() => expect(machine.slack.posts()).toHaveLength(2))

    expect(machine.slack.posts().map(({ text }) => text)).toEqual([
      'I have neither a Claude Code token nor an Anthropic API key. Add one on my page, then ask again.',
      'You said: hello',
    ])
  })
})
