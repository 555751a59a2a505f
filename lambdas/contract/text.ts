import * as z from 'zod/mini'
import { Secret } from '../core/secret.ts'
import { AGENT_NAME_MAX_CHARACTERS, AGENT_NAME_PATTERN } from './agent-name.ts'
import { recogniseCredential } from './credential-kinds.ts'

const EMAIL =
  /^(?=.{3,254}$)(?=.{1,64}@)[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z][A-Za-z0-9-]{0,61}[A-Za-z0-9]$/

/**
 * One canonical e-mail: ASCII dot-atom (RFC 5321), folded to lower case by ASCII rules only, so that no Unicode look-alike
 * becomes somebody else's address. Plus tags and dots in the local part stay what they are: other addresses.
 */
export const Email = z.pipe(
  z.pipe(
    z.string().check(z.maxLength(254), z.regex(EMAIL, { message: 'not_an_email' })),
    z.transform((text) => text.replace(/[A-Z]/g, (letter) => letter.toLowerCase())),
  ),
  z.string().brand<'Email'>(),
)
export type Email = z.infer<typeof Email>

/** A token pasted into a field that is stored and shown is refused, with the same hint as in a wrong token field. */
const noCredential = z.superRefine<string>((text, context) => {
  const kind = recogniseCredential(text)
  if (kind !== null) context.addIssue({ code: 'custom', message: `looks_like:${kind}` })
})

/** Text that a person reads on one line: no control, format or separator characters, no space at either end. */
const lineOf = (maxCharacters: number) =>
  z.pipe(
    z
      .string()
      .check(
        z.minLength(1),
        z.maxLength(maxCharacters),
        z.regex(/^[^\p{C}\p{Zl}\p{Zp}]*$/u, { message: 'invalid_characters' }),
        z.regex(/^\S(?:.*\S)?$/u, { message: 'surrounding_space' }),
        noCredential,
      ),
    z.transform((text) => text.normalize('NFC')),
  )

export const TenantName = lineOf(80)
export const TokenName = lineOf(60)
export const Reason = lineOf(200)

export const AgentName = z
  .string()
  .check(
    z.minLength(1),
    z.maxLength(AGENT_NAME_MAX_CHARACTERS),
    z.regex(AGENT_NAME_PATTERN, { message: 'invalid_name' }),
    noCredential,
  )

export const intoSecret = z.transform((text: string) => new Secret(text))

/** Any text from a password field, exactly as typed after NFC. Length and strength are the password policy's to judge. */
export const PasswordText = z.pipe(
  z.string().check(
    z.minLength(1),
    z.maxLength(1024),
    z.refine((text) => !/\p{Cc}/u.test(text), { message: 'invalid_characters' }),
  ),
  z.transform((text) => new Secret(text.normalize('NFC'))),
)

export const SecretText = z.pipe(z.string().check(z.minLength(1), z.maxLength(512)), intoSecret)

const LEAP_DAY = String.raw`(?:\d\d[2468][048]|\d\d[13579][26]|\d\d0[48]|[02468][048]00|[13579][26]00)-02-29`
const DAY_31 = String.raw`(?:0[13578]|1[02])-(?:0[1-9]|[12]\d|3[01])`
const DAY_30 = String.raw`(?:0[469]|11)-(?:0[1-9]|[12]\d|30)`
const DAY_28 = String.raw`(?:02)-(?:0[1-9]|1\d|2[0-8])`
const TIME = String.raw`(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d+)?(?:Z)`

/** ISO 8601 in UTC, as zod reads it; `z.iso` itself would bring all of zod into what a function loads at start. */
export const Instant = z.stringFormat(
  'datetime',
  new RegExp(String.raw`^(?:${LEAP_DAY}|\d{4}-(?:${DAY_31}|${DAY_30}|${DAY_28}))T(?:${TIME})$`),
)

/** An instant in a stored row, as a Date. */
export const StoredInstant = z.pipe(
  Instant,
  z.transform((text) => new Date(text)),
)
