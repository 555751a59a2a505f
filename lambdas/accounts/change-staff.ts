import type { AuditTrail } from '../audit/audit-trail.aws.ts'
import type { TransactStep } from '../aws/transact.aws.ts'
import type { Role } from '../contract/accounts.ts'
import type { AccountId } from '../contract/ids.ts'
import { PLATFORM_CHAIN } from '../contract/names.ts'
import { fail, ok, type Result } from '../core/result.ts'
import { type Account, actorOf, type Principal } from '../sessions/principal.ts'
import type { AccountStore } from './account-store.aws.ts'

export type ChangeStaffFailure = { reason: 'account_unknown' | 'last_admin' | 'account_moved' }

const isActiveAdmin = ({ role, status }: Pick<Account, 'role' | 'status'>): boolean =>
  role === 'admin' && status === 'active'

/** Changes a staff account's role or standing, effective on its next request. The last active admin cannot be taken away. */
export const changeStaff = async (
  deps: { accounts: AccountStore; audit: AuditTrail },
  input: {
    principal: Principal
    accountId: AccountId
    role?: Exclude<Role, 'tenant'>
    status?: Account['status']
    requestId: string
  },
): Promise<Result<Account, ChangeStaffFailure>> => {
  const account = await deps.accounts.readAccount(input.accountId)
  if (account === null || account.tenantId !== null) return fail({ reason: 'account_unknown' })
  const next = { role: input.role ?? account.role, status: input.status ?? account.status }
  if (next.role === account.role && next.status === account.status) return ok(account)
  const difference = Number(isActiveAdmin(next)) - Number(isActiveAdmin(account))
  const committed = await deps.audit.commit<'last_admin' | 'account_moved'>({
    chain: PLATFORM_CHAIN,
    event: {
      actor: actorOf(input.principal),
      action: 'account.changed',
      target: account.accountId,
      detail: { requestId: input.requestId, role: next.role, status: next.status },
    },
    steps: (sequence) => {
      const steps: TransactStep<'last_admin' | 'account_moved'>[] = deps.accounts
        .changeStaffSteps(account, next, sequence)
        .map((action) => ({ refusal: 'account_moved', action }))
      if (difference !== 0) {
        steps.unshift({ refusal: 'last_admin', action: deps.accounts.countAdminsStep(difference > 0 ? 1 : -1) })
      }
      return steps
    },
  })
  return committed.ok ? ok({ ...account, ...next }) : committed
}
