/** Tags on what is made at run time. Policies pin them, the sweeps and the runbook find things by them. */
export const TAGS = {
  stage: 'vestibule-stage',
  tenant: 'vestibule-tenant',
  agent: 'vestibule-agent',
  attempt: 'vestibule-attempt',
  /** On an agent's secret: the one instance that may read it. */
  instanceArn: 'instance-arn',
} as const
