import { describe, expect, it } from 'vitest'
import { recordMailEvent } from '../../../lambdas/invites/record-mail-event.ts'
import { sendDueMail } from '../../../lambdas/invites/send-due-mail.ts'
import { AwsFault, type CallHook } from '../../../local/aws/service.ts'
import type { Browser } from '../../support/browser.ts'
import { createHarness, type Harness } from '../../support/harness.ts'
import { dumpAws, findPlanted } from '../../support/sinks.ts'

const EMAIL = 'ana@example.com'

/** A house whose SES does what a test says, and counts what it was asked to send. */
const withMail = async (answer: () => void = () => undefined) => {
  const sent: any[] = []
  let respond = answer
  const hook: CallHook = async (call, proceed) => {
    if (call.service !== 'ses') return proceed()
    sent.push(call.input)
    respond()
    return proceed()
  }
  const house = await createHarness({ hook })
  const admin = await house.joinAsAdmin()
  return {
    house,
    admin,
    sent,
    answerWith: (next: () => void) => {
      respond = next
    },
  }
}

const mailOf = async (admin: Browser, id: string) =>
  (await admin.get('/api/admin/invites')).body.invites.find((one: { id: string }) => one.id === id).mail?.state
const outboxOf = ({ aws }: Harness) => aws.database.all("SELECT item FROM ddb_item WHERE pk = 'OUTBOX'")
const refuse =
  (name: string, statusCode = 400) =>
  () => {
    throw new AwsFault(name, 'no', { statusCode })
  }

