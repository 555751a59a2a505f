import * as z from 'zod'
import { Secret } from '../core/secret.ts'
import { AGENT_NAME_MAX_CHARACTERS, AGENT_NAME_PATTERN } from './agent-name.ts'
import { recogniseCredential } from './credential-kinds.ts'

const EMAIL =
  /^(?=.{3,254}$)(?=.{1,64}@)[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z][A-Za-z0-9-]{0,61}[A-Za-z0-9]$/

/**
 * One canonical e-mail: ASCII dot-atom (RFC 5321), folded to lower case by ASCII rules only, so that no Unicode look-alike
 * becomes somebody else's address. Plus tags and dots in the local part stay what they are: other addresses.
 */
export const Email = z
  .string()
  .max(254)
  .regex(EMAIL, { message: 'not_an_email' })
  .transform((text) => text.replace(/[A-Z]/g, (letter) => letter.toLowerCase()))
  .pipe(z.string().brand<'Email'>())
export type Email = z.infer<typeof Email>

/** A token pasted into a field that is stored and shown is refused, with the same hint as in a wrong token field. */
const noCredential = (text: string, context: z.RefinementCtx): void => {
  const kind = recogniseCredential(text)
  if (kind !== null) context.addIssue({ code: 'custom', message: `looks_like:${kind}` })
}

/** Text that a person reads on one line: no control, format or separator characters, no space at either end. */
const lineOf = (maxCharacters: number) =>
  z
    .string()
    .min(1)
    .max(maxCharacters)
    .regex(/^[^\p{C}\p{Zl}\p{Zp}]*$/u, { message: 'invalid_characters' })
    .regex(/^\S(?:.*\S)?$/u, { message: 'surrounding_space' })
    .superRefine(noCredential)
    .transform((text) => text.normalize('NFC'))

export const TenantName = lineOf(80)
export const TokenName = lineOf(60)
export const Reason = lineOf(200)

export const AgentName = z
  .string()
  .min(1)
  .max(AGENT_NAME_MAX_CHARACTERS)
  .regex(AGENT_NAME_PATTERN, { message: 'invalid_name' })
  .superRefine(noCredential)

/** Any text from a password field, exactly as typed after NFC. Length and strength are the password policy's to judge. */
export const PasswordText = z
  .string()
  .min(1)
  .max(1024)
  .refine((text) => !/\p{Cc}/u.test(text), { message: 'invalid_characters' })
  .transform((text) => new Secret(text.normalize('NFC')))

export const SecretText = z
  .string()
  .min(1)
  .max(512)
  .transform((text) => new Secret(text))

export const Instant = z.iso.datetime()
