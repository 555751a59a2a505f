import {
  INVITE_DEFAULT_HOURS,
  LIMITS_PER_MINUTE,
  PASSWORD_MAX_CHARACTERS,
  PASSWORD_MIN_CHARACTERS,
  SCRYPT_BLOCK_SIZE,
  SCRYPT_LOG2_COST,
  SCRYPT_PARALLELISM,
  SECRET_RECOVERY_DAYS,
  SESSION_LIFETIMES,
  SIGN_IN_BACKOFF_SECONDS,
  SIGN_IN_FAILURES_BEFORE_BACKOFF,
} from '../../lambdas/contract/facts.ts'
import { PageTitle } from '../parts/common.tsx'

const days = (seconds: number): string => `${seconds / 86_400} days`
const hours = (seconds: number): string => `${seconds / 3_600} hours`

export const Security = () => (
  <div class="stack loose prose">
    <PageTitle title="Security">How Vestibule keeps things safe</PageTitle>
    <p>What the software does, in plain words. The numbers on this page are read from the code that enforces them.</p>
    <section>
      <h2>Your credentials</h2>
      <ul>
        <li>
          What you paste goes into one secret that belongs to one agent, encrypted under a key that belongs to your
          tenant alone.
        </li>
        <li>
          It is never in an answer of ours, in a log, or in the request that asks for a machine: that request holds ids,
          times and yes-or-no.
        </li>
        <li>
          Changing one credential leaves the others as they are, also when two people change them at the same moment.
        </li>
        <li>
          The previous value stays in the secret’s history until newer values push it out. To be rid of a token for
          good, revoke it where it was issued.
        </li>
        <li>
          When an agent is deleted its secret is scheduled for deletion and gone after {SECRET_RECOVERY_DAYS} days.
        </li>
      </ul>
    </section>
    <section>
      <h2>Joining and signing in</h2>
      <ul>
        <li>
          An account can only be made from an invite. An invite is for one address, works once and ends after{' '}
          {INVITE_DEFAULT_HOURS / 24} days. We keep only a hash of it.
        </li>
        <li>
          Passwords have {PASSWORD_MIN_CHARACTERS} to {PASSWORD_MAX_CHARACTERS} characters and are not well-known ones.
          We keep a scrypt hash (N=2^{SCRYPT_LOG2_COST}, r={SCRYPT_BLOCK_SIZE}, p={SCRYPT_PARALLELISM}) with its own
          salt.
        </li>
        <li>
          After {SIGN_IN_FAILURES_BEFORE_BACKOFF} failures in a row an account waits {SIGN_IN_BACKOFF_SECONDS / 60}{' '}
          minutes. A browser that you have signed in with before is not held by somebody else’s failures.
        </li>
        <li>
          One network address may try {LIMITS_PER_MINUTE.login} sign-ins, {LIMITS_PER_MINUTE.signup} sign-ups and{' '}
          {LIMITS_PER_MINUTE.inspect} invite look-ups a minute.
        </li>
        <li>
          One tenant may ask for {LIMITS_PER_MINUTE.change} changes of its agents a minute, so that it keeps nobody else
          waiting. Deleting, and closing an agent to support, are never held up.
        </li>
        <li>
          Your session ends after {days(SESSION_LIFETIMES.tenant.idleSeconds)} without use and after{' '}
          {days(SESSION_LIFETIMES.tenant.absoluteSeconds)} in any case; a staff session after{' '}
          {hours(SESSION_LIFETIMES.admin.idleSeconds)} without use. You can end any of them at once.
        </li>
        <li>What an account may do is read from the store on every request, never from the cookie.</li>
      </ul>
    </section>
    <section>
      <h2>Your tenant</h2>
      <ul>
        <li>
          You see your tenant’s agents and nobody else’s. Another tenant’s agent looks exactly like one that does not
          exist.
        </li>
        <li>Staff cannot act as you and cannot see a credential: there is no such call.</li>
        <li>
          Every change writes an event into your audit trail in the same step; if the event cannot be written the change
          does not happen. Events are linked by hash.
        </li>
        <li>Support access to an agent’s machine is your choice, at onboarding and at any time later.</li>
      </ul>
    </section>
    <section>
      <h2>What we do not have yet</h2>
      <ul>
        <li>No second factor and no passkeys. They are planned, compulsory for staff.</li>
        <li>
          No self-service password reset: an admin cannot see or set your password, and a forgotten one needs a new
          invite to a new address.
        </li>
        <li>No certification (SOC 2, ISO 27001) and no outside audit.</li>
        <li>No check of a credential with its issuer: we look at its shape, not at whether it works.</li>
        <li>No bug bounty.</li>
      </ul>
    </section>
    <section>
      <h2>Found something?</h2>
      <p>
        Tell the operator of this installation; the address is in{' '}
        <a href="/.well-known/security.txt" data-native>
          security.txt
        </a>
        . Please do not open a public issue and do not test against other people’s accounts. We acknowledge within 2
        working days and assess within 5.
      </p>
    </section>
  </div>
)