describe('an invite’s mail', () => {
  it('goes out once, in words and in HTML, with the link in the body and nothing that tells who read it', async () => {
    const { house, admin, sent } = await withMail()
    const { id, code } = await house.invite(admin, { email: EMAIL, tenantName: 'Ana & <Sons>' })

    expect(await mailOf(admin, id)).toBe('queued')
    await Promise.all([house.sendMail(), house.sendMail(), house.sendMail()])
    await house.sendMail()

    expect(sent).toHaveLength(1)
    const { Subject, Body } = sent[0].Content.Simple
    expect(sent[0].Destination.ToAddresses).toEqual([EMAIL])
    expect(Subject.Data).toBe('You are invited to Ana & <Sons>')
    expect(Body.Text.Data).toContain(`/join#${code}`)
    expect(Body.Html.Data).toContain(`href="http://localhost:3000/join#${code}"`)
    expect(Body.Html.Data).not.toMatch(/<Sons>|<img|<script|https?:\/\/(?!localhost)/)
    expect([await mailOf(admin, id), outboxOf(house)]).toEqual(['sent', []])
  })

  it('INV-17 waits sealed: its link is in no table, only its mail holds it', async () => {
    const { house, admin } = await withMail()
    const { code } = await house.invite(admin, { email: EMAIL })

    expect(outboxOf(house)).toHaveLength(1)
    expect(findPlanted(JSON.stringify(dumpAws(house.aws)), code, 'vst_inv_'.length)).toEqual([])
    expect(findPlanted(house.logs.join(''), code, 'vst_inv_'.length)).toEqual([])
  })

  it('is not sent twice when the sender breaks off in the middle; the invite says that nobody knows', async () => {
    const { house, admin, sent, answerWith } = await withMail(refuse('InternalFailure', 500))
    const { id } = await house.invite(admin, { email: EMAIL })

    await house.sendMail()
    answerWith(() => undefined)
    await house.sendMail()
    expect([sent.length, await mailOf(admin, id)]).toEqual([1, 'queued'])
    house.clock.advanceSeconds(301)
    await house.sendMail()

    expect([sent.length, await mailOf(admin, id), outboxOf(house)]).toEqual([1, 'unconfirmed', []])
  })

  it('waits and goes out later when SES asks to slow down', async () => {
    const { house, admin, sent, answerWith } = await withMail(refuse('TooManyRequestsException'))
    const { id } = await house.invite(admin, { email: EMAIL })

    await house.sendMail()
    answerWith(() => undefined)
    await house.sendMail()

    expect([sent.length, await mailOf(admin, id)]).toEqual([2, 'sent'])
  })

  it('shows a refusal on the invite, and the link works all the same', async () => {
    const { house, admin } = await withMail(refuse('MessageRejected'))
    const { id, code } = await house.invite(admin, { email: EMAIL })
    await house.sendMail()

    expect(await mailOf(admin, id)).toBe('refused')
    const joined = await house
      .browse()
      .post('/api/signup', { invite: code, email: EMAIL, password: 'violet tractor on the moon' })
    expect(joined.status).toBe(201)
    const { events } = (await admin.get('/api/admin/audit')).body
    expect(events.filter(({ action }: { action: string }) => action === 'invite.mail_failed')).toHaveLength(1)
  })

  it('leaves with its newest link alone, and not at all once the invite is over', async () => {
    const { house, admin, sent } = await withMail()
    const first = await house.invite(admin, { email: EMAIL })
    const { link } = (await admin.post(`/api/admin/invites/${first.id}/resend`)).body
    const gone = await house.invite(admin, { email: 'gone@example.com' })
    await admin.del(`/api/admin/invites/${gone.id}`)

    await house.sendMail()

    expect(sent.map(({ Content }) => Content.Simple.Body.Text.Data.includes(link))).toEqual([true])
    expect(outboxOf(house)).toEqual([])
  })

  it('keeps a bounce that comes before the sender has noted the mail as sent', async () => {
    const { house, admin, sent, answerWith } = await withMail()
    const { id } = await house.invite(admin, { email: EMAIL })
    const { database } = house.aws
    answerWith(() => {
      database.run(
        `UPDATE ddb_item SET item = json_set(item, '$.mail.M.state.S', 'bounced') WHERE pk = ? AND tbl = 'vestibule-directory'`,
        `INVITE#${id}`,
      )
    })

    await house.sendMail()
    await house.sendMail()

    expect([sent.length, await mailOf(admin, id), outboxOf(house)]).toEqual([1, 'bounced', []])
  })

  it('notes a bounce of the latest mail, once, and leaves an older one’s alone', async () => {
    const { house, admin, sent } = await withMail()
    const { id } = await house.invite(admin, { email: EMAIL })
    await house.sendMail()
    const tagsOf = (mail: any) => Object.fromEntries(mail.EmailTags.map(({ Name, Value }: any) => [Name, [Value]]))
    const bounce = (tags: object) => ({ source: 'aws.ses', 'detail-type': 'Email Bounced', detail: { mail: { tags } } })

    const older = { ...tagsOf(sent[0]), code: ['0000000000000000'] }
    await recordMailEvent(house.mail, bounce(older))
    expect(await mailOf(admin, id)).toBe('sent')
    await Promise.all([
      recordMailEvent(house.mail, bounce(tagsOf(sent[0]))),
      recordMailEvent(house.mail, bounce(tagsOf(sent[0]))),
    ])
    await recordMailEvent(house.mail, bounce(tagsOf(sent[0])))

    expect(await mailOf(admin, id)).toBe('bounced')
    expect((await recordMailEvent(house.mail, { source: 'aws.ses' })).ok).toBe(false)
    expect((await recordMailEvent(house.mail, bounce({}))).ok).toBe(false)
  })

  it('I15 is nothing where no sender is set up: the link is there to be handed over, and the answer says so', async () => {
    const { house, admin } = await withMail()
    house.deps.postMail = null

    const issued = await admin.post('/api/admin/invites', { email: EMAIL })

    expect([issued.status, issued.body.invite.mail, issued.body.link.includes('/join#vst_inv_')]).toEqual([
      201,
      undefined,
      true,
    ])
    expect(await sendDueMail(house.mail)).toEqual({ looked: 0, failed: 0 })
  })
})
