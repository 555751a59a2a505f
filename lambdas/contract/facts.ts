/** The numbers that the product promises. The security page, the docs and the code read the same constants. */

const MINUTE = 60
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

export const PASSWORD_MIN_CHARACTERS = 15
export const PASSWORD_MAX_CHARACTERS = 128

/** OWASP Password Storage Cheat Sheet, scrypt row 1: N=2^17, r=8, p=1. */
export const SCRYPT_LOG2_COST = 17
export const SCRYPT_BLOCK_SIZE = 8
export const SCRYPT_PARALLELISM = 1

export const INVITE_DEFAULT_HOURS = 168
export const INVITE_MAX_HOURS = 720

/** A mail whose sending was begun so long ago was broken off. */
export const MAIL_CLAIM_SECONDS = 5 * MINUTE

export const SESSION_LIFETIMES = {
  tenant: { idleSeconds: 7 * DAY, absoluteSeconds: 30 * DAY },
  support: { idleSeconds: 8 * HOUR, absoluteSeconds: 30 * DAY },
  admin: { idleSeconds: 8 * HOUR, absoluteSeconds: 30 * DAY },
} as const

/** `lastSeenAt` moves at most this often, so that reading a page does not cost a write. */
export const SESSION_TOUCH_SECONDS = 5 * MINUTE
export const SESSIONS_PER_ACCOUNT = 20

export const API_TOKEN_DEFAULT_DAYS = 90
export const API_TOKEN_MAX_DAYS = 365
export const API_TOKENS_PER_ACCOUNT = 20

export const LIMITS_PER_MINUTE = {
  signup: 30,
  inspect: 60,
  login: 20,
  issue: 300,
  enroll: 120,
  certificate: 30,
  /** By one tenant, of what costs others time: onboarding, starting, stopping, trying again, opening to support. */
  change: 120,
} as const

export const SIGN_IN_FAILURES_BEFORE_BACKOFF = 5
export const SIGN_IN_BACKOFF_SECONDS = 15 * MINUTE
export const KNOWN_BROWSER_SECONDS = 180 * DAY

/** A secret keeps about 100 versions and prunes none that is younger than a day (AWS, PutSecretValue). */
export const CREDENTIAL_WRITES_PER_DAY = 90
export const CREDENTIAL_MAX_CHARACTERS = 4096
export const SECRET_MAX_BYTES = 65_536

export const IDEMPOTENCY_SECONDS = DAY

export const BODY_MAX_BYTES = 64 * 1024

/** How long a call that made a tenant's key waits for AWS to know it everywhere: less than the call itself may take. */
export const FRESH_KEY_SECONDS = 22
/** So long after a tenant's key was replaced, asking for it again finishes what is left to do and makes no other key. */
export const KEY_REPLACEMENT_SECONDS = DAY

/** EC2 takes two launches a second, over all who ask (Amazon EC2, "Request throttling": RunInstances refills 2/s). */
export const LAUNCHES_PER_SECOND = 2
/** And takes so many at once when nobody asked for a while. */
export const LAUNCHES_AT_ONCE = 5
/** Enough for that while each takes up to two and a half seconds; the pace itself is kept by turns, not by this. */
export const LAUNCHES_AT_A_TIME = 5

/** What works on a launch ends within this time, the limit of its function. */
export const WORKER_SECONDS = 60

/** The archivist's limit. It stops by itself a minute before. */
export const ARCHIVIST_SECONDS = 5 * MINUTE
export const ARCHIVE_EVERY_MINUTES = 15

/** A launch that the queue has passed by for so long is lost: its event never came, or its worker died. */
export const LAUNCH_OVERDUE_SECONDS = 2 * MINUTE

/** How long an agent may stay in a passing state before the reconciler ends it with a reason; `requested`, from its turn on. */
export const PASSING_STATE_SECONDS = {
  requested: 10 * MINUTE,
  launching: 10 * MINUTE,
  booting: 10 * MINUTE,
  stopping: 10 * MINUTE,
  starting: 10 * MINUTE,
  deleting: 15 * MINUTE,
} as const

/** A running agent that was silent for so long is looked at. */
export const SILENCE_SECONDS = 3 * MINUTE

/** How often the reconciler looks for keys, secrets and machines of ours that nobody owns: once in so long for each kind. */
export const STRAY_SWEEP_SECONDS = HOUR
/** Nothing younger is a stray, and a stray is ended so long after it was first seen: longer than any onboarding, merge or launch. */
export const STRAY_GRACE_SECONDS = 30 * MINUTE

/** An instance proves itself with a token this old at most (STS GetWebIdentityToken allows 60 to 3600 seconds). */
export const INSTANCE_PROOF_SECONDS = 300
export const AGENT_VOLUME_GIGABYTES = 16
export const SUPPORT_SWITCH_WAIT_SECONDS = 20
export const SUPPORT_CERTIFICATE_DEFAULT_MINUTES = 5
export const SUPPORT_CERTIFICATE_MAX_MINUTES = 15
/** How far an agent's clock may be behind ours without refusing a fresh certificate. */
export const SUPPORT_CLOCK_SKEW_SECONDS = 60
export const SECRET_RECOVERY_DAYS = 7
export const TENANT_KEY_DELETION_DAYS = 30
