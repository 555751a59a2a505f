import * as z from 'zod/mini'
import {
  ApiTokenList,
  ChangePasswordInput,
  ChangeStaffInput,
  CreatedToken,
  CreateTokenInput,
  LoginInput,
  SessionList,
  SignedIn,
  SignUpInput,
  StaffAnswer,
  StaffList,
  TenantAnswer,
  TenantList,
  WhoAmI,
} from './accounts.ts'
import {
  AgentAnswer,
  AgentList,
  CredentialPatch,
  OnboardAgentInput,
  SupportAccessInput,
  SupportAgentList,
} from './agents.ts'
import { AuditPage } from './audit.ts'
import type { ErrorCode } from './error-codes.ts'
import { AccountId, AgentId, ApiTokenId, InviteId, SessionId, TenantId } from './ids.ts'
import { Enrolled, EnrollInput, HeartbeatAnswer, HeartbeatInput } from './instance.ts'
import { InspectedInvite, InspectInput, InviteList, InviteState, IssuedInvite, IssueInviteInput } from './invites.ts'
import { pageQuery } from './paging.ts'
import { SupportCertificate, SupportCertificateInput } from './support.ts'
import { Reason } from './text.ts'

/** Who may call: nobody in particular, any account, a tenant's own account, an admin, a support engineer, a proven instance. */
export type Access = 'public' | 'account' | 'tenant' | 'admin' | 'support' | 'instance'

/** The functions that answer HTTP, split by what they may do. */
export type WebFunction = 'identity' | 'agents' | 'support'

export interface Operation {
  summary: string
  access: Access
  params: z.ZodMiniType
  query: z.ZodMiniType
  body: z.ZodMiniType | null
  status: 200 | 201 | 202 | 204
  answer: z.ZodMiniType | null
  errors: readonly ErrorCode[]
  /** Where an error has another status here than elsewhere. */
  errorStatus: Partial<Record<ErrorCode, number>>
  /** The function that serves it in production. */
  servedBy: WebFunction
}

const TIME = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`
const AGENTS = [/^AGENT#agt_[0-9a-z]{26}$/]
const SUPPORTED = [new RegExp(`^${TIME}$`), /^TENANT#ten_[0-9a-z]{26}$/, /^AGENT#agt_[0-9a-z]{26}$/]
const TRAIL = [/^\d{12}$/]
const LISTED = [
  new RegExp(`^${TIME}$`),
  /^(?:INVITE#inv|TENANT#ten|ACCOUNT#acc)_[0-9a-z]{26}$/,
  /^(?:INVITE|TENANT|ACCOUNT)$/,
]
const ALL_TRAILS = [new RegExp(`^${TIME}#evt_[0-9a-z]{26}$`), /^(?:platform|ten_[0-9a-z]{26})$/, /^\d{12}$/]

const nothing = z.strictObject({})
const agentParams = z.strictObject({ id: AgentId })

const defaults = { params: nothing, query: nothing, body: null, answer: null, errors: [], errorStatus: {} }

type Given = Partial<Operation> & Pick<Operation, 'summary' | 'access' | 'status' | 'servedBy'>

/** Fills in what an operation leaves out, and keeps the exact types of what it states. */
function operation<const O extends Given>(given: O): Omit<typeof defaults, keyof O> & O
function operation(given: Given) {
  return { ...defaults, ...given }
}

/**
 * The API as one table: the router, the validation, `/api/openapi.json`, the authorization matrix and the web's typed
 * client are all derived from it.
 */
