import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { randomUUID } from 'node:crypto'
import * as z from 'zod'
import type { Clock } from '../../lambdas/core/clock.ts'
import type { Service } from './service.ts'

const Part = z.object({ Data: z.string() })
const SendInput = z.object({
  FromEmailAddress: z.string(),
  Destination: z.object({ ToAddresses: z.array(z.string()).length(1) }),
  ConfigurationSetName: z.string(),
  EmailTags: z.array(z.object({ Name: z.string(), Value: z.string().regex(/^[A-Za-z0-9_.@-]{1,256}$/) })),
  Content: z.object({ Simple: z.object({ Subject: Part, Body: z.object({ Text: Part, Html: Part }) }) }),
})

/** Mail that goes to a folder instead of to people, one file each. */
export const createSes = (outboxDirectory: string | null, clock: Clock) => {
  const service: Service = {
    SendEmail: (raw) => {
      const { FromEmailAddress, Destination, Content } = SendInput.parse(raw)
      const id = randomUUID()
      const text = [
        `From: ${FromEmailAddress}`,
        `To: ${Destination.ToAddresses.join(', ')}`,
        `Subject: ${Content.Simple.Subject.Data}`,
        `Date: ${clock.now().toUTCString()}`,
        '',
        Content.Simple.Body.Text.Data,
      ].join('\n')
      if (outboxDirectory !== null) {
        mkdirSync(outboxDirectory, { recursive: true, mode: 0o700 })
        writeFileSync(
          join(outboxDirectory, `${clock.now().toISOString().replaceAll(':', '-')}-${id.slice(0, 8)}.eml`),
          text,
          { mode: 0o600 },
        )
      }
      return { MessageId: id }
    },
  }
  return { service }
}
