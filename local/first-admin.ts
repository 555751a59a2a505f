import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import * as z from 'zod'
import { bootstrapInvite } from '../lambdas/invites/bootstrap-invite.ts'
import { type Invite, inviteState } from '../lambdas/invites/invite.ts'
import { resendInvite } from '../lambdas/invites/resend-invite.ts'
import type { Product } from './product.ts'

const FIRST_ADMIN_EMAIL = 'admin@example.com'
const OPERATOR = { kind: 'system', id: 'operator' } as const
const LocalFile = z.object({ url: z.string(), adminInviteLink: z.string() })

const readLink = (path: string): string => {
  if (!existsSync(path)) return ''
  try {
    return LocalFile.parse(JSON.parse(readFileSync(path, 'utf8'))).adminInviteLink
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof z.ZodError) return ''
    throw error
  }
}

/** Whole or not at all, also when the process or the machine ends in the middle. */
const writeWhole = (path: string, text: string): void => {
  const draft = `${path}.new`
  const file = openSync(draft, 'w', 0o600)
  writeSync(file, text)
  fsyncSync(file)
  closeSync(file)
  renameSync(draft, path)
}

const linkFor = async ({ deps }: Product, invite: Invite | null, kept: string): Promise<string> => {
  if (invite === null) {
    const made = await bootstrapInvite(deps, { email: FIRST_ADMIN_EMAIL, requestId: 'npm-start' })
    return made.ok ? made.value.link : kept
  }
  const state = inviteState(invite, deps.clock.now())
  const isLost = state === 'pending' && kept === ''
  if (state !== 'expired' && !isLost) return kept
  const renewed = await resendInvite(deps, { actor: OPERATOR, inviteId: invite.inviteId, requestId: 'npm-start' })
  return renewed.ok ? renewed.value.link : kept
}

/**
 * The invite of the first admin: made on an empty data directory and kept in `local.json`, for its code is stored nowhere
 * else. One that expired, or whose link was lost in a crash, is made anew. Returns the link while it can still be used.
 */
export const ensureFirstAdmin = async (
  product: Product,
  directory: string,
  url: string,
): Promise<{ email: string; link: string } | null> => {
  const { deps } = product
  const path = join(directory, 'local.json')
  const readInvite = async () => {
    const inviteId = await deps.invites.readBootstrap()
    return inviteId === null ? null : deps.invites.read(inviteId)
  }
  const kept = readLink(path).replace(/^http:\/\/[^/]+/, url)
  const link = await linkFor(product, await readInvite(), kept)
  writeWhole(path, `${JSON.stringify({ url, adminInviteLink: link }, null, 2)}\n`)
  const invite = await readInvite()
  const usable = invite !== null && inviteState(invite, deps.clock.now()) === 'pending'
  return usable ? { email: invite.email, link } : null
}
