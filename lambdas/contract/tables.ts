import { AUDIT_TIME_INDEX, LISTED_INDEX, PASSING_INDEX, SUPPORT_INDEX } from './names.ts'

/** The keys of a table or index: names of string attributes. */
export interface KeyNames {
  partition: string
  sort?: string
}

export interface TableShape {
  keys: KeyNames
  indexes: Readonly<Record<string, KeyNames>>
  /** The attribute, in epoch seconds, after which DynamoDB may remove a row. Reads never rely on it. */
  timeToLive?: string
}

/** The shape of every table: the CDK app creates them from this, and so does the embedded AWS. */
export const TABLES = {
  /** Who: accounts, tenants, invites, sessions, API tokens, heads of the audit chains. */
  directory: {
    keys: { partition: 'pk', sort: 'sk' },
    indexes: { [LISTED_INDEX]: { partition: 'listed', sort: 'listedAt' } },
    timeToLive: 'expiresAt',
  },
  /** What runs: agents, their names, launch attempts, instances, idempotency keys. */
  agents: {
    keys: { partition: 'pk', sort: 'sk' },
    indexes: {
      [PASSING_INDEX]: { partition: 'passing', sort: 'lookAt' },
      [SUPPORT_INDEX]: { partition: 'supported', sort: 'createdAt' },
    },
    timeToLive: 'expiresAt',
  },
  /** How often: counters and spent proofs, nothing that would be missed. */
  limits: { keys: { partition: 'pk' }, indexes: {}, timeToLive: 'expiresAt' },
  /** What was done: the audit trail. Functions may only put. */
  audit: {
    keys: { partition: 'chain', sort: 'sequence' },
    indexes: { [AUDIT_TIME_INDEX]: { partition: 'listed', sort: 'listedAt' } },
  },
} as const satisfies Record<string, TableShape>

export type TableName = keyof typeof TABLES