export const operations = {
  'GET /api/health': operation({
    summary: 'Say that the service answers',
    access: 'public',
    servedBy: 'identity',
    status: 200,
    answer: z.strictObject({ status: z.literal('ok'), version: z.string(), stage: z.string() }),
  }),
  'GET /api/openapi.json': operation({
    summary: 'This document',
    access: 'public',
    servedBy: 'identity',
    status: 200,
    answer: z.record(z.string(), z.unknown()),
  }),
  'POST /api/invites/inspect': operation({
    summary: 'Look at an invite without using it',
    access: 'public',
    servedBy: 'identity',
    body: InspectInput,
    status: 200,
    answer: InspectedInvite,
    errors: ['invite_invalid', 'rate_limited'],
    errorStatus: { invite_invalid: 404 },
  }),
  'POST /api/signup': operation({
    summary: 'Redeem an invite: create the account it is for and sign in',
    access: 'public',
    servedBy: 'identity',
    body: SignUpInput,
    status: 201,
    answer: SignedIn,
    errors: ['invite_invalid', 'weak_password', 'rate_limited', 'cross_site'],
  }),
  'POST /api/login': operation({
    summary: 'Sign in with e-mail and password',
    access: 'public',
    servedBy: 'identity',
    body: LoginInput,
    status: 200,
    answer: SignedIn,
    errors: ['invalid_credentials', 'rate_limited', 'cross_site'],
  }),
  'GET /api/session': operation({
    summary: 'Who is signed in; nulls when nobody is',
    access: 'public',
    servedBy: 'identity',
    status: 200,
    answer: WhoAmI,
  }),
  'POST /api/logout': operation({
    summary: 'End this session',
    access: 'account',
    servedBy: 'identity',
    status: 204,
  }),
  'GET /api/sessions': operation({
    summary: 'List where this account is signed in',
    access: 'account',
    servedBy: 'identity',
    status: 200,
    answer: SessionList,
  }),
  'DELETE /api/sessions/{id}': operation({
    summary: 'End one session of this account',
    access: 'account',
    servedBy: 'identity',
    params: z.strictObject({ id: SessionId }),
    status: 204,
    errors: ['not_found'],
  }),
  'DELETE /api/sessions': operation({
    summary: 'End every session of this account but this one',
    access: 'account',
    servedBy: 'identity',
    status: 204,
  }),
  'POST /api/password': operation({
    summary: 'Change the password; every other session ends',
    access: 'account',
    servedBy: 'identity',
    body: ChangePasswordInput,
    status: 204,
    errors: ['invalid_credentials', 'weak_password', 'rate_limited'],
  }),
  'GET /api/tokens': operation({
    summary: 'List the API tokens of this account',
    access: 'account',
    servedBy: 'identity',
    status: 200,
    answer: ApiTokenList,
  }),
  'POST /api/tokens': operation({
    summary: 'Create an API token; its secret is shown once',
    access: 'account',
    servedBy: 'identity',
    body: CreateTokenInput,
    status: 201,
    answer: CreatedToken,
    errors: ['conflict'],
  }),
  'DELETE /api/tokens/{id}': operation({
    summary: 'Revoke one API token',
    access: 'account',
    servedBy: 'identity',
    params: z.strictObject({ id: ApiTokenId }),
    status: 204,
    errors: ['not_found'],
  }),
  'GET /api/agents': operation({
    summary: "List the tenant's agents, newest first",
    access: 'tenant',
    servedBy: 'agents',
    query: z.strictObject({ ...pageQuery(AGENTS), include: z.optional(z.literal('deleted')) }),
    status: 200,
    answer: AgentList,
  }),
  'POST /api/agents': operation({
    summary: 'Onboard an agent: store its credentials, ask for its instance',
    access: 'tenant',
    servedBy: 'agents',
    body: OnboardAgentInput,
    status: 202,
    answer: AgentAnswer,
    errors: ['name_taken', 'agent_limit_reached', 'idempotency_mismatch', 'rate_limited'],
  }),
  'GET /api/agents/{id}': operation({
    summary: 'Read one agent',
    access: 'tenant',
    servedBy: 'agents',
    params: agentParams,
    status: 200,
    answer: AgentAnswer,
    errors: ['not_found'],
  }),
  'PATCH /api/agents/{id}/credentials': operation({
    summary: 'Add, replace or remove credentials; what is not named stays',
    access: 'tenant',
    servedBy: 'agents',
    params: agentParams,
    body: CredentialPatch,
    status: 200,
    answer: AgentAnswer,
    errors: ['not_found', 'wrong_state', 'rate_limited'],
  }),
  'PUT /api/agents/{id}/support-access': operation({
    summary: 'Allow or close support access; off is answered when the path is closed',
    access: 'tenant',
    servedBy: 'agents',
    params: agentParams,
    body: SupportAccessInput,
    status: 200,
    answer: AgentAnswer,
    errors: ['not_found', 'wrong_state', 'rate_limited'],
  }),
  'POST /api/agents/{id}/stop': operation({
    summary: 'Stop a running agent',
    access: 'tenant',
    servedBy: 'agents',
    params: agentParams,
    status: 202,
    answer: AgentAnswer,
    errors: ['not_found', 'wrong_state', 'rate_limited'],
  }),
  'POST /api/agents/{id}/start': operation({
    summary: 'Start a stopped agent',
    access: 'tenant',
    servedBy: 'agents',
    params: agentParams,
    status: 202,
    answer: AgentAnswer,
    errors: ['not_found', 'wrong_state', 'rate_limited'],
  }),
  'POST /api/agents/{id}/retry': operation({
    summary: 'Try a failed agent again with the stored credentials',
    access: 'tenant',
    servedBy: 'agents',
    params: agentParams,
    status: 202,
    answer: AgentAnswer,
    errors: ['not_found', 'wrong_state', 'rate_limited'],
  }),
  'DELETE /api/agents/{id}': operation({
    summary: 'Delete an agent, from any state',
    access: 'tenant',
    servedBy: 'agents',
    params: agentParams,
    status: 202,
    answer: AgentAnswer,
    errors: ['not_found'],
  }),
  'GET /api/audit': operation({
    summary: "Read the tenant's audit trail, newest first",
    access: 'tenant',
    servedBy: 'identity',
    query: z.strictObject({ ...pageQuery(TRAIL), agent: z.optional(AgentId) }),
    status: 200,
    answer: AuditPage,
  }),
  'POST /api/admin/invites': operation({
    summary: 'Invite one e-mail address; the link is shown here only',
    access: 'admin',
    servedBy: 'identity',
    body: IssueInviteInput,
    status: 201,
    answer: IssuedInvite,
    errors: ['invite_pending', 'not_found', 'conflict', 'rate_limited'],
  }),
  'GET /api/admin/invites': operation({
    summary: 'List invites by state',
    access: 'admin',
    servedBy: 'identity',
    query: z.strictObject({ ...pageQuery(LISTED), state: z.optional(InviteState) }),
    status: 200,
    answer: InviteList,
  }),
  'POST /api/admin/invites/{id}/resend': operation({
    summary: 'Make a new link for a pending or expired invite; the older link is dead',
    access: 'admin',
    servedBy: 'identity',
    params: z.strictObject({ id: InviteId }),
    status: 200,
    answer: IssuedInvite,
    errors: ['not_found', 'conflict', 'invite_pending'],
  }),
  'DELETE /api/admin/invites/{id}': operation({
    summary: 'Revoke an invite at once',
    access: 'admin',
    servedBy: 'identity',
    params: z.strictObject({ id: InviteId }),
    status: 204,
    errors: ['not_found', 'conflict'],
  }),
  'GET /api/admin/tenants': operation({
    summary: 'List tenants with their state and counts',
    access: 'admin',
    servedBy: 'identity',
    query: z.strictObject(pageQuery(LISTED)),
    status: 200,
    answer: TenantList,
  }),
  'POST /api/admin/tenants/{id}/suspend': operation({
    summary: 'Suspend a tenant: its sessions and tokens end at once, its agents stop',
    access: 'admin',
    servedBy: 'agents',
    params: z.strictObject({ id: TenantId }),
    body: z.optional(z.strictObject({ reason: z.optional(Reason) })),
    status: 200,
    answer: TenantAnswer,
    errors: ['not_found'],
  }),
  'POST /api/admin/tenants/{id}/resume': operation({
    summary: 'Resume a suspended tenant',
    access: 'admin',
    servedBy: 'agents',
    params: z.strictObject({ id: TenantId }),
    status: 200,
    answer: TenantAnswer,
    errors: ['not_found'],
  }),
  'GET /api/admin/accounts': operation({
    summary: 'List staff accounts',
    access: 'admin',
    servedBy: 'identity',
    query: z.strictObject(pageQuery(LISTED)),
    status: 200,
    answer: StaffList,
  }),
  'PATCH /api/admin/accounts/{id}': operation({
    summary: "Change a staff account's role or suspend it; the last admin stays",
    access: 'admin',
    servedBy: 'identity',
    params: z.strictObject({ id: AccountId }),
    body: ChangeStaffInput,
    status: 200,
    answer: StaffAnswer,
    errors: ['not_found', 'last_admin', 'conflict'],
  }),
  'GET /api/admin/audit': operation({
    summary: 'Read the trail of all tenants and staff, newest first',
    access: 'admin',
    servedBy: 'identity',
    query: z.strictObject(pageQuery(ALL_TRAILS)),
    status: 200,
    answer: AuditPage,
  }),
  'GET /api/support/agents': operation({
    summary: 'List the agents whose tenants allow support access',
    access: 'support',
    servedBy: 'support',
    query: z.strictObject(pageQuery(SUPPORTED)),
    status: 200,
    answer: SupportAgentList,
  }),
  'POST /api/support/certificates': operation({
    summary: 'Get a certificate for SSH to one agent, for minutes, with a reason that its tenant reads',
    access: 'support',
    servedBy: 'support',
    body: SupportCertificateInput,
    status: 201,
    answer: SupportCertificate,
    errors: ['not_found', 'support_access_off', 'wrong_state', 'rate_limited'],
  }),
  'POST /api/agent/enroll': operation({
    summary: 'An instance proves which machine it is, once per launch attempt',
    access: 'instance',
    servedBy: 'agents',
    body: EnrollInput,
    status: 200,
    answer: Enrolled,
    errors: ['forbidden', 'rate_limited'],
  }),
  'POST /api/agent/heartbeat': operation({
    summary: 'An enrolled instance says that it is alive',
    access: 'instance',
    servedBy: 'agents',
    body: HeartbeatInput,
    status: 200,
    answer: HeartbeatAnswer,
    errors: ['forbidden'],
  }),
} as const

export type Operations = typeof operations
export type OperationName = keyof Operations
