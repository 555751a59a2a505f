import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as z from 'zod'
import { bootstrapInvite } from '../lambdas/invites/bootstrap-invite.ts'
import { inviteState } from '../lambdas/invites/invite.ts'
import type { Product } from './product.ts'

const FIRST_ADMIN_EMAIL = 'admin@example.com'
const LocalFile = z.object({ url: z.string(), adminInviteLink: z.string() })

/**
 * The invite of the first admin: made on an empty data directory and kept in `local.json`, for its code is stored nowhere
 * else. Returns the link while it can still be used.
 */
export const ensureFirstAdmin = async (
  { deps }: Product,
  directory: string,
  url: string,
): Promise<{ email: string; link: string } | null> => {
  const path = join(directory, 'local.json')
  const made = await bootstrapOnce(deps)
  const kept = existsSync(path) ? LocalFile.parse(JSON.parse(readFileSync(path, 'utf8'))).adminInviteLink : ''
  const link = made ?? kept.replace(/^http:\/\/[^/]+/, url)
  writeFileSync(path, `${JSON.stringify({ url, adminInviteLink: link }, null, 2)}\n`, { mode: 0o600 })
  const inviteId = await deps.invites.readBootstrap()
  const invite = inviteId === null ? null : await deps.invites.read(inviteId)
  const usable = invite !== null && inviteState(invite, deps.clock.now()) === 'pending'
  return usable ? { email: invite.email, link } : null
}

const bootstrapOnce = async (deps: Product['deps']): Promise<string | null> => {
  if ((await deps.invites.readBootstrap()) !== null) return null
  const made = await bootstrapInvite(deps, { email: FIRST_ADMIN_EMAIL, requestId: 'npm-start' })
  return made.ok ? made.value.link : null
}
