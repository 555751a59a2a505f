import { Secret } from '../core/secret.ts'
import { fail, ok, type Result } from '../core/result.ts'

/** Pure: no I/O, no clock. */

/**
 * The value of one cookie (RFC 6265). A name that occurs twice is refused: a sibling domain can plant a second cookie, and
 * parsers disagree on which one counts.
 */
export const readCookie = (
  header: string | undefined,
  name: string,
): Result<Secret | null, { reason: 'cookie_twice' }> => {
  const values = (header ?? '')
    .split(';')
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(`${name}=`))
    .map((pair) => pair.slice(name.length + 1))
  if (values.length > 1) return fail({ reason: 'cookie_twice' })
  const [value] = values
  return ok(value === undefined || value === '' ? null : new Secret(value))
}

export const formatCookie = (
  name: string,
  value: Secret,
  { secure, maxAgeSeconds }: { secure: boolean; maxAgeSeconds: number },
): string =>
  `${name}=${value.reveal()}; Path=/; Max-Age=${maxAgeSeconds}; HttpOnly; SameSite=Lax${secure ? '; Secure' : ''}`
