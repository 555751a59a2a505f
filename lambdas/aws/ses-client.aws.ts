import { SESv2Client } from '@aws-sdk/client-sesv2'
import { CLIENT_DEFAULTS, type ClientOptions } from './clients.aws.ts'

/** One try only: SendEmail knows no client token, so a repeat after a time-out may be a second mail. */
export const createSesClient = (options: ClientOptions) =>
  new SESv2Client({ ...CLIENT_DEFAULTS, maxAttempts: 1, ...options })
